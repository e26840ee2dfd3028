"""Trivial baselines that stand beside every evaluation: a model no better than these has learned nothing useful.

All share one interface: `fit(images, y, groups)` and `predict(images)`; classifiers also `predict_proba(images)`.
Images are (N, H, W, 3) uint8 RGB; y is (N,) scores or class indices, or (N, num_labels), 1 for the labels shown; groups
is (N,) and names the patient (or lesion) of each image, which the choice of regularisation never divides.
"""

from collections.abc import Sequence
from typing import Self

import cv2
import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score, balanced_accuracy_score, mean_absolute_error
from sklearn.model_selection import GroupKFold

from tfderm.errors import InputError

BINS = (8, 12, 12)
_LAB_RANGES = ((0, 256), (104, 200), (96, 192))  # OpenCV's 8-bit Lab; colours outside count in the border bins
_RIDGE_PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
_LOGISTIC_STRENGTHS = (0.1, 1.0, 10.0)
_INNER_FOLDS = 4

Images = np.ndarray | Sequence[np.ndarray]


def colour_histogram(image: np.ndarray) -> np.ndarray:
    """Joint Lab histogram: how much of the image has which colour, wherever it is.

    Args:
        image: (H, W, 3) uint8 RGB.

    Returns:
        (8 * 12 * 12,) float64, square roots of the shares of pixels, so that its Euclidean length is 1 and distances
        are Hellinger distances; bins are ordered lightness, green-red, blue-yellow.

    Raises:
        InputError: another shape or dtype.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(f"`image` must be (H, W, 3) uint8 RGB. Received: {image.shape} {image.dtype}.")
    lab = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2Lab).reshape(-1, 3).astype(np.int64)
    index = np.zeros(len(lab), np.int64)
    for channel, (bins, (low, high)) in enumerate(zip(BINS, _LAB_RANGES, strict=True)):
        index = index * bins + np.clip((lab[:, channel] - low) * bins // (high - low), 0, bins - 1)
    counts = np.bincount(index, minlength=int(np.prod(BINS)))
    return np.sqrt(counts / len(lab))


class ConstantSeverity:
    """Predicts the training median, the constant with the smallest mean absolute error."""

    def fit(self, images: Images, y: ArrayLike, groups: ArrayLike) -> Self:
        self.median = float(np.median(_targets(images, y, groups)))
        return self

    def predict(self, images: Images) -> np.ndarray:
        """(N,) float64 scores."""
        return np.full(len(images), self.median)


class ColourHistogramSeverity:
    """Ridge regression on `colour_histogram`; its penalty has the smallest error on held-out groups of the data."""

    def fit(self, images: Images, y: ArrayLike, groups: ArrayLike) -> Self:
        y, features = _targets(images, y, groups), _histograms(images)
        errors = {
            penalty: _held_out(Ridge(alpha=penalty), features, y, groups, mean_absolute_error)
            for penalty in _RIDGE_PENALTIES
        }
        self.model = Ridge(alpha=min(errors, key=errors.get)).fit(features, y)
        self.range = float(y.min()), float(y.max())
        return self

    def predict(self, images: Images) -> np.ndarray:
        """(N,) float64 scores, within the range of the training scores."""
        return np.clip(self.model.predict(_histograms(images)), *self.range)


class MajorityClass:
    """Predicts the most frequent training class; its probabilities are the classes' training shares."""

    def fit(self, images: Images, y: ArrayLike, groups: ArrayLike) -> Self:
        y = _targets(images, y, groups).astype(np.int64)
        self.shares = np.bincount(y) / len(y)
        return self

    def predict(self, images: Images) -> np.ndarray:
        """(N,) int64 class indices."""
        return np.full(len(images), int(self.shares.argmax()))

    def predict_proba(self, images: Images) -> np.ndarray:
        """(N, largest class index + 1) float64 probabilities."""
        return np.tile(self.shares, (len(images), 1))


