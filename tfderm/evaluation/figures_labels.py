"""Figures of a run that tells several labels on one image: average precisions, precision against recall."""

import math
from typing import Any

import numpy as np

from tfderm import metrics
from tfderm.evaluation.figures import MODEL_COLOUR, new_figure
from tfderm.evaluation.figures_classes import label_bars
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import image_errors

_COLUMNS = 5


def draw(predictions: Predictions, result: dict[str, Any]) -> list[tuple]:
    """(file stem, title, caption, figure) of each figure."""
    return [_average_precisions(predictions, result), _precision_recall(predictions, result)]


def examples(predictions: Predictions) -> tuple[str, np.ndarray]:
    """What the examples are, and their rows: of the images with each label that with the median error."""
    errors, rows = image_errors(predictions), []
    for shown in predictions.y_true.T:
        members = np.setdiff1d(np.flatnonzero(shown), rows)
        if members.size:
            rows.append(members[np.argsort(errors[members], kind="stable")[members.size // 2]])
    return "Of each label an image of middling difficulty for the model", np.array(rows)


def example_caption(predictions: Predictions, row: int) -> str:
    probabilities = predictions.y_pred[row]
    true = [label for label, shown in zip(predictions.labels, predictions.y_true[row], strict=True) if shown]
    likely = np.argsort(-probabilities, kind="stable")[: max(2, len(true))]
    told = [f"{predictions.labels[index]} {100 * probabilities[index]:.0f} %" for index in likely]
    return f"true {', '.join(true)}\n" + "\n".join(told)


def _average_precisions(p: Predictions, result: dict[str, Any]):
    figure = label_bars(p, result["label_average_precisions"], "average precision (%)")
    caption = (
        "Average precision of each label; lines: 95 % interval over resampled patients or lesions. Knowing nothing of "
        "the image gives the label's share."
    )
    return "average_precisions", "Average precision by label", caption, figure


def _precision_recall(p: Predictions, result: dict[str, Any]):
    """A panel per label: with ten curves in one nobody can follow any."""
    lines = math.ceil(len(p.labels) / _COLUMNS)
    figure, axes = new_figure(2.1 * _COLUMNS, 2.1 * lines + 0.4, lines, _COLUMNS, sharex=True, sharey=True)
    for axis in axes.flat[len(p.labels) :]:
        axis.set_axis_off()
    for axis, label, shown, scores in zip(axes.flat, p.labels, p.y_true.T, p.y_pred.T, strict=False):
        recall, precision, _ = metrics.precision_recall_curve(scores, shown, int(shown.sum()))
        axis.plot(100 * recall, 100 * precision, color=MODEL_COLOUR, lw=1)
        axis.axhline(100 * shown.mean(), color="#555555", lw=0.8, ls=":")
        point = result.get("thresholds", {}).get("labels", {}).get(label)
        if point and None not in (point["recall"]["value"], point["precision"]["value"]):
            axis.plot(100 * point["recall"]["value"], 100 * point["precision"]["value"], "o", color=MODEL_COLOUR, ms=5)
        axis.set_title(label, fontsize=8)
        axis.set(xlim=(0, 102), ylim=(0, 104))
    figure.supxlabel("recall (%)", fontsize=9)
    figure.supylabel("precision (%)", fontsize=9)
    caption = (
        "Precision against recall of each label as the threshold of its probability falls; the dot is at the chosen "
        "one, the dotted line is the label's share of the images."
    )
    return "precision_recall", "Precision and recall by label", caption, figure
