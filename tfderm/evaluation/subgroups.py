"""Is the model as good for everyone: its leading metric by skin tone, age, sex and image quality."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfderm import metrics
from tfderm.datasets.corpus import Record
from tfderm.evaluation.image_quality import exposure, sharpness
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import LEVEL, REPEATS, task_metrics
from tfderm.evaluation.skin_tone import ITA_GROUPS, fitzpatrick_agreement, individual_typology_angle, ita_group
from tfderm.pipeline.input_pipeline import scaled_boxes

# Below these an interval over resampled patients says more about who was sampled than about the subgroup.
SMALLEST_IMAGES = 30
SMALLEST_GROUPS = 10
_FITZPATRICK = {
    "1": "I and II",
    "2": "I and II",
    "3": "III and IV",
    "4": "III and IV",
    "5": "V and VI",
    "6": "V and VI",
}
_AGE_BANDS = ((18, "under 18"), (40, "18 to 39"), (60, "40 to 59"), (200, "60 and over"))


def subgroup_report(
    p: Predictions, records: Sequence[Record], images: Sequence[np.ndarray], seed: int = 0
) -> dict[str, Any]:
    """The leading metric of each subgroup with at least one photograph; of several labels the area under the ROC curve,
    because average precision also tells how frequent the labels are in a subgroup.

    Args:
        p: predictions for N photographs.
        records: the N photographs.
        images: N images (H, W, 3) uint8 RGB, all of one size.
        seed: of the resamples.

    Returns:
        `metric`, its name; `smallest`, the least numbers for a value; `attributes`: name -> list of {"value", "n",
        "num_groups", "metric"}, where "metric" is {value, low, high, undefined} or None for too few to say;
        `ita_agreement`, as `fitzpatrick_agreement` or None with too few given types.
    """
    metrics = task_metrics(p.task, len(p.labels))
    name = "mean_roc_auc" if p.task == "multilabel" else next(iter(metrics))
    metric = metrics[name]
    properties = _image_properties(records, images)
    attributes = {
        attribute: [_row(value, values == value, p, metric.function, seed) for value in order if value in values]
        for attribute, (order, values) in _attributes(records, *properties).items()
    }
    known = [index for index, skin_type in enumerate(_given(records, "fitzpatrick")) if skin_type in _FITZPATRICK]
    return {
        "metric": name,
        "smallest": {"images": SMALLEST_IMAGES, "groups": SMALLEST_GROUPS},
        "attributes": {attribute: rows for attribute, rows in attributes.items() if rows},
        "ita_agreement": fitzpatrick_agreement(
            [int(records[index].metadata["fitzpatrick"]) for index in known], properties[0][known], SMALLEST_IMAGES
        ),
    }


def _row(value: str, rows: np.ndarray, p: Predictions, function: Callable[..., float], seed: int) -> dict[str, Any]:
    groups = [p.groups[index] for index in np.flatnonzero(rows)]
    row = {"value": value, "n": len(groups), "num_groups": len(set(groups)), "metric": None}
    if row["n"] >= SMALLEST_IMAGES and row["num_groups"] >= SMALLEST_GROUPS:
        arrays = (p.y_true[rows], p.y_pred[rows])
        interval = metrics.bootstrap_interval(function, arrays, groups, repeats=REPEATS, level=LEVEL, seed=seed)
        row["metric"] = interval.to_json()
    return row


def _given(records: Sequence[Record], column: str) -> np.ndarray:
    return np.array([record.metadata.get(column, "").strip().lower() for record in records], dtype=object)


def _image_properties(
    records: Sequence[Record], images: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Typology angle, sharpness and exposure of each photograph, (N,) each."""
    angles, sharp, exposures = [], [], []
    for record, image in zip(records, images, strict=True):
        annotated, boxes = scaled_boxes(record, image.shape[:2])
        angles.append(individual_typology_angle(image, boxes if annotated else ()))
        sharp.append(sharpness(image))
        exposures.append(exposure(image))
    return np.array(angles), np.array(sharp), np.array(exposures, dtype=object)


def _attributes(
    records: Sequence[Record], angles: np.ndarray, sharp: np.ndarray, exposures: np.ndarray
) -> Mapping[str, tuple[Sequence[str], np.ndarray]]:
    """Attribute -> (its values in order, (N,) value of each photograph, "" where unknown)."""
    low, high = np.quantile(sharp, (0.25, 0.75))
    sharp_groups = np.where(sharp < low, "least sharp quarter", np.where(sharp > high, "sharpest quarter", "between"))
    fitzpatrick = np.array(
        [_FITZPATRICK.get(skin_type, "") for skin_type in _given(records, "fitzpatrick")], dtype=object
    )
    sex = _given(records, "sex")
    return {
        "Fitzpatrick skin type, as given": (sorted(set(_FITZPATRICK.values())), fitzpatrick),
        "skin colour in the image (ITA)": (
            [name for name, _ in ITA_GROUPS],
            np.array([ita_group(angle) for angle in angles], dtype=object),
        ),
        "age": (
            [name for _, name in _AGE_BANDS],
            np.array([_age_band(age) for age in _given(records, "age")], dtype=object),
        ),
        "sex": (sorted(set(sex) - {""}), sex),
        "sharpness": (["least sharp quarter", "between", "sharpest quarter"], sharp_groups.astype(object)),
        "exposure": (["dark", "normal", "bright"], exposures),
    }


def _age_band(age: str) -> str:
    """Band of an age in years; "" where it is no number."""
    try:
        years = float(age)
    except ValueError:
        return ""
    return next((name for end, name in _AGE_BANDS if 0 <= years < end), "")
