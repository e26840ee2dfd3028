"""Predicted severity components: how far from the given grades, and whether they explain the predicted score."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfderm.clinical.pasi import composed_severity
from tfderm.datasets.corpus import Record
from tfderm.datasets.selection import component_grades
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import LEVEL, REPEATS, Metric
from tfderm.metrics import bootstrap_interval, bootstrap_sample, mean_absolute_error

COMPONENT_ERROR = Metric("Mean absolute error of the grade", mean_absolute_error, "points", True)
COMPOSED_DIFFERENCE = Metric("Mean absolute difference from the score", mean_absolute_error, "points", True)


def component_report(
    predictions: Predictions, training: Sequence[Record], records: Sequence[Record], seed: int = 0
) -> dict[str, Any] | None:
    """Components beside the training median, and (E + I + D) * A of them beside the score they are to explain.

    Args:
        predictions: with `components`, clipped to their ranges.
        training: records whose median grade is the constant predictor.
        records: photographs of the predictions; those without a grade do not count for it.
        seed: of the bootstrap's resamples.

    Returns:
        `grades`: per component `num_images` and `num_groups` that are graded, and `model`, `constant` and their paired
        `difference`, mean absolute errors as {value, low, high, undefined}, None where nothing is graded; `composed`:
        `num_images`, and `difference`, the mean of |(E + I + D) * A - score| over all photographs, predictions both.
        None where no component was predicted.
    """
    p = predictions
    if not p.components:
        return None
    options = {"repeats": REPEATS, "seed": seed}
    grades = {}
    for name, y_pred in p.components.items():
        y_true = component_grades(records, name)
        rows = np.flatnonzero(~np.isnan(y_true))
        groups = [p.groups[row] for row in rows]
        row = {"num_images": len(rows), "num_groups": len(set(groups))}
        if len(rows):
            constant = np.full(len(rows), np.nanmedian(component_grades(training, name)))
            samples = [
                bootstrap_sample(mean_absolute_error, (y_true[rows], prediction), groups, **options)
                for prediction in (y_pred[rows], constant)
            ]
            named = {"model": samples[0], "constant": samples[1], "difference": samples[0] - samples[1]}
            grades[name] = row | {key: sample.interval(LEVEL).to_json() for key, sample in named.items()}
        else:
            grades[name] = row | {"model": None, "constant": None, "difference": None}
    arrays = (p.y_pred, composed_severity(p.components))
    difference = bootstrap_interval(mean_absolute_error, arrays, p.groups, level=LEVEL, **options).to_json()
    return {"grades": grades, "composed": {"num_images": len(p.images), "difference": difference}}
