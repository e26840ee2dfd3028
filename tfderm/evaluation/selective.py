"""When is a classifier right: calibration, accuracy against coverage, the cut-off, sets of classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tfderm.errors import InputError
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import LEVEL, RELIABILITY_BINS, REPEATS
from tfderm.metrics import (
    accuracy_at_coverage,
    area_under_risk_coverage,
    bootstrap_sample,
    cut_off,
    expected_calibration_error,
    fit_temperature,
    logits_of,
    monotone_within,
    repeated_set_coverage,
    tempered,
)
from tfderm.metrics.conformal_sets import SET_LEVEL
from tfderm.metrics.selective import SMALLEST_ANSWERED

COVERAGES = tuple(round(0.05 * step, 2) for step in range(1, 21))


@dataclass(frozen=True)
class Calibration:
    """What temperature and cut-off are chosen by: images that training did not fit and that are not evaluated.

    Args:
        split: whose.
        y_true: (N,) true classes, integers.
        probabilities: (N, num_classes).
    """

    split: str
    y_true: np.ndarray
    probabilities: np.ndarray


def selective_report(p: Predictions, calibration: Calibration, wanted_accuracy: float, seed: int = 0) -> dict[str, Any]:
    """The numbers of selective prediction in JSON form; intervals as in `tfderm.evaluation.scores.score`.

    Args:
        p: predicted classes.
        calibration: other images.
        wanted_accuracy: of the answers that the cut-off lets through.
        seed: of the resamples and halvings.

    Returns:
        `temperature` and `chosen_on` (split, num_images); `calibration_error` `before` and `after`; `curve`, per
        coverage the accuracy of the most confident answers, whether it is `monotone` within its intervals (a curve that
        never rises fits into them), and the area under the `risk` (share of wrong answers) against coverage;
        `cut_off`, the threshold chosen on `chosen_on` (None where none gives the wanted accuracy there), with the
        coverage and accuracy that it has there (`chosen`) and here; `sets`, as `repeated_set_coverage`, or `too_few`.
    """
    temperature = fit_temperature(logits_of(calibration.probabilities), calibration.y_true)
    here, there = (tempered(logits_of(q), temperature) for q in (p.y_pred, calibration.probabilities))
    correct, confidence = p.y_pred.argmax(axis=1) == p.y_true, here.max(axis=1)

    def interval(statistic, *arrays):
        return bootstrap_sample(statistic, arrays, p.groups, repeats=REPEATS, seed=seed).interval(LEVEL)

    def calibration_error(y_true, probabilities):
        return expected_calibration_error(y_true, probabilities, RELIABILITY_BINS)

    curve = [
        interval(lambda right, sure, share=share: accuracy_at_coverage(right, sure, share), correct, confidence)
        for share in COVERAGES
    ]
    right_there, sure_there = there.argmax(axis=1) == calibration.y_true, there.max(axis=1)
    threshold = cut_off(right_there, sure_there, wanted_accuracy)
    result: dict[str, Any] = {
        "temperature": temperature,
        "chosen_on": {"split": calibration.split, "num_images": len(calibration.y_true)},
        "calibration_error": {
            "before": interval(calibration_error, p.y_true, p.y_pred).to_json(),
            "after": interval(calibration_error, p.y_true, here).to_json(),
        },
        "curve": [{"coverage": c, "accuracy": row.to_json()} for c, row in zip(COVERAGES, curve, strict=True)],
        "monotone": monotone_within(curve),
        "risk": interval(area_under_risk_coverage, correct, confidence).to_json(),
        "cut_off": {"wanted_accuracy": wanted_accuracy, "smallest": SMALLEST_ANSWERED, "threshold": threshold},
    }
    if threshold is not None:
        answered = sure_there >= threshold
        result["cut_off"] |= {
            "chosen": {"coverage": float(answered.mean()), "accuracy": float(right_there[answered].mean())},
            "coverage": interval(np.mean, confidence >= threshold).to_json(),
            "accuracy": interval(_accuracy, correct, confidence >= threshold).to_json(),
        }
    try:
        result["sets"] = repeated_set_coverage(p.y_true, here, p.groups, p.labels, SET_LEVEL, seed=seed)
    except InputError as error:
        result["sets"] = {"level": SET_LEVEL, "too_few": str(error)}
    return result


def _accuracy(correct: np.ndarray, answered: np.ndarray) -> float:
    return float(correct[answered].mean()) if answered.any() else float("nan")
