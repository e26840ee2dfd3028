"""What watches a training run."""

import sys
import time

import keras
import numpy as np
from tqdm import tqdm

from tfderm.errors import CheckFailed
from tfderm.pipeline.input_pipeline import InputPipeline


class StopOnNaN(keras.callbacks.Callback):
    """Stop at the first loss that is not a number, naming the images of its batch."""

    def __init__(self, pipeline: InputPipeline, epoch: int):
        super().__init__()
        self._pipeline = pipeline
        self._order = pipeline.order(epoch)
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        # The logged loss is the mean since the epoch began, so the first NaN belongs to this batch.
        if not np.isfinite(float(logs["loss"])):
            names = ", ".join(self._pipeline.records[position].image for position in self._order[batch])
            raise CheckFailed(
                f"Loss is {float(logs['loss'])} in epoch {self._epoch + 1}, step {batch + 1}. Batch: {names}. "
                "Look at these images and labels, or lower the learning rate (--set learning_rate=...)."
            )


class ProgressBar(keras.callbacks.Callback):
    """Steps of an epoch on stderr, with the loss and the time the whole run still needs."""

    def __init__(self, epoch: int, epochs: int, steps: int):
        super().__init__()
        self._epoch, self._epochs, self._steps = epoch, epochs, steps

    def on_train_begin(self, logs=None):
        self._started = time.monotonic()
        self._bar = tqdm(
            total=self._steps,
            desc=f"epoch {self._epoch + 1}/{self._epochs}",
            file=sys.stderr,
            mininterval=1.0,
            leave=False,
            disable=not sys.stderr.isatty(),
        )

    def on_train_batch_end(self, batch, logs=None):
        self._bar.set_postfix(loss=f"{float(logs['loss']):.3f}", refresh=False)
        self._bar.update()

    def on_epoch_end(self, epoch, logs=None):
        self._bar.close()
        seconds = time.monotonic() - self._started
        remaining = seconds * (self._epochs - self._epoch - 1)
        figures = "  ".join(f"{name} {float(value):.3f}" for name, value in logs.items() if "location" not in name)
        print(
            f"epoch {self._epoch + 1}/{self._epochs}  {figures}  {seconds:.0f} s, about {remaining:.0f} s to go",
            file=sys.stderr,
            flush=True,
        )
