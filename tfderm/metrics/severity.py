"""Metrics of a predicted severity score (paper 1, "Experiments": MAE and PA)."""

import numpy as np
from numpy.typing import ArrayLike

from tfderm.errors import InputError

SEVERITY_RANGES = ("[0, 5)", "[5, 10)", "[10, 15)", "[15, 20]", "(20, 72]")


def severity_range(scores: ArrayLike) -> np.ndarray:
    """Position in `SEVERITY_RANGES` of each score (paper 1, figures 4 to 7).

    5, 10 and 15 belong to the range above them, as in the clinical bands; 20 to the range below, because the paper's
    last range is "larger than 20".
    """
    scores = np.asarray(scores, np.float64)
    return np.digitize(scores, (5, 10, 15)) + (scores > 20)


def mean_absolute_error(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Mean of |y_true - y_pred|, in the unit of the score; NaN for no images.

    Args:
        y_true: (N,) true scores.
        y_pred: (N,) predicted scores.
    """
    y_true, y_pred = _scores(y_true, y_pred)
    return float(np.mean(np.abs(y_true - y_pred))) if y_true.size else float("nan")


def pair_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """Share of image pairs that the predictions put in the true order.

    Over all unordered pairs whose true scores differ: a pair predicted in the true order counts 1, in the reverse
    order 0, and a pair with equal predictions one half, so that a constant predictor scores exactly 0.5. It equals
    (1 + Somers' D of the prediction given the truth) / 2, computed exactly in O(N log² N).

    Args:
        y_true: (N,) true scores.
        y_pred: (N,) predicted scores; only their order matters.

    Returns:
        0..1, or NaN where no two true scores differ.

    Raises:
        InputError: different lengths, or a value that is not finite.
    """
    y_true, y_pred = _scores(y_true, y_pred)
    truth = np.unique(y_true, return_inverse=True)[1]
    rank = np.unique(y_pred, return_inverse=True)[1]
    both = truth * (rank.max(initial=0) + 1) + rank
    pairs = y_true.size * (y_true.size - 1) // 2 - _tied_pairs(truth)
    if pairs == 0:
        return float("nan")
    predicted_ties = _tied_pairs(rank) - _tied_pairs(both)
    reversed_pairs = _inversions(rank[np.argsort(both, kind="stable")])
    return (pairs - reversed_pairs - predicted_ties / 2) / pairs


def _tied_pairs(values: np.ndarray) -> int:
    counts = np.unique(values, return_counts=True)[1]
    return int(np.sum(counts * (counts - 1) // 2))


def _inversions(values: np.ndarray) -> int:
    """Number of positions i < j with values[i] > values[j], by merging sorted blocks; values are ranks from 0."""
    size = 1 << max(values.size - 1, 1).bit_length()
    top = values.size  # Above every rank, so that the padding at the end is in no inversion.
    blocks = np.full(size, top, dtype=np.int64)
    blocks[: values.size] = values
    total, width = 0, 1
    while width < size:
        halves = blocks.reshape(-1, 2, width)
        offset = np.arange(len(halves))[:, None] * (top + 1)
        left, right = (halves[:, 0] + offset).ravel(), (halves[:, 1] + offset).ravel()
        # Sorted blocks with rising offsets are one sorted array: one search counts, for all blocks, right < left.
        total += int(np.sum(np.searchsorted(right, left) - np.repeat(np.arange(len(halves)) * width, width)))
        blocks = np.sort(halves.reshape(-1, 2 * width), axis=1)
        width *= 2
    return total


def _scores(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    y_true, y_pred = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    if y_true.ndim != 1 or y_true.shape != y_pred.shape:
        raise InputError(
            f"`y_true` and `y_pred` must both have shape (N,). Received: shapes {y_true.shape} and {y_pred.shape}"
        )
    if not (np.isfinite(y_true).all() and np.isfinite(y_pred).all()):
        raise InputError(
            "`y_true` and `y_pred` must be finite. Received: NaN or infinity; look for failed predictions."
        )
    return y_true, y_pred
