"""What a model that reads metadata is worth without some of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tfderm.datasets.corpus import Corpus, Record
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import score, task_metrics
from tfderm.evaluation.wording import format_interval
from tfderm.files import atomic_path
from tfderm.run import Run

WITHHELD_FILE = "withheld.npz"
"""In a run: `probabilities` (S, N, K) of the images `image` (N,), with the shares `missing` (S,) withheld."""


def missing_report(
    run: Run,
    model: Any,
    corpus: Corpus,
    records: Sequence[Record],
    predictions: Predictions,
    shares: Sequence[float],
) -> dict[str, Any]:
    """Figures of a model with shares of the metadata withheld, and the difference from having all that is known.

    Every value is withheld with the share's probability, chosen at random; what a smaller share withholds, a larger one
    does too. The predictions are kept in the run's folder (`WITHHELD_FILE`).

    Returns:
        `shares`, per share `missing`, `metrics`, and `differences` from the predictions with all of it; each metric an
        interval.
    """
    from tfderm.evaluation.evaluate import predict_outputs

    contract, seed = run.contract, run.recipe.seed
    chance = np.random.default_rng(seed).random((len(records), len(contract.metadata)))
    name = contract.output("probabilities").name
    found = [
        predict_outputs(model, corpus, records, contract, [name], chance < share)[name].astype(np.float64)
        for share in shares
    ]
    rows = []
    for share, probabilities in zip(shares, found, strict=True):
        scores = score(replace(predictions, y_pred=probabilities, baselines={"known": predictions.y_pred}), seed)
        rows.append({"missing": share, "metrics": scores["model"], "differences": scores["differences"]["known"]})
    images = np.array([record.image for record in records])
    with atomic_path(run.path / WITHHELD_FILE) as temporary, temporary.open("wb") as file:
        np.savez(file, missing=np.array(shares), probabilities=np.stack(found), image=images)
    return {"columns": [column.name for column in contract.metadata], "shares": rows}


def missing_rows(result: Mapping[str, Any]) -> list[list[str]]:
    """A header and a line per share, as text; empty for a model of images alone."""
    if "missing" not in result:
        return []
    metrics = task_metrics(result["task"], len(result["labels"]))
    header = ["metadata withheld"]
    for metric in metrics.values():
        header += [metric.title, "difference"]
    lines = [header]
    for row in result["missing"]["shares"]:
        line = [f"{row['missing']:.0%}"]
        for name, metric in metrics.items():
            line += [
                format_interval(metric, row["metrics"][name]),
                format_interval(metric, row["differences"][name], signed=True),
            ]
        lines.append(line)
    return lines


def missing_sentence(result: Mapping[str, Any]) -> str:
    """What the table is, in words; empty without one."""
    if "missing" not in result:
        return ""
    columns = ", ".join(result["missing"]["columns"])
    return f"It reads {columns} beside the image; each value withheld at random. Difference: from all that is known."
