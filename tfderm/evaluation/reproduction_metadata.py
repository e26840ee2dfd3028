"""What a reproduction of fusion with metadata tells beside the metrics: which columns leak, what fusion costs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tfderm.clinical.taxonomy import condition
from tfderm.datasets.corpus import Record
from tfderm.datasets.leaks import telling_columns
from tfderm.evaluation.folds import Fold
from tfderm.evaluation.missing import WITHHELD_FILE
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import Metric
from tfderm.evaluation.wording import format_interval, format_value, text_table, verdict
from tfderm.metrics import class_recalls
from tfderm.recipe import Recipe
from tfderm.run import Run

NOT_LEGIBLE = "not legible"
LOSS_ALLOWED, LOSS_EXCLUDED = 0.01, 0.03
"""Without metadata, below the image alone: what the mean may lose, and what its interval must not reach."""


def admitted(
    rows: Mapping[str, Recipe], methods: Sequence[str], records: Sequence[Record]
) -> tuple[dict[str, Recipe], dict[str, str]]:
    """The rows that may be trained, and of the others and of what they read why not.

    A row that asks for a column which tells the class is refused. A method, which reads what there is, does without.

    Args:
        rows: name -> recipe.
        methods: names of rows that compare methods.
        records: of the data.

    Returns:
        Name -> recipe; and name -> reason for each that is refused or does without.
    """
    if not any(recipe.metadata for recipe in rows.values()):
        return dict(rows), {}
    telling = {column: reason.partition(":")[0] for column, reason in telling_columns(records).items()}
    trained, reasons = {}, {}
    for name, recipe in rows.items():
        if found := [column for column in recipe.metadata if column in telling]:
            reasons[name] = f"refused: {telling[found[0]]}"
        left = tuple(column for column in recipe.metadata if column not in telling)
        if not found or (name in methods and left):
            trained[name] = replace(recipe, metadata=left)
    return trained, reasons


def melanoma(labels: Sequence[str]) -> str | None:
    """The label that stands for melanoma, if any does."""
    names = {label: known.name for label in labels if (known := condition(label))}
    return next((label for label, name in names.items() if name == "melanoma"), None)


def recall_metrics(metrics: Mapping[str, Metric], labels: Sequence[str]) -> dict[str, Metric]:
    """Mean class recall, and the recall of melanoma where the data has it."""
    chosen = {"mean_class_recall": metrics["mean_class_recall"]}
    if (label := melanoma(labels)) is not None:
        index = list(labels).index(label)

        def recall(y_true, probabilities):
            return class_recalls(y_true, probabilities.argmax(1), len(labels))[index]

        chosen["melanoma_recall"] = Metric(f"Recall of melanoma ({label})", recall, "%", False)
    return chosen


def without_metadata(folds: Sequence[Fold], held_out: Predictions) -> np.ndarray:
    """(N, K) probabilities of a row's models when all of the metadata is withheld, in the order of `held_out`."""
    found = {}
    for fold in folds:
        with np.load(fold.run.path / WITHHELD_FILE) as file:
            (everything,) = np.flatnonzero(file["missing"] == 1)
            found |= dict(zip(file["image"].tolist(), file["probabilities"][everything], strict=True))
    return np.stack([found[image] for image in held_out.images])


