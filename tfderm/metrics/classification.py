"""Metrics of a predicted class. Classes are integers 0..num_classes-1, in the order of the model's labels."""

import numpy as np
from numpy.typing import ArrayLike

from tfderm.errors import InputError


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Share of images whose predicted class is the true one; NaN for no images.

    Args:
        y_true: (N,) true classes, integers.
        y_pred: (N,) predicted classes, integers.
    """
    y_true, y_pred = _classes(y_true, y_pred)
    return float(np.mean(y_true == y_pred)) if y_true.size else float("nan")


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, num_classes: int) -> np.ndarray:
    """Counts by true class (row) and predicted class (column): (num_classes, num_classes) int64."""
    y_true, y_pred = _classes(y_true, y_pred, num_classes)
    counts = np.bincount(y_true * num_classes + y_pred, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def class_recalls(y_true: ArrayLike, y_pred: ArrayLike, num_classes: int) -> np.ndarray:
    """Share of each class' images that are predicted as it: (num_classes,) float64, NaN for a class without images."""
    y_true, y_pred = _classes(y_true, y_pred, num_classes)
    total = np.bincount(y_true, minlength=num_classes)
    correct = np.bincount(y_true[y_true == y_pred], minlength=num_classes)
    return np.where(total > 0, correct / np.maximum(total, 1), np.nan)


def mean_class_recall(y_true: ArrayLike, y_pred: ArrayLike, num_classes: int) -> float:
    """Mean of `class_recalls` over the classes that have images (balanced accuracy); NaN for no images.

    A predictor that ignores the image scores 1 / number of classes, however unequal the classes are.
    """
    recalls = class_recalls(y_true, y_pred, num_classes)
    present = recalls[~np.isnan(recalls)]
    return float(present.mean()) if present.size else float("nan")


def cross_entropy(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of -ln p(true class), with p kept above 1e-7 as Keras does; NaN for no images.

    Args:
        y_true: (N,) true classes, integers.
        probabilities: (N, num_classes), rows sum to 1.
    """
    y_true, probabilities = check_probabilities(y_true, probabilities)
    chosen = probabilities[np.arange(y_true.size), y_true]
    return float(-np.mean(np.log(np.clip(chosen, 1e-7, 1 - 1e-7)))) if y_true.size else float("nan")


def check_probabilities(y_true: ArrayLike, probabilities: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """As arrays (N,) int64 and (N, num_classes) float64; `InputError` where they do not fit each other."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim != 2 or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise InputError(
            "`probabilities` must have shape (N, num_classes) with rows that sum to 1. "
            f"Received: shape {probabilities.shape}"
        )
    y_true, _ = _classes(y_true, np.argmax(probabilities, axis=1), probabilities.shape[1])
    return y_true, probabilities


def _classes(y_true: ArrayLike, y_pred: ArrayLike, num_classes: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.ndim != 1 or y_true.shape != y_pred.shape:
        raise InputError(
            f"`y_true` and `y_pred` must both have shape (N,). Received: shapes {y_true.shape} and {y_pred.shape}"
        )
    y_true, y_pred = y_true.astype(np.int64), y_pred.astype(np.int64)
    both = np.concatenate([y_true, y_pred])
    if num_classes is not None and both.size and not (both.min() >= 0 and both.max() < num_classes):
        raise InputError(
            f"classes must lie in 0..{num_classes - 1}. Received: classes from {both.min()} to {both.max()}"
        )
    return y_true, y_pred
