"""Answering only when sure: accuracy against coverage, and the confidence from which to answer."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tfderm.errors import InputError
from tfderm.metrics.bootstrap import Interval

SMALLEST_ANSWERED = 30
"""Images below which an accuracy says too little to choose a cut-off by."""


def accuracy_at_coverage(correct: ArrayLike, confidence: ArrayLike, coverage: float) -> float:
    """Accuracy on the share `coverage` of images with the largest confidence, rounded up to whole images.

    Args:
        correct: (N,) bool, whether the answer is right.
        confidence: (N,) of the answers; which of equally confident images count is left open.
        coverage: above 0, at most 1.

    Returns:
        0..1; NaN for no images.

    Raises:
        InputError: shapes differ, or `coverage` is out of range.

    Reference:
        El-Yaniv & Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010.
    """
    correct, confidence = _check(correct, confidence)
    if not 0 < coverage <= 1:
        raise InputError(f"`coverage` must lie above 0, at most 1. Received: coverage={coverage}")
    if not correct.size:
        return float("nan")
    answered = math.ceil(round(coverage * correct.size, 9))
    return float(correct[np.argpartition(-confidence, answered - 1)[:answered]].mean())


def area_under_risk_coverage(correct: ArrayLike, confidence: ArrayLike) -> float:
    """Mean over k = 1..N of the share of wrong answers among the k most confident; 0 is best, NaN for no images.

    Arguments as `accuracy_at_coverage`.

    Reference:
        Geifman & El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017.
    """
    correct, confidence = _check(correct, confidence)
    if not correct.size:
        return float("nan")
    wrong = 1 - correct[np.argsort(-confidence, kind="stable")]
    return float(np.mean(np.cumsum(wrong) / np.arange(1, wrong.size + 1)))


def cut_off(
    correct: ArrayLike, confidence: ArrayLike, wanted_accuracy: float, smallest: int = SMALLEST_ANSWERED
) -> float | None:
    """The smallest confidence from which on answers are right often enough.

    At it, and at every higher one that still answers `smallest` images, the answered images are right at least as often
    as wanted: a curve that dips below and rises again by chance is not trusted.

    Args:
        correct: (N,) bool, of images that the model was not fitted to.
        confidence: (N,) of their answers.
        wanted_accuracy: 0..1.
        smallest: number of answered images from which an accuracy counts.

    Returns:
        The threshold, midway to the next less confident image: an image is answered from it on; 0.0 where all may be
        answered. None where no confidence gives the wanted accuracy.

    Raises:
        InputError: shapes differ.
    """
    correct, confidence = _check(correct, confidence)
    order = np.argsort(-confidence, kind="stable")
    ordered, answered = confidence[order], np.arange(1, correct.size + 1)
    separable = np.append(ordered[1:] < ordered[:-1], True)[: correct.size]
    usable = np.flatnonzero(separable & (answered >= smallest))
    accurate = (np.cumsum(correct[order]) / answered)[usable] >= wanted_accuracy
    held = int(np.argmin(np.append(accurate, False)))  # Position of the first that is not.
    if not held:
        return None
    last = usable[held - 1]
    return float((ordered[last] + ordered[last + 1]) / 2) if last + 1 < correct.size else 0.0


def monotone_within(curve: Sequence[Interval]) -> bool:
    """Is there a curve that never rises within these intervals, which are in the order of growing coverage?"""
    low = np.array([interval.low for interval in curve])
    high = np.array([interval.high for interval in curve])
    return bool(np.all(np.maximum.accumulate(low[::-1])[::-1] <= high))


def _check(correct: ArrayLike, confidence: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    correct, confidence = np.asarray(correct, np.float64), np.asarray(confidence, np.float64)
    if correct.ndim != 1 or correct.shape != confidence.shape:
        raise InputError(
            f"`correct` and `confidence` must both have shape (N,). Received: {correct.shape} and {confidence.shape}"
        )
    return correct, confidence
