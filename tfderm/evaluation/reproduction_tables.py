"""What a reproduction of a classifier's paper tells beside the metrics: how it trained, on what, what it confused."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfderm.evaluation.folds import Fold
from tfderm.evaluation.scores import Metric
from tfderm.evaluation.wording import format_interval, format_value, text_table, verdict
from tfderm.pipeline.splits import SPLITS
from tfderm.recipe import Recipe
from tfderm.run import Run

_TIMED_IMAGES = 5


def beginning(recipe: Recipe, initial: Path | None = None) -> str:
    """What the weights of a recipe begin from, in words; `initial` is a run that it was started from."""
    if initial:
        return f"run {initial}"
    if recipe.weights:
        return f"published weights: {recipe.weights}"
    stages = []
    while recipe.pretraining:
        recipe = recipe.pretraining
        stages.insert(0, Path(recipe.data).name)
    if recipe.weights:
        stages.insert(0, f"published weights ({recipe.weights})")
    return f"trained on {', then '.join(stages)}" if stages else "random weights"


def training_record(folds: Sequence[Fold]) -> dict[str, float | int]:
    """How a row trained.

    Returns:
        Means over the folds: `validation_accuracy`, the best of any epoch, and `training_accuracy` of that epoch;
        `last_validation_accuracy`, of the last; `epochs`; `minutes` of training. `seconds_per_image`: median for one
        image at a time on the CPU, by Keras, of the first fold's model.
    """
    records = []
    for fold in folds:
        rows = fold.run.history
        key = next(name for name in ("accuracy", "probabilities_accuracy") if name in rows[0])
        best = max(rows, key=lambda row: float(row[f"val_{key}"]))
        records.append(
            {
                "validation_accuracy": float(best[f"val_{key}"]),
                "training_accuracy": float(best[key]),
                "last_validation_accuracy": float(rows[-1][f"val_{key}"]),
                "epochs": len(rows),
                "minutes": sum(float(row["seconds"]) for row in rows) / 60,
            }
        )
    means = {name: float(np.mean([record[name] for record in records])) for name in records[0]}
    return means | {"seconds_per_image": _seconds_per_image(folds[0].run)}


def _seconds_per_image(run: Run) -> float:
    import keras

    from tfderm import models

    keras.utils.clear_session()
    with keras.device("cpu:0"):
        model = models.load(run.model_path)
        inputs = {name: np.zeros((1, *shape), dtype) for name, (shape, dtype) in run.contract.inputs.items()}
        models.predict(model, inputs)
        seconds = []
        for _ in range(_TIMED_IMAGES):
            began = time.perf_counter()
            models.predict(model, inputs)
            seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def photographs(run: Run) -> dict[str, dict[str, int]]:
    """Label -> split -> number of photographs of a fold."""
    from tfderm import datasets

    corpus = datasets.load(run.environment["data"]["source"])
    records = datasets.select(corpus, run.recipe).records
    counts = Counter((label, run.splits.get(record.image)) for record in records for label in record.labels)
    return {label: {split: counts[label, split] for split in SPLITS} for label in run.recipe.labels}


def refusal(result: Mapping[str, Any], table: Mapping[str, str], name: str) -> str:
    """Why a table has no figures of a row, or "".

    The first table compares methods, on what may be read; the others show what every single input is worth, where a row
    that does without one would be another row.
    """
    first = table == next(iter(result["tables"].values()))
    return "" if first and name in result["rows"] else result["refused"].get(name, "")


def training_rows(result: Mapping[str, Any], table: Mapping[str, str]) -> tuple[list[str], list[list[str]]]:
    """Header and lines of how the rows of a table trained, the paper's figures beside."""
    header = [
        "method", "begins from", "epochs", "validation accuracy, best epoch (%)", "paper", "training accuracy then (%)",
        "validation accuracy, last epoch (%)", "minutes per fold", "paper", "seconds per image, CPU",
    ]  # fmt: skip
    lines = []
    for method, name in table.items():
        if refusal(result, table, name):
            continue
        row = result["rows"][name]
        trained, claim = row["training"], row["claim"]
        lines.append(
            [
                method,
                row["beginning"],
                f"{trained['epochs']:.3g}",
                f"{100 * trained['validation_accuracy']:.1f}",
                f"{100 * claim['validation_accuracy']:.1f}" if "validation_accuracy" in claim else "",
                f"{100 * trained['training_accuracy']:.1f}",
                f"{100 * trained['last_validation_accuracy']:.1f}",
                f"{trained['minutes']:.2g}",
                f"{claim['minutes']:.0f}" if "minutes" in claim else "",
                f"{trained['seconds_per_image']:.2g}",
            ]
        )
    return header, lines


def baseline_parts(result: Mapping[str, Any], metrics: Mapping[str, Metric]) -> list[str]:
    """Whether every row beats the better trivial baseline on the leading metric beyond its interval."""
    name, metric = next(iter(metrics.items()))
    methods = {row: method for table in result["tables"].values() for method, row in table.items()}
    lines = [
        [
            methods[row],
            format_value(metric, content["pooled"][name]["value"]),
            content["baselines"][name]["baseline"].replace("_", " "),
            format_interval(metric, content["baselines"][name]["difference"], signed=True),
            verdict(metric, content["baselines"][name]["difference"]),
        ]
        for row, content in result["rows"].items()
    ]
    header = ["method", metric.title, "better trivial baseline", "method − baseline", "the method is"]
    return ["## Against trivial baselines", text_table(header, lines, markdown=True)]


def class_parts(result: Mapping[str, Any]) -> list[str]:
    """The photographs by class and split, and the paper's method's confusion matrix in shares of the true class."""
    printed = result["printed"]
    claimed = printed.get("photographs", {})
    header = ["class", "training", "validation", "test"] + (["paper: training, validation, test"] if claimed else [])
    lines = [
        [label, *(str(count) for count in counts.values())]
        + ([", ".join(str(count) for count in claimed[label]) if label in claimed else ""] if claimed else [])
        for label, counts in result["photographs"].items()
    ]
    parts = ["## Photographs by class, first fold", text_table(header, lines, markdown=True)]
    labels, counts = result["labels"], np.array(result["confusion_matrix"], float)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    claimed = printed.get("confusion", {})

    def cell(true: str, predicted: str, share: float) -> str:
        paper = f" ({claimed[true].get(predicted, 0):.1f})" if true in claimed and predicted in claimed else ""
        return f"{share:.1f}{paper}"

    lines = [
        [true, *(cell(true, predicted, share) for predicted, share in zip(labels, row, strict=True))]
        for true, row in zip(labels, shares, strict=True)
    ]
    beside = ", the paper's beside in brackets" if set(claimed) & set(labels) else ""
    return [
        *parts,
        f"## What {result['own_method']} answers, in % of the true class{beside}",
        text_table(["true \\ answered", *labels], lines, markdown=True),
    ]