def class_recalls_of(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    """Label -> `mean` and `sd` of its recall over the folds in which it occurs."""
    from tfderm.files import read_json

    folds = [read_json(run.path / "metrics.json")["class_recalls"] for run in runs]
    recalls = {
        label: [fold[label]["model"]["value"] for fold in folds if fold[label]["model"]["value"] is not None]
        for label in folds[0]
    }
    return {
        label: {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else 0.0}
        for label, values in recalls.items()
        if values
    }


def metadata_parts(result: Mapping[str, Any], metrics: Mapping[str, Metric]) -> list[str]:
    """The slides' backbones, recalls by class, what withholding costs, and whether melanoma pays for the mean."""
    found, printed = result["metadata"], result["printed"]
    methods = list(next(iter(result["tables"].values())).items())
    parts = ["## Backbones", text_table(*_backbone_rows(result, methods, printed["backbones"]), markdown=True)]
    parts.append(
        "Mean class recall ± standard deviation over five folds, on ISIC 2018, as the slides print it; in the text of "
        f"the slides the last column is lost for four networks, which are {NOT_LEGIBLE}. The last line is ours, on the "
        "data named above."
    )
    header = ["class"]
    for method, _ in methods:
        header += [method, "paper"]
    lines = []
    for label in result["labels"]:
        line = [label]
        claims = printed["recalls"].get(label, (None,) * len(methods))
        for (_, name), claim in zip(methods, claims, strict=True):
            recall = found["class_recalls"][name].get(label)
            line += [
                f"{100 * recall['mean']:.1f} ± {100 * recall['sd']:.1f} %" if recall else "none held out",
                f"{100 * claim:.1f} %" if claim is not None else "",
            ]
        lines.append(line)
    parts += ["## Recall by class", text_table(header, lines, markdown=True)]
    chosen = recall_metrics(metrics, result["labels"])
    header = ["multiplication − image alone"]
    for metric in chosen.values():
        header += [metric.title, "in each fold", "it is"]
    lines = []
    for title, effect in found["effects"].items():
        line = [title]
        for name, metric in chosen.items():
            values = effect[name]
            line += [
                format_interval(metric, values["mean"], signed=True),
                ", ".join(format_value(metric, value, signed=True) for value in values["folds"]),
                verdict(metric, values["mean"]),
            ]
        lines.append(line)
    parts += ["## With and without metadata at prediction", text_table(header, lines, markdown=True)]
    return [*parts, withheld_sentence(found, chosen), guard_sentence(found, chosen)]


def _backbone_rows(result, methods, backbones) -> tuple[list[str], list[list[str]]]:
    lines = [
        [name, *(f"{100 * pair[0]:.2f} ± {100 * pair[1]:.2f}" if pair else NOT_LEGIBLE for pair in recalls)]
        for name, recalls in backbones.items()
    ]
    rows = [result["rows"][name] for _, name in methods]
    height, width = rows[-1]["image_size"]
    own = [f"{100 * row['mean']['mean_class_recall']:.2f} ± {100 * row['sd']['mean_class_recall']:.2f}" for row in rows]
    lines.append([f"ours: {result['metadata']['backbone']}, {height}×{width}", *own])
    return ["backbone", *(method for method, _ in methods)], lines


def withheld_sentence(found: Mapping[str, Any], metrics: Mapping[str, Metric]) -> str:
    """Whether the model is as good as the image alone where nothing is known of the patient."""
    words = []
    for name, metric in metrics.items():
        difference = found["effects"]["nothing known"][name]["mean"]
        holds = difference["value"] >= -LOSS_ALLOWED and difference["low"] >= -LOSS_EXCLUDED
        words.append(
            f"{metric.title}: {format_interval(metric, difference, signed=True)}, which "
            + ("holds" if holds else "does NOT hold")
        )
    return (
        "Where nothing is known of the patient, it is to lose at most 1 point against the image alone, its interval "
        f"not to reach beyond 3. {'. '.join(words)}."
    )


def guard_sentence(found: Mapping[str, Any], metrics: Mapping[str, Metric]) -> str:
    """Whether fusion gains mean recall and loses melanomas, as the slides' own table does (84.2 to 78.3 %)."""
    if "melanoma_recall" not in metrics:
        return "The data has no melanoma, so nothing can be said of what fusion costs there."
    mean, recall = (found["effects"]["everything known"][name]["mean"] for name in metrics)
    difference = format_interval(metrics["melanoma_recall"], recall, signed=True)
    if mean["value"] > 0 and recall["value"] < 0:
        certain = "beyond its interval" if recall["high"] < 0 else "though within its interval"
        return (
            f"WARNING: fusion gains mean class recall and loses recall of melanoma, {difference}, {certain}. Missed "
            "melanomas weigh more than the mean says; look at the cut-off before it is used."
        )
    return f"Fusion does not buy mean class recall with melanomas: their recall changes by {difference}."
