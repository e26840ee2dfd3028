"""Figures of a detection run: precision against recall, and photographs with true and detected boxes."""

from typing import Any

import numpy as np

from tfderm import metrics
from tfderm.evaluation.figures import MODEL_COLOUR, new_figure
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import image_errors

_EXAMPLES = 4


def draw(predictions: Predictions, result: dict[str, Any]) -> list[tuple]:
    """(file stem, title, caption, figure) of each figure."""
    return [_precision_recall(predictions, result)]


def examples(predictions: Predictions) -> tuple[str, np.ndarray]:
    """What the examples are, and their rows: from the image with the fewest errors to that with the most."""
    order = np.argsort(image_errors(predictions), kind="stable")
    rows = order[np.linspace(0, len(order) - 1, _EXAMPLES).round().astype(int)]
    return "From few errors to many", np.unique(rows)


def example_caption(predictions: Predictions, row: int) -> str:
    counted = predictions.y_pred[row][predictions.y_pred[row][:, 2] > 0]
    found = int(np.sum(counted[:, 1] >= 0))
    return f"{predictions.y_true[row]} lesions: {found} found\n{len(counted) - found} boxes too many"


def _precision_recall(p: Predictions, result: dict[str, Any]):
    judged = np.concatenate(list(p.y_pred))
    recall, precision, _ = metrics.precision_recall_curve(judged[:, 0], judged[:, 1] >= 0, int(p.y_true.sum()))
    figure, axes = new_figure(5.2, 3.8)
    axis = axes[0, 0]
    axis.plot(100 * recall, 100 * precision, color=MODEL_COLOUR, label="model")
    points = [("at the chosen confidence", result["model"], "o", MODEL_COLOUR)]
    points += [(name.replace("_", " "), row, "s", "#999999") for name, row in result["baselines"].items()]
    for label, row, marker, colour in points:
        x, y = row["recall"]["value"], row["precision"]["value"]
        if x is not None and y is not None:
            axis.plot(100 * x, 100 * y, marker, color=colour, ls="", label=label)
    claim = result["claim"]
    if {"recall", "precision"} <= set(claim):
        axis.plot(
            100 * claim["recall"], 100 * claim["precision"], "+", color="#D55E00", ms=10, ls="",
            label="the paper, on its own data",
        )  # fmt: skip
    axis.set(xlabel="recall (%)", ylabel="precision (%)", xlim=(0, 102), ylim=(0, 103))
    axis.legend(frameon=False, fontsize=8, loc="lower left")
    caption = f"Precision against recall as the confidence falls; a lesion is found at IoU {result['iou_threshold']}."
    return "precision_recall", "Precision and recall", caption, figure
