"""Metrics of severity, classes and detection: NumPy functions over a whole split, Keras metrics to watch training.

The Keras metrics are loaded when first used, so that NumPy users need no Keras.
"""

import importlib

from tfderm.metrics.area import area_corners
from tfderm.metrics.bootstrap import BootstrapSample, Interval, bootstrap_interval, bootstrap_sample, paired_difference
from tfderm.metrics.calibration import (
    ReliabilityBins,
    expected_calibration_error,
    fit_temperature,
    logits_of,
    reliability_bins,
    tempered,
)
from tfderm.metrics.change import smallest_detectable_change
from tfderm.metrics.classification import accuracy, class_recalls, confusion_matrix, cross_entropy, mean_class_recall
from tfderm.metrics.conformal import ConformalIntervals, conformal_quantile, repeated_coverage
from tfderm.metrics.conformal_sets import ConformalSets, repeated_set_coverage
from tfderm.metrics.detection import (
    average_precision,
    choose_confidence,
    match_detections,
    precision_at,
    precision_recall_curve,
    recall_at,
)
from tfderm.metrics.familiarity import PrincipalSubspace
from tfderm.metrics.multilabel import (
    binary_cross_entropy,
    exact_matches,
    f1,
    image_cross_entropies,
    label_average_precisions,
    label_thresholds,
    mean_average_precision,
    mean_roc_auc,
)
from tfderm.metrics.selective import accuracy_at_coverage, area_under_risk_coverage, cut_off, monotone_within
from tfderm.metrics.severity import SEVERITY_RANGES, mean_absolute_error, pair_accuracy, severity_range

_KERAS_METRICS = {
    "MeanClassRecall": "tfderm.metrics.streaming_mean_class_recall",
    "PairAccuracy": "tfderm.metrics.streaming_pair_accuracy",
}

__all__ = [
    "BootstrapSample",
    "ConformalIntervals",
    "ConformalSets",
    "Interval",
    "MeanClassRecall",
    "PairAccuracy",
    "PrincipalSubspace",
    "ReliabilityBins",
    "SEVERITY_RANGES",
    "accuracy",
    "accuracy_at_coverage",
    "area_corners",
    "area_under_risk_coverage",
    "average_precision",
    "binary_cross_entropy",
    "bootstrap_interval",
    "bootstrap_sample",
    "choose_confidence",
    "class_recalls",
    "conformal_quantile",
    "confusion_matrix",
    "cross_entropy",
    "cut_off",
    "exact_matches",
    "expected_calibration_error",
    "f1",
    "fit_temperature",
    "image_cross_entropies",
    "label_average_precisions",
    "label_thresholds",
    "logits_of",
    "match_detections",
    "mean_absolute_error",
    "mean_average_precision",
    "mean_class_recall",
    "mean_roc_auc",
    "monotone_within",
    "pair_accuracy",
    "paired_difference",
    "precision_at",
    "precision_recall_curve",
    "recall_at",
    "reliability_bins",
    "repeated_coverage",
    "repeated_set_coverage",
    "severity_range",
    "smallest_detectable_change",
    "tempered",
]


def __getattr__(name: str):
    if name in _KERAS_METRICS:
        return getattr(importlib.import_module(_KERAS_METRICS[name]), name)
    raise AttributeError(f"module 'tfderm.metrics' has no attribute {name!r}")
