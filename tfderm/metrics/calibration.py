"""Does a stated confidence mean what it says (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tfderm.errors import InputError
from tfderm.metrics.classification import check_probabilities

TEMPERATURES = (0.2, 20.0)
"""Bounds of a fitted temperature."""

_SMALLEST_PROBABILITY = 1e-38


def logits_of(probabilities: ArrayLike) -> np.ndarray:
    """Logits (N, num_classes) that give these probabilities: their logarithms, and so up to a constant per image."""
    return np.log(np.maximum(np.asarray(probabilities, np.float64), _SMALLEST_PROBABILITY))


def tempered(logits: ArrayLike, temperature: float) -> np.ndarray:
    """softmax(logits / temperature), (N, num_classes); the order of the classes stays."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fit_temperature(logits: ArrayLike, y_true: ArrayLike) -> float:
    """The temperature whose `tempered` probabilities have the least cross-entropy (Guo et al., section 4.2).

    Args:
        logits: (N, num_classes), of images that the model was not fitted to.
        y_true: (N,) true classes, integers.

    Returns:
        A number within `TEMPERATURES`: above 1 where the model is too sure of itself. Where every answer is right, at
        least 1: such images ask for ever larger confidence, and cannot say how much is due.

    Raises:
        InputError: shapes differ, or there are no images.
    """
    from scipy.optimize import minimize_scalar

    logits, y_true = np.asarray(logits, np.float64), np.asarray(y_true)
    if logits.ndim != 2 or y_true.shape != logits.shape[:1] or not y_true.size:
        raise InputError(
            "`logits` and `y_true` must have shapes (N, num_classes) and (N,), N at least 1. "
            f"Received: shapes {logits.shape} and {y_true.shape}"
        )
    y_true = y_true.astype(np.int64)
    below_true = logits - logits[np.arange(y_true.size), y_true][:, None]

    def loss(log_temperature: float) -> float:
        scaled = below_true / np.exp(log_temperature)
        largest = scaled.max(axis=1)
        return float(np.mean(largest + np.log(np.exp(scaled - largest[:, None]).sum(axis=1))))

    all_right = not np.any(below_true > 0)
    bounds = (0.0 if all_right else np.log(TEMPERATURES[0]), np.log(TEMPERATURES[1]))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-7}).x))


@dataclass(frozen=True)
class ReliabilityBins:
    """Images by confidence (the largest probability), in equal bins of 0..1, each open below and closed above.

    Args:
        edges: (bins + 1,) float64.
        count: (bins,) int64, images per bin.
        confidence: (bins,) mean confidence, NaN where the bin is empty.
        accuracy: (bins,) share predicted right, NaN where the bin is empty.
    """

    edges: np.ndarray
    count: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def reliability_bins(y_true: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> ReliabilityBins:
    """Group images by confidence.

    Args:
        y_true: (N,) true classes, integers.
        probabilities: (N, num_classes), rows sum to 1.
        bins: number of bins.
    """
    y_true, probabilities = check_probabilities(y_true, probabilities)
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == y_true
    edges = np.linspace(0, 1, bins + 1)
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)

    def mean(values: np.ndarray) -> np.ndarray:
        total = np.bincount(index, weights=values, minlength=bins)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    return ReliabilityBins(edges, count, mean(confidence), mean(correct))


def expected_calibration_error(y_true: ArrayLike, probabilities: ArrayLike, bins: int = 15) -> float:
    """Mean of |accuracy - confidence| over the bins, weighted by images (Guo et al., eq. 3); NaN for no images."""
    groups = reliability_bins(y_true, probabilities, bins)
    filled = groups.count > 0
    if not filled.any():
        return float("nan")
    gaps = np.abs(groups.accuracy - groups.confidence)[filled]
    return float(np.average(gaps, weights=groups.count[filled]))