class ColourHistogramClassifier:
    """Multinomial logistic regression on `colour_histogram`, classes weighted equally.

    The regularisation is the one with the highest mean class recall on held-out groups of the data.
    """

    def fit(self, images: Images, y: ArrayLike, groups: ArrayLike) -> Self:
        y, features = _targets(images, y, groups).astype(np.int64), _histograms(images)
        self.occupied = features.any(axis=0)  # an empty bin gets no weight, only time
        features = features[:, self.occupied]
        if len(np.unique(y)) < 2:
            raise InputError(f"A classifier needs at least two classes to learn from. Received: {np.unique(y)}.")
        recalls = {
            strength: _held_out(_logistic(strength), features, y, groups, balanced_accuracy_score)
            for strength in _LOGISTIC_STRENGTHS
        }
        self.model = _logistic(max(recalls, key=recalls.get)).fit(features, y)
        return self

    def predict(self, images: Images) -> np.ndarray:
        """(N,) int64 class indices."""
        return self.predict_proba(images).argmax(axis=1)

    def predict_proba(self, images: Images) -> np.ndarray:
        """(N, largest class index + 1) float64 probabilities; 0 for a class that the training data lacks."""
        probabilities = np.zeros((len(images), int(self.model.classes_.max()) + 1))
        probabilities[:, self.model.classes_] = self.model.predict_proba(_histograms(images)[:, self.occupied])
        return probabilities


class LabelShares:
    """Predicts of every label the share of training images that show it."""

    def fit(self, images: Images, y: ArrayLike, groups: ArrayLike) -> Self:
        self.shares = _targets(images, y, groups, dimensions=2).mean(axis=0)
        return self

    def predict_proba(self, images: Images) -> np.ndarray:
        """(N, num_labels) float64 probabilities."""
        return np.tile(self.shares, (len(images), 1))


class ColourHistogramLabels:
    """A logistic regression on `colour_histogram` for every label.

    The regularisation, one for all labels, is the one with the highest mean average precision on held-out groups.
    """

    def fit(self, images: Images, y: ArrayLike, groups: ArrayLike) -> Self:
        y, features = _targets(images, y, groups, dimensions=2), _histograms(images)
        self.shares = y.mean(axis=0)
        self.learned = np.flatnonzero((self.shares > 0) & (self.shares < 1))
        precisions = {}
        for strength in _LOGISTIC_STRENGTHS:
            precisions[strength] = sum(
                _held_out(_ProbabilityOf(strength), features, y[:, label], groups, average_precision_score)
                for label in self.learned
            )
        strength = max(precisions, key=precisions.get)
        self.models = [_ProbabilityOf(strength).fit(features, y[:, label]) for label in self.learned]
        return self

    def predict_proba(self, images: Images) -> np.ndarray:
        """(N, num_labels) float64 probabilities; a label that all training images show, or none, keeps its share."""
        features, probabilities = _histograms(images), np.tile(self.shares, (len(images), 1))
        for label, model in zip(self.learned, self.models, strict=True):
            probabilities[:, label] = model.predict(features)
        return probabilities


class _ProbabilityOf:
    """A logistic regression whose prediction is the probability of 1."""

    def __init__(self, strength: float):
        self.model = LogisticRegression(C=strength, max_iter=2000)

    def fit(self, features: np.ndarray, y: np.ndarray) -> Self:
        self.model.fit(features, y)
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(features)[:, 1]


def _logistic(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)


def _histograms(images: Images) -> np.ndarray:
    return np.stack([colour_histogram(image) for image in images])


def _targets(images: Images, y: ArrayLike, groups: ArrayLike, dimensions: int = 1) -> np.ndarray:
    y = np.asarray(y)
    if y.ndim != dimensions or len(y) == 0 or not len(images) == len(y) == len(np.asarray(groups)):
        lengths = f"{len(images)} images, y of shape {y.shape}, {len(np.asarray(groups))} groups"
        raise InputError(f"images, y and groups must be equally long and not empty. Received: {lengths}.")
    return y


def _held_out(model, features: np.ndarray, y: np.ndarray, groups: ArrayLike, metric) -> float:
    """`metric` of the predictions for each group by a model that did not see it; 0 with fewer than two groups."""
    folds = min(_INNER_FOLDS, len(set(np.asarray(groups).tolist())))
    if folds < 2:
        return 0.0
    y_pred = np.empty(len(y))
    for fit, held in GroupKFold(folds).split(features, y, groups):
        if len(np.unique(y[fit])) < 2:
            y_pred[held] = y[fit][0]
        else:
            y_pred[held] = model.fit(features[fit], y[fit]).predict(features[held])
    return float(metric(y, y_pred))
