"""What watches a training run."""

import sys
import time
from threading import Event

import keras
import numpy as np
from tqdm import tqdm

from tfderm.errors import CheckFailed
from tfderm.pipeline.input_pipeline import InputPipeline


class StopTraining(keras.callbacks.Callback):
    """End `keras.Model.fit` at the batch in which the user asked for it or the loss is not a number.

    Fit returns instead of raising, so that the threads that prepare the next batches end with it; `reason` is what the
    caller raises then.
    """

    def __init__(self, pipeline: InputPipeline, epoch: int, interrupt: Event):
        super().__init__()
        self.reason: BaseException | None = None
        self._pipeline = pipeline
        self._order = pipeline.order(epoch)
        self._epoch = epoch
        self._interrupt = interrupt

    def on_train_batch_end(self, batch, logs=None):
        loss = float(logs["loss"])
        # The logged loss is the mean since the epoch began, so the first NaN belongs to this batch.
        if not np.isfinite(loss):
            names = ", ".join(self._pipeline.records[position].image for position in self._order[batch])
            self._stop(
                CheckFailed(
                    f"Loss is {loss} in epoch {self._epoch + 1}, step {batch + 1}. Batch: {names}. "
                    "Look at these images and labels, or lower the learning rate (--set learning_rate=...)."
                )
            )
        elif self._interrupt.is_set():
            self._stop(KeyboardInterrupt())

    def on_test_batch_end(self, batch, logs=None):
        if self._interrupt.is_set() and self.reason is None:
            self._stop(KeyboardInterrupt())
        self.model.stop_evaluating = self.reason is not None

    def _stop(self, reason: BaseException) -> None:
        self.reason = reason
        self.model.stop_training = True


def only_in_training(model: keras.Model) -> set[str]:
    """Names of figures that Keras logs of a validation although layers measure them while training alone."""
    return {f"val_{metric.name}" for layer in model.layers for metric in layer.metrics}


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
        if self.model.stop_training:
            return
        seconds = time.monotonic() - self._started
        remaining = seconds * (self._epochs - self._epoch - 1)
        unmeasured = only_in_training(self.model)
        figures = "  ".join(
            f"{name} {float(value):.3f}"
            for name, value in logs.items()
            if not {"location", "auxiliary"} & set(name.split("_")) and name not in unmeasured
        )
        print(
            f"epoch {self._epoch + 1}/{self._epochs}  {figures}  {seconds:.0f} s, about {remaining:.0f} s to go",
            file=sys.stderr,
            flush=True,
        )
