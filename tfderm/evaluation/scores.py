"""The numbers of an evaluation: every metric of the model, of the trivial baselines, and their paired differences."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfderm import metrics
from tfderm.errors import InputError
from tfderm.evaluation.predictions import Predictions
from tfderm.metrics import BootstrapSample, bootstrap_interval, bootstrap_sample

REPEATS = 1000
LEVEL = 0.95
RELIABILITY_BINS = 15
# "Excluding these extreme samples", paper 1: scores larger than 20.
EXTREME = 20
# Of the prediction intervals, not of the bootstrap.
INTERVAL_LEVEL = 0.9


@dataclass(frozen=True)
class Metric:
    """How a metric is computed, called and judged.

    Args:
        title: words for people.
        function: (y_true, prediction) -> float.
        unit: "points" (PASI), "%" (a share, stored 0..1) or "" (no unit).
        lower_is_better: direction.
    """

    title: str
    function: Callable[..., float]
    unit: str
    lower_is_better: bool


def task_metrics(task: str, num_classes: int = 0) -> dict[str, Metric]:
    """Metrics of a task by the name they have in `metrics.json`, the leading one first."""
    if task == "detection":
        return {
            "recall": Metric("Recall", _recall, "%", False),
            "precision": Metric("Precision", _precision, "%", False),
            "ap50": Metric("Average precision at IoU 0.5", _average_precision, "%", False),
        }
    if task == "severity":
        return {
            "mae": Metric("Mean absolute error", metrics.mean_absolute_error, "points", True),
            "pair_accuracy": Metric("Pair accuracy", metrics.pair_accuracy, "%", False),
        }
    if task == "multilabel":
        return {
            "mean_average_precision": Metric("Mean average precision", metrics.mean_average_precision, "%", False),
            "mean_roc_auc": Metric("Mean area under the ROC curve", metrics.mean_roc_auc, "%", False),
            "loss": Metric("Binary cross-entropy loss", metrics.binary_cross_entropy, "", True),
        }

    def recall(y_true, probabilities):
        return metrics.mean_class_recall(y_true, probabilities.argmax(1), num_classes)

    def accuracy(y_true, probabilities):
        return metrics.accuracy(y_true, probabilities.argmax(1))

    def calibration_error(y_true, probabilities):
        return metrics.expected_calibration_error(y_true, probabilities, RELIABILITY_BINS)

    return {
        "mean_class_recall": Metric("Mean class recall", recall, "%", False),
        "accuracy": Metric("Accuracy", accuracy, "%", False),
        "loss": Metric("Cross-entropy loss", metrics.cross_entropy, "", True),
        "calibration_error": Metric("Expected calibration error", calibration_error, "%", True),
    }


def score(predictions: Predictions, seed: int = 0) -> dict[str, Any]:
    """All metrics of `predictions` in JSON form, each as {value, low, high, undefined}.

    Intervals are percentile intervals over resampled groups; `differences` are model minus baseline on the same
    resamples; `undefined` is the share of resamples on which a metric has no value; `better_baseline` names, per
    metric, the baseline that scores best, the one to beat.

    Args:
        predictions: of the model and its baselines.
        seed: of the resamples.
    """
    p = predictions
    options = {"repeats": REPEATS, "level": LEVEL, "seed": seed}
    table = task_metrics(p.task, len(p.labels))

    def samples(prediction: np.ndarray) -> dict[str, BootstrapSample]:
        return {
            name: bootstrap_sample(metric.function, (p.y_true, prediction), p.groups, repeats=REPEATS, seed=seed)
            for name, metric in table.items()
        }

    def intervals(row: Mapping[str, BootstrapSample]) -> dict[str, Any]:
        return {name: sample.interval(LEVEL).to_json() for name, sample in row.items()}

    model = samples(p.y_pred)
    samples_of = {name: samples(prediction) for name, prediction in p.baselines.items()}
    baselines = {name: intervals(row) for name, row in samples_of.items()}
    result = {
        "num_images": len(p.images),
        "num_groups": len(set(p.groups)),
        "interval": {
            "level": LEVEL,
            "repeats": REPEATS,
            "seed": seed,
            "method": "percentile bootstrap over patients (lesions where there is no patient)",
        },
        "model": intervals(model),
        "baselines": baselines,
        "differences": {
            baseline: intervals({name: model[name] - sample for name, sample in row.items()})
            for baseline, row in samples_of.items()
        },
        "better_baseline": {name: _best(baselines, name, metric.lower_is_better) for name, metric in table.items()},
    }
    if p.task == "detection":
        return result
    details = {"severity": _severity_details, "classification": _class_details, "multilabel": _label_details}
    return result | details[p.task](p, options)


def _recall(num_true: np.ndarray, judged: np.ndarray) -> float:
    rows = np.concatenate(list(judged))
    return float(np.sum((rows[:, 1] >= 0) & (rows[:, 2] > 0)) / num_true.sum()) if num_true.any() else float("nan")


def _precision(num_true: np.ndarray, judged: np.ndarray) -> float:
    rows = np.concatenate(list(judged))
    counted = rows[:, 2] > 0
    return float(np.mean(rows[counted, 1] >= 0)) if counted.any() else float("nan")


def _average_precision(num_true: np.ndarray, judged: np.ndarray) -> float:
    rows = np.concatenate(list(judged))
    return metrics.average_precision(rows[:, 0], rows[:, 1] >= 0, int(num_true.sum()))


def _best(baselines: Mapping[str, Any], metric: str, lower_is_better: bool) -> str | None:
    values = {name: row[metric]["value"] for name, row in baselines.items() if row[metric]["value"] is not None}
    return (min if lower_is_better else max)(values, key=values.__getitem__) if values else None


def _severity_details(p: Predictions, options: Mapping[str, Any]) -> dict[str, Any]:
    def mae_of(rows: np.ndarray, prediction: np.ndarray) -> dict[str, Any]:
        groups = [p.groups[row] for row in np.flatnonzero(rows)]
        arrays = (p.y_true[rows], prediction[rows])
        return bootstrap_interval(metrics.mean_absolute_error, arrays, groups, **options).to_json()

    def row(rows: np.ndarray, label: str) -> dict[str, Any]:
        if not rows.any():
            return {"range": label, "n": 0, "model": None, "baselines": {}}
        baselines = {name: mae_of(rows, prediction) for name, prediction in p.baselines.items()}
        return {"range": label, "n": int(rows.sum()), "model": mae_of(rows, p.y_pred), "baselines": baselines}

    def ratio(y_true, y_pred, constant):
        below = metrics.mean_absolute_error(y_true, constant)
        return metrics.mean_absolute_error(y_true, y_pred) / below if below else float("nan")

    ranges = metrics.severity_range(p.y_true)
    result: dict[str, Any] = {
        "ranges": [row(ranges == index, label) for index, label in enumerate(metrics.SEVERITY_RANGES)],
        "without_extremes": row(p.y_true <= EXTREME, f"<= {EXTREME}"),
        "prediction_intervals": _prediction_intervals(p, options["seed"]),
    }
    if "constant" in p.baselines:
        arrays = (p.y_true, p.y_pred, p.baselines["constant"])
        result["mae_relative_to_constant"] = bootstrap_interval(ratio, arrays, p.groups, **options).to_json()
    return result


def _prediction_intervals(p: Predictions, seed: int) -> dict[str, Any]:
    """Coverage of conformal intervals on these predictions, or the reason why it cannot be told."""
    try:
        return metrics.repeated_coverage(p.y_true, p.y_pred, p.groups, level=INTERVAL_LEVEL, seed=seed)
    except InputError as error:
        return {"level": INTERVAL_LEVEL, "too_few": str(error)}


def _class_details(p: Predictions, options: Mapping[str, Any]) -> dict[str, Any]:
    num_classes = len(p.labels)

    def recall_of(index: int, prediction: np.ndarray) -> dict[str, Any]:
        def statistic(y_true, probabilities):
            return metrics.class_recalls(y_true, probabilities.argmax(1), num_classes)[index]

        return bootstrap_interval(statistic, (p.y_true, prediction), p.groups, **options).to_json()

    bins = metrics.reliability_bins(p.y_true, p.y_pred, RELIABILITY_BINS)

    def numbers(values: np.ndarray) -> list[float | None]:
        return [None if np.isnan(value) else float(value) for value in values]

    return {
        "labels": list(p.labels),
        "class_recalls": {
            label: {
                "n": int(np.sum(p.y_true == index)),
                "model": recall_of(index, p.y_pred),
                "baselines": {name: recall_of(index, prediction) for name, prediction in p.baselines.items()},
            }
            for index, label in enumerate(p.labels)
        },
        "confusion_matrix": metrics.confusion_matrix(p.y_true, p.y_pred.argmax(1), num_classes).tolist(),
        "reliability": {
            "edges": bins.edges.tolist(),
            "count": bins.count.tolist(),
            "confidence": numbers(bins.confidence),
            "accuracy": numbers(bins.accuracy),
        },
    }


def _label_details(p: Predictions, options: Mapping[str, Any]) -> dict[str, Any]:
    def precision_of(index: int, prediction: np.ndarray) -> dict[str, Any]:
        arrays = (p.y_true[:, [index]], prediction[:, [index]])
        return bootstrap_interval(metrics.mean_average_precision, arrays, p.groups, **options).to_json()

    return {
        "labels": list(p.labels),
        "label_average_precisions": {
            label: {
                "n": int(p.y_true[:, index].sum()),
                "model": precision_of(index, p.y_pred),
                "baselines": {name: precision_of(index, prediction) for name, prediction in p.baselines.items()},
            }
            for index, label in enumerate(p.labels)
        },
    }


def image_errors(predictions: Predictions) -> np.ndarray:
    """(N,) how wrong each prediction is: error in points, -ln p(truth), or lesions missed plus invented."""
    if predictions.task == "detection":
        counted = [own[own[:, 2] > 0, 1] >= 0 for own in predictions.y_pred]
        found = np.array([hits.sum() for hits in counted])
        return predictions.y_true - found + np.array([len(hits) for hits in counted]) - found
    if predictions.task == "severity":
        return np.abs(predictions.y_pred - predictions.y_true)
    if predictions.task == "multilabel":
        return metrics.image_cross_entropies(predictions.y_true, predictions.y_pred)
    chosen = predictions.y_pred[np.arange(len(predictions.y_true)), predictions.y_true]
    return -np.log(np.clip(chosen, 1e-7, 1))
