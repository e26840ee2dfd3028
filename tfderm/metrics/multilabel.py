"""Metrics of several labels on one image. Labels are columns, in the order of the model's."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from tfderm.errors import InputError
from tfderm.metrics.detection import choose_confidence


def label_average_precisions(y_true: ArrayLike, probabilities: ArrayLike) -> np.ndarray:
    """Average precision of each label: the mean precision at the places of its own images, the most probable first.

    Images of equal probability count together, so that a predictor that ignores the image scores the label's share.

    Args:
        y_true: (N, num_labels), 1 where the image shows the label, else 0.
        probabilities: (N, num_labels).

    Returns:
        (num_labels,) float64, 0..1; NaN for a label that no image shows.

    Raises:
        InputError: shapes differ.
    """
    y_true, probabilities = _check(y_true, probabilities)
    order = np.argsort(-probabilities, axis=0, kind="stable")
    shown = np.take_along_axis(y_true, order, axis=0)
    ordered = np.take_along_axis(probabilities, order, axis=0)
    counted = np.arange(1, len(shown) + 1)[:, None]
    precision = np.cumsum(shown, axis=0) / counted
    last = np.vstack([ordered[1:] < ordered[:-1], np.ones((1, ordered.shape[1]), bool)])[: len(ordered)]
    place = np.where(last, counted - 1, len(shown))  # Of the last image as probable as this one:
    place = np.minimum.accumulate(place[::-1], axis=0)[::-1]
    total = shown.sum(axis=0)
    reached = np.sum(np.take_along_axis(precision, place, axis=0) * shown, axis=0)
    return np.where(total > 0, reached / np.maximum(total, 1), np.nan)


def mean_average_precision(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of `label_average_precisions` over the labels that some image shows; NaN where none is shown."""
    values = label_average_precisions(y_true, probabilities)
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")


def mean_roc_auc(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean over the labels of the area under the ROC curve: how often an image that shows the label is given a larger
    probability than one that does not. Unlike average precision it does not depend on how frequent a label is.

    Labels that all images show, or none, do not count; NaN where no other is left. Arguments as
    `label_average_precisions`.
    """
    y_true, probabilities = _check(y_true, probabilities)
    if not len(y_true):
        return float("nan")
    shown = y_true.sum(axis=0)
    counted = (shown > 0) & (shown < len(y_true))
    positive = shown[counted]
    ranks = rankdata(probabilities[:, counted], axis=0)
    above = np.sum(ranks * y_true[:, counted], axis=0) - positive * (positive + 1) / 2
    areas = above / (positive * (len(y_true) - positive))
    return float(areas.mean()) if areas.size else float("nan")


def binary_cross_entropy(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean of -ln p(what is true) over images and labels, p kept between 1e-7 and 1 - 1e-7; NaN for no images."""
    return float(np.mean(image_cross_entropies(y_true, probabilities))) if len(np.asarray(y_true)) else float("nan")


def image_cross_entropies(y_true: ArrayLike, probabilities: ArrayLike) -> np.ndarray:
    """(N,) mean of -ln p(what is true) over the labels of each image."""
    y_true, probabilities = _check(y_true, probabilities)
    true = np.clip(np.where(y_true > 0, probabilities, 1 - probabilities), 1e-7, 1 - 1e-7)
    return -np.log(true).mean(axis=1)


def exact_matches(y_true: ArrayLike, present: ArrayLike) -> float:
    """Share of images of which every label is told right; NaN for no images.

    Args:
        y_true: (N, num_labels), 1 where the image shows the label, else 0.
        present: (N, num_labels), 1 where it is said to show it, else 0.
    """
    y_true, present = _check(y_true, present)
    return float(np.mean((y_true == present).all(axis=1))) if len(y_true) else float("nan")


def f1(y_true: ArrayLike, present: ArrayLike) -> float:
    """2 right / (said + true) of one label; NaN where it is neither said nor true of any image.

    Args:
        y_true: (N,), 1 where the image shows the label, else 0.
        present: (N,), 1 where it is said to show it, else 0.
    """
    y_true, present = np.asarray(y_true), np.asarray(present)
    either = y_true.sum() + present.sum()
    return float(2 * np.sum(y_true * present) / either) if either else float("nan")


def label_thresholds(y_true: ArrayLike, probabilities: ArrayLike) -> np.ndarray:
    """The probability from which on each label is said to be there: that of the largest F1.

    Args:
        y_true: (N, num_labels), of images that the model was not fitted to.
        probabilities: (N, num_labels).

    Returns:
        (num_labels,) float32, as the graph compares; 0.5 for a label that no image shows.
    """
    y_true, probabilities = _check(y_true, probabilities)
    chosen = [choose_confidence(p, shown, int(shown.sum())) for p, shown in zip(probabilities.T, y_true.T, strict=True)]
    return np.array(chosen, np.float32)


def _check(y_true: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    y_true, predicted = np.asarray(y_true, np.float64), np.asarray(predicted, np.float64)
    if y_true.ndim != 2 or y_true.shape != predicted.shape:
        raise InputError(
            "truth and prediction must both have shape (N, num_labels). "
            f"Received: shapes {y_true.shape} and {predicted.shape}"
        )
    return y_true, predicted
