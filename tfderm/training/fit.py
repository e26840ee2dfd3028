"""The training loop: epochs that can be stopped at any moment and continued as if nothing had happened."""

import sys
import time
from pathlib import Path

import keras
import numpy as np
from tensorboardX import SummaryWriter

from tfderm.errors import Interrupted
from tfderm.files import write_csv
from tfderm.pipeline.input_pipeline import InputPipeline
from tfderm.recipe import Recipe
from tfderm.run import Run
from tfderm.training.callbacks import ProgressBar, StopTraining, only_in_training
from tfderm.training.checkpoint import Progress, load_checkpoint, save_checkpoint
from tfderm.training.interrupt import deferred_interrupt
from tfderm.training.objective import compile_model


def fit(model: keras.Model, recipe: Recipe, training: InputPipeline, validation: InputPipeline, run: Run) -> None:
    """Train `model` in place, from the run's checkpoint where there is one.

    Everything random in an epoch follows from the recipe's seed and the epoch's number, and the checkpoint holds every
    variable, so that an interrupted run gives the losses of an uninterrupted one. Whether patience is over follows from
    the history.

    Raises:
        CheckFailed: a loss is not a number.
        Interrupted: the user stopped the run (Ctrl-C); it can be resumed.
    """
    steps = len(training.order(0))
    epochs = recipe.num_epochs(steps)
    compile_model(model, recipe, steps)
    create_variables(model, training)
    for leftover in run.checkpoint.parent.glob(".*"):
        leftover.unlink()
    progress = load_checkpoint(run.checkpoint, model) if run.checkpoint.is_file() else Progress()
    try:
        with deferred_interrupt() as interrupt, SummaryWriter(str(run.path / "tensorboard")) as board:
            for epoch in range(progress.epoch, epochs):
                if interrupt.is_set():
                    raise KeyboardInterrupt
                if recipe.patience and _epochs_since_the_best(progress) >= recipe.patience:
                    print(f"no smaller validation loss in {recipe.patience} epochs: training ends", file=sys.stderr)
                    break
                row = _epoch(model, training, validation, epoch, epochs, steps, interrupt)
                progress.epoch = epoch + 1
                progress.history.append(row)
                if recipe.select_best and row["val_loss"] < progress.best_loss:
                    progress.best_loss = row["val_loss"]
                    progress.best_weights = [np.asarray(variable) for variable in model.variables]
                save_checkpoint(run.checkpoint, model, progress)
                _log(run.path, board, progress)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped after {progress.epoch} of {epochs} epochs; continue with "
            f"`tfderm train {recipe.name} --resume -o {run.path}`."
        ) from None
    if progress.best_weights is not None:
        for variable, value in zip(model.variables, progress.best_weights, strict=True):
            variable.assign(value)


def create_variables(model: keras.Model, training: InputPipeline) -> None:
    """Variables of optimizer, losses and metrics. Left to the first step, TensorFlow would trace that step twice."""
    model.optimizer.build(model.trainable_variables)
    image, targets, *_ = next(iter(training.dataset()))
    outputs = model(image)
    model.compute_loss(image, targets, outputs)
    model.compute_metrics(image, targets, outputs)
    model.reset_metrics()


def _epochs_since_the_best(progress: Progress) -> int:
    losses = [row["val_loss"] for row in progress.history]
    return len(losses) - 1 - int(np.argmin(losses)) if losses else 0


def _epoch(model, training, validation, epoch, epochs, steps, interrupt) -> dict[str, float]:
    stop = StopTraining(training, epoch, interrupt)
    began = time.monotonic()
    history = model.fit(
        training.dataset(epoch),
        validation_data=validation.dataset() if validation.records else None,
        initial_epoch=epoch,
        epochs=epoch + 1,
        shuffle=False,
        verbose=0,
        callbacks=[stop, ProgressBar(epoch, epochs, steps)],
    ).history
    if stop.reason is not None:
        raise stop.reason
    unmeasured = only_in_training(model)
    figures = {name: float(values[-1]) for name, values in history.items() if name not in unmeasured}
    return {"epoch": epoch + 1, **figures, "seconds": round(time.monotonic() - began, 3)}


def _log(folder: Path, board: SummaryWriter, progress: Progress) -> None:
    row = progress.history[-1]
    write_csv(folder / "history.csv", list(row), progress.history)
    for name, value in row.items():
        if name not in ("epoch", "seconds"):
            board.add_scalar(name, value, row["epoch"])
    board.flush()
