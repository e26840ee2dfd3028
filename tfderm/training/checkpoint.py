"""The state of a training run between two epochs: one file, whole or absent, that works on any backend."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfderm.errors import InputError
from tfderm.files import atomic_path


@dataclass
class Progress:
    """What is known after `epoch` finished epochs.

    Args:
        epoch: number of finished epochs.
        history: a row per finished epoch.
        best_loss: smallest validation loss so far.
        best_weights: model variables of that epoch; None where the recipe keeps the last epoch.
    """

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_loss: float = float("inf")
    best_weights: list[np.ndarray] | None = None


def save_checkpoint(path: Path, model: keras.Model, progress: Progress) -> None:
    """Write every variable of the model (weights, statistics, seed states) and of its optimizer, and the progress."""
    arrays: dict[str, Any] = {}
    for prefix, values in (
        ("model", [np.asarray(variable) for variable in model.variables]),
        ("optimizer", [np.asarray(variable) for variable in model.optimizer.variables]),
        ("best", progress.best_weights or []),
    ):
        arrays |= {f"{prefix}_{index}": value for index, value in enumerate(values)}
    state = {"epoch": progress.epoch, "history": progress.history, "best_loss": progress.best_loss}
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, state=np.array(json.dumps(state)), **arrays)


def load_checkpoint(path: Path, model: keras.Model) -> Progress:
    """Restore what `save_checkpoint` wrote into a compiled model.

    Raises:
        InputError: the file is damaged, or the model has other variables.
    """
    try:
        with np.load(path) as archive:
            state = json.loads(str(archive["state"]))
            model.optimizer.build(model.trainable_variables)
            for prefix, variables in (("model", model.variables), ("optimizer", model.optimizer.variables)):
                _assign(path, variables, _numbered(archive, prefix))
            best = _numbered(archive, "best") or None
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise InputError(f"{path} is damaged ({error}); delete it and start the run again.") from None
    return Progress(state["epoch"], state["history"], state["best_loss"], best)


def _numbered(archive, prefix: str) -> list[np.ndarray]:
    count = sum(name.startswith(f"{prefix}_") for name in archive.files)
    return [archive[f"{prefix}_{index}"] for index in range(count)]


def _assign(path: Path, variables, values) -> None:
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        raise InputError(f"{path} belongs to another model; resume with the recipe it was written for.")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
