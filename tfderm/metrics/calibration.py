"""Does a stated confidence mean what it says (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tfderm.metrics.classification import check_probabilities


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
