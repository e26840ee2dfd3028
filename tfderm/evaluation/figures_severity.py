"""Figures of a severity run: errors by score range (paper 1, figures 5 to 7), scatter, distribution (figure 4)."""

from typing import Any

import numpy as np

from tfderm.evaluation.figures import MODEL_COLOUR, new_figure, predictor_colours
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import image_errors
from tfderm.metrics import SEVERITY_RANGES, severity_range


def draw(predictions: Predictions, result: dict[str, Any]) -> list[tuple]:
    """(file stem, title, caption, figure) of each figure."""
    return [
        _scatter(predictions),
        errors_by_range(predictions),
        mae_by_range(predictions, result),
        distribution(predictions),
    ]


def examples(predictions: Predictions, count: int = 4) -> tuple[str, np.ndarray]:
    """What the examples are, and their rows: equally spaced in the order of true scores."""
    order = np.lexsort((image_errors(predictions), predictions.y_true))
    rows = order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))]
    return "Images from the lowest to the highest true score", rows


def example_caption(predictions: Predictions, row: int) -> str:
    return f"true {predictions.y_true[row]:.0f}, predicted {predictions.y_pred[row]:.1f}"


def _scatter(p: Predictions):
    figure, axes = new_figure(4.6, 4.4)
    axis = axes[0, 0]
    top = max(p.y_true.max(), p.y_pred.max(), 1) * 1.04
    axis.plot([0, top], [0, top], color="#555555", lw=0.8, ls=":", label="true = predicted")
    axis.scatter(p.y_true, p.y_pred, s=12, alpha=0.6, color=MODEL_COLOUR, linewidths=0)
    axis.set(
        xlabel="true score (PASI points)", ylabel="predicted score", xlim=(-0.02 * top, top), ylim=(-0.02 * top, top)
    )
    axis.set_aspect("equal")
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    caption = f"Predicted against true region score (E + I + D) x A of {len(p.y_true)} photographs."
    return "scatter", "Predicted and true score", caption, figure


def errors_by_range(p: Predictions):
    """Paper 1, figure 5 and the left half of figure 7."""
    ranges = severity_range(p.y_true)
    colours = predictor_colours(p)
    figure, axes = new_figure(7.6, 3.6)
    axis = axes[0, 0]
    width = 0.8 / len(colours)
    for position, ((name, colour), prediction) in enumerate(
        zip(colours.items(), [p.y_pred, *p.baselines.values()], strict=True)
    ):
        errors = [np.abs(prediction - p.y_true)[ranges == index] for index in range(len(SEVERITY_RANGES))]
        boxes = axis.boxplot(
            errors,
            positions=np.arange(len(SEVERITY_RANGES)) + (position - (len(colours) - 1) / 2) * width,
            widths=width * 0.85,
            patch_artist=True,
            flierprops={"marker": ".", "markersize": 3, "markerfacecolor": colour, "markeredgecolor": colour},
            medianprops={"color": "black", "lw": 1.2},
            boxprops={"facecolor": colour, "edgecolor": "#333333", "lw": 0.7},
            whiskerprops={"color": "#333333", "lw": 0.7},
            capprops={"color": "#333333", "lw": 0.7},
        )
        boxes["boxes"][0].set_label(name)
    _label_ranges(axis, p)
    axis.set_ylabel("absolute error (PASI points)")
    caption = (
        "Absolute error by range of the true score: median, quartiles, whiskers to the last point within 1.5 "
        "interquartile ranges, points beyond. 5, 10 and 15 belong to the range above them."
    )
    return "errors_by_range", "Absolute error by score range", caption, figure


def mae_by_range(p: Predictions, result: dict[str, Any]):
    """Paper 1, figure 6 and the right half of figure 7."""
    colours = predictor_colours(p)
    figure, axes = new_figure(7.6, 3.6)
    axis = axes[0, 0]
    width = 0.8 / len(colours)
    for position, ((name, colour), key) in enumerate(zip(colours.items(), [None, *p.baselines], strict=True)):
        label = name
        for index, row in enumerate(result["ranges"]):
            if not row["n"]:
                continue
            interval = row["model"] if key is None else row["baselines"][key]
            x = index + (position - (len(colours) - 1) / 2) * width
            axis.bar(x, interval["value"], width * 0.9, color=colour, label=label)
            below, above = interval["value"] - interval["low"], interval["high"] - interval["value"]
            axis.errorbar(x, interval["value"], [[max(below, 0)], [max(above, 0)]], color="#333333", capsize=2, lw=0.9)
            label = None
    _label_ranges(axis, p)
    axis.set_ylabel("mean absolute error (PASI points)")
    caption = "Mean absolute error by range of the true score; lines: 95 % interval over resampled patients."
    return "mae_by_range", "Mean absolute error by score range", caption, figure


def _label_ranges(axis, p: Predictions) -> None:
    counts = np.bincount(severity_range(p.y_true), minlength=len(SEVERITY_RANGES))
    labels = [f"{label}\nn = {count}" for label, count in zip(SEVERITY_RANGES, counts, strict=True)]
    axis.set_xticks(range(len(SEVERITY_RANGES)), labels)
    axis.set(xlabel="true score (PASI points)", xlim=(-0.5, len(SEVERITY_RANGES) - 0.5))
    axis.set_ylim(bottom=0)
    axis.legend(frameon=False, fontsize=8, loc="upper left")


def distribution(p: Predictions):
    """Paper 1, figure 4, of the evaluated photographs."""
    figure, axes = new_figure(6.0, 3.0)
    axis = axes[0, 0]
    edges = np.arange(0, max(p.y_true.max(), p.y_pred.max()) + 4, 2)
    axis.hist(p.y_true, edges, color="#BBBBBB", label="true")
    axis.hist(p.y_pred, edges, histtype="step", color=MODEL_COLOUR, lw=1.5, label="predicted")
    axis.set(xlabel="score (PASI points, bins of 2)", ylabel="photographs")
    axis.legend(frameon=False, fontsize=8)
    return "distribution", "Score distribution", "How often each score occurs, true and predicted.", figure
