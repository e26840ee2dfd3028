"""What was predicted, in memory and as `predictions.csv`."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfderm.datasets.corpus import Record
from tfderm.datasets.selection import indicators
from tfderm.errors import InputError
from tfderm.files import write_csv
from tfderm.recipe import Recipe


@dataclass(frozen=True)
class Predictions:
    """What was predicted for N images, by the model and by baselines.

    A prediction is (N,) float scores where the task is severity, (N, num_classes) probabilities where it is classes,
    which sum to 1 unless an image may have several.
    For detection it is (N,) objects, per image (n, 3) float64, a row per box: its score, the index of the true box it
    found or -1, and whether it counts at the chosen confidence.

    Args:
        task: one of `tfderm.contract.TASKS`.
        images: (N,) names.
        groups: (N,) patients, or lesions where there is no patient.
        y_true: (N,) float scores, integer classes, or numbers of lesions; (N, num_classes), 1 for the labels that an
            image shows, where it may show several.
        y_pred: the model's prediction.
        baselines: name -> the baseline's prediction.
        labels: class labels in the order of the probabilities.
        components: severity only: component -> (N,) predicted grades, where the model gives them.
        boxes: detection only: per image (n, 4) x, y, width, height in pixels of the photograph, the rows of y_pred.
        predictor: what figures call the model.
    """

    task: str
    images: Sequence[str]
    groups: Sequence[str]
    y_true: np.ndarray
    y_pred: np.ndarray
    baselines: Mapping[str, np.ndarray] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    components: Mapping[str, np.ndarray] = field(default_factory=dict)
    boxes: Sequence[np.ndarray] = ()
    predictor: str = "model"


def write_predictions(path: Path, p: Predictions, records: Sequence[Record]) -> None:
    """Write a CSV: image, group, y_true, y_pred, probabilities, baselines, components, and the manifest's columns.

    For detection y_true and y_pred are numbers of boxes, and `found` is the number of true boxes found.
    """
    metadata = sorted({key for record in records for key in record.metadata})
    rows = []
    for index, record in enumerate(records):
        row: dict[str, Any] = {"image": record.image, "group": p.groups[index]}
        if p.task == "severity":
            row |= {"y_true": p.y_true[index], "y_pred": p.y_pred[index]}
            row |= {f"baseline_{name}": prediction[index] for name, prediction in p.baselines.items()}
            row |= {f"component_{name}": prediction[index] for name, prediction in p.components.items()}
        elif p.task == "detection":
            for prefix, prediction in {"": p.y_pred, **{f"baseline_{k}_": v for k, v in p.baselines.items()}}.items():
                counted = prediction[index][prediction[index][:, 2] > 0]
                row |= {f"{prefix}y_pred": len(counted), f"{prefix}found": int(np.sum(counted[:, 1] >= 0))}
            row["y_true"] = p.y_true[index]
        else:
            if p.task == "multilabel":
                row["y_true"] = ";".join(np.array(p.labels)[p.y_true[index] > 0])
            else:
                row |= {"y_true": p.labels[p.y_true[index]], "y_pred": p.labels[int(p.y_pred[index].argmax())]}
            for prefix, prediction in {"": p.y_pred, **{f"baseline_{k}_": v for k, v in p.baselines.items()}}.items():
                row |= {f"{prefix}probability_{label}": prediction[index, i] for i, label in enumerate(p.labels)}
        rows.append(row | {f"metadata_{key}": record.metadata.get(key, "") for key in metadata})
    write_csv(path, list(rows[0]), rows)


def read_predictions(path: Path, recipe: Recipe) -> Predictions:
    """Inverse of what `evaluate` writes into `predictions.csv`.

    Raises:
        InputError: the file is absent or of another task.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        columns = list(rows[0])
        components = {
            column.removeprefix("component_"): np.array([float(row[column]) for row in rows])
            for column in columns
            if column.startswith("component_")
        }
        if recipe.task == "severity":
            y_true = np.array([float(row["y_true"]) for row in rows])
            names = [column.removeprefix("baseline_") for column in columns if column.startswith("baseline_")]

            def values(prefix: str) -> np.ndarray:
                return np.array([float(row[prefix or "y_pred"]) for row in rows])

            baselines = {name: values(f"baseline_{name}") for name in names}
        else:
            if recipe.task == "multilabel":
                y_true = indicators([row["y_true"].split(";") for row in rows], recipe.labels)
            else:
                y_true = np.array([recipe.labels.index(row["y_true"]) for row in rows])
            end = f"_probability_{recipe.labels[0]}"
            names = [c.removeprefix("baseline_").removesuffix(end) for c in columns if c.endswith(end)]

            def values(prefix: str) -> np.ndarray:
                return np.array(
                    [[float(row[f"{prefix}probability_{label}"]) for label in recipe.labels] for row in rows]
                )

            baselines = {name: values(f"baseline_{name}_") for name in names}
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error!r}); run `tfderm evaluate` again.") from None
    return Predictions(
        task=recipe.task,
        images=[row["image"] for row in rows],
        groups=[row["group"] for row in rows],
        y_true=y_true,
        y_pred=values(""),
        baselines=baselines,
        components=components,
        labels=recipe.labels,
    )
