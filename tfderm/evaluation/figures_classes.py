"""Figures of a classification run: recalls, confusion matrix, calibration, sureness, what speaks for the answers."""

import math
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from tfderm.evaluation.figures import MODEL_COLOUR, colour_bar, new_figure, predictor_colours, show
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import image_errors
from tfderm.metrics import area_corners, logits_of, tempered
from tfderm.runtime.overlay import overlay

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tfderm.evaluation.evaluate import Evaluated


def draw(predictions: Predictions, result: dict[str, Any]) -> list[tuple]:
    """(file stem, title, caption, figure) of each figure."""
    drawn = [_recalls(predictions, result), _confusion_matrix(predictions, result), _reliability(result)]
    if "selective" in result:
        drawn += [_confidences(predictions, result["selective"]), _coverage(result["selective"])]
    return drawn


def examples(predictions: Predictions) -> tuple[str, np.ndarray]:
    """What the examples are, and their rows: of each class the image with the median error."""
    errors = image_errors(predictions)
    rows = []
    for index in range(len(predictions.labels)):
        members = np.flatnonzero(predictions.y_true == index)
        if members.size:
            rows.append(members[np.argsort(errors[members], kind="stable")[members.size // 2]])
    return "Of each class the image of middling difficulty for the model", np.array(rows)


def example_caption(predictions: Predictions, row: int) -> str:
    probabilities = predictions.y_pred[row]
    chosen = int(probabilities.argmax())
    return f"true {predictions.labels[predictions.y_true[row]]}\npredicted {predictions.labels[chosen]} " + (
        f"({100 * probabilities[chosen]:.0f} %)"
    )


def _recalls(p: Predictions, result: dict[str, Any]):
    figure = label_bars(p, result["class_recalls"], "recall (%)")
    caption = "Share of each class recognised; lines: 95 % interval over resampled patients or lesions."
    return "recalls", "Recall by class", caption, figure


def label_bars(p: Predictions, values: dict[str, Any], title: str) -> "Figure":
    """A share with its interval for every label, of the model and of each baseline.

    Args:
        p: the predictions.
        values: label -> `n`, and an interval of the `model` and of each of the `baselines`.
        title: of the axis.
    """
    colours = predictor_colours(p)
    figure, axes = new_figure(min(max(5.0, 1.6 * len(p.labels) + 1.5), 12.0), 3.4)
    axis = axes[0, 0]
    width = 0.8 / len(colours)
    for position, ((name, colour), key) in enumerate(zip(colours.items(), [None, *p.baselines], strict=True)):
        label = name
        for index, row in enumerate(values.values()):
            interval = row["model"] if key is None else row["baselines"][key]
            if interval["value"] is None:
                continue
            x = index + (position - (len(colours) - 1) / 2) * width
            axis.bar(x, 100 * interval["value"], width * 0.9, color=colour, label=label)
            label = None
            if interval["low"] is not None:
                below, above = interval["value"] - interval["low"], interval["high"] - interval["value"]
                errors = [[100 * max(below, 0)], [100 * max(above, 0)]]
                axis.errorbar(x, 100 * interval["value"], errors, color="#333333", capsize=2, lw=0.9)
    labels = [f"{label}\nn = {row['n']}" for label, row in values.items()]
    axis.set_xticks(range(len(labels)), labels)
    axis.set(ylabel=title, ylim=(0, 108), yticks=range(0, 101, 20))
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _confusion_matrix(p: Predictions, result: dict[str, Any]):
    counts = np.array(result["confusion_matrix"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 1.0 * len(p.labels) + 2.0
    figure, axes = new_figure(size + 0.8, size)
    axis = axes[0, 0]
    picture = axis.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.55 else "black"
        text = f"{100 * share:.0f} %\n{counts[row, column]}"
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    axis.set_xticks(range(len(p.labels)), p.labels)
    axis.set_yticks(range(len(p.labels)), p.labels)
    axis.set(xlabel="predicted", ylabel="true")
    axis.spines[:].set_visible(False)
    figure.colorbar(picture, ax=axis, label="% of the true class", shrink=0.8)
    caption = "Each row shows where the photographs of one true class went: share of the row, and count."
    return "confusion_matrix", "Confusion matrix", caption, figure


def _reliability(result: dict[str, Any]):
    bins = result["reliability"]
    figure, axes = new_figure(4.6, 4.8, 2, 1, height_ratios=(3, 1), sharex=True)
    edges = 100 * np.array(bins["edges"])
    filled = [index for index, count in enumerate(bins["count"]) if count]
    upper, lower = axes[0, 0], axes[1, 0]
    upper.plot([0, 100], [0, 100], color="#555555", lw=0.8, ls=":", label="calibrated")
    confidence = [100 * bins["confidence"][index] for index in filled]
    accuracy = [100 * bins["accuracy"][index] for index in filled]
    upper.plot(confidence, accuracy, "o-", color=MODEL_COLOUR, ms=4, lw=1, label="model")
    upper.set(ylabel="accuracy (%)", xlim=(0, 100), ylim=(0, 103))
    upper.legend(frameon=False, fontsize=8, loc="upper left")
    lower.bar(edges[:-1], bins["count"], np.diff(edges), align="edge", color="#BBBBBB", edgecolor="white")
    lower.set(xlabel="confidence (largest probability, %)", ylabel="photographs")
    caption = "Accuracy by stated confidence in bins of equal width; on the dotted line confidence is what it says."
    return "reliability", "Calibration", caption, figure


def _confidences(p: Predictions, selective: dict[str, Any]):
    """Figure 3 of paper 2."""
    confidence = 100 * tempered(logits_of(p.y_pred), selective["temperature"]).max(axis=1)
    correct = p.y_pred.argmax(axis=1) == p.y_true
    figure, axes = new_figure(5.2, 3.4)
    axis = axes[0, 0]
    bins = np.linspace(0, 100, 41)
    for rows, colour, label in ((correct, MODEL_COLOUR, "right"), (~correct, "#D55E00", "wrong")):
        axis.hist(confidence[rows], bins, histtype="stepfilled", alpha=0.55, color=colour, label=label)
    _mark_cut_off(axis, selective, 100 * (selective["cut_off"]["threshold"] or 0))
    axis.set(xlabel="confidence (largest calibrated probability, %)", ylabel="photographs")
    axis.set_xlim(100 / len(p.labels), 100)
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    caption = "Right and wrong answers by how sure the model is of them, after calibration."
    return "confidences", "Right and wrong by confidence", caption, figure


def _coverage(selective: dict[str, Any]):
    coverage = 100 * np.array([row["coverage"] for row in selective["curve"]])
    value, low, high = (
        100 * np.array([row["accuracy"][key] for row in selective["curve"]]) for key in ("value", "low", "high")
    )
    figure, axes = new_figure(5.2, 3.6)
    axis = axes[0, 0]
    axis.fill_between(coverage, low, high, color=MODEL_COLOUR, alpha=0.2, lw=0, label="95 % interval")
    axis.plot(coverage, value, ".-", color=MODEL_COLOUR, lw=1, label="model")
    wanted = selective["cut_off"]["wanted_accuracy"]
    axis.axhline(100 * wanted, color="#555555", lw=0.8, ls=":", label="wanted")
    if "coverage" in selective["cut_off"]:
        _mark_cut_off(axis, selective, 100 * selective["cut_off"]["coverage"]["value"])
    axis.set(xlabel="answered (% of the photographs, surest first)", ylabel="accuracy on these (%)", xlim=(0, 100))
    axis.set_ylim(top=101)
    axis.legend(frameon=False, fontsize=8, loc="best")
    caption = (
        "Accuracy of the answers that are given when only so many are: the surer the model, the more often it is right."
    )
    return "accuracy_coverage", "Accuracy against coverage", caption, figure


def _mark_cut_off(axis, selective: dict[str, Any], position: float) -> None:
    if selective["cut_off"]["threshold"] is not None:
        axis.axvline(position, color="#333333", lw=0.9, ls="--", label="cut-off")


def class_activation_maps(evaluated: "Evaluated", task: ModuleType, worst: np.ndarray) -> tuple:
    """The task's examples, and below them what was predicted worst, each beside its class-activation map (Grad-CAM)."""
    from matplotlib.cm import ScalarMappable

    from tfderm.models.class_activation import CLASS_ACTIVATION_MAP, with_class_activation_map

    predictions, target = evaluated.predictions, evaluated.run.recipe.image
    what, chosen = task.examples(predictions)
    rows = [*chosen, *worst]
    explained = with_class_activation_map(evaluated.model)
    images, seen = _shown(evaluated, rows, explained, [CLASS_ACTIVATION_MAP])
    maps = seen[CLASS_ACTIVATION_MAP]
    lines = math.ceil(len(chosen) / 2)
    places = [*range(len(chosen)), *range(2 * lines, 2 * lines + len(worst))]  # Two to a line, the worst below.
    cell = 2.0
    height = cell * target.image_size[0] / target.image_size[1] + 0.4
    count = math.ceil((places[-1] + 1) / 2)
    figure, axes = new_figure(4 * cell + 0.9, count * height + 0.4, count, 4)
    for axis in axes.flat:
        axis.set_axis_off()
    pairs = axes.reshape(-1, 2)[places]
    for (photograph, covered), row, image, activation_map in zip(pairs, rows, images, maps, strict=True):
        show(photograph, image)
        photograph.set_title(task.example_caption(predictions, row), fontsize=8)
        show(covered, overlay(image, activation_map))
    scale = ScalarMappable(cmap="viridis")
    scale.set_clim(0, 1)
    colour_bar(figure, scale, axes, "speaks for the most probable class, 0 to 1")
    caption = (
        f"{what}, then the images predicted worst; beside each what speaks for the most probable class: the last "
        "feature maps weighted by the gradient of the class (Grad-CAM), as a share of the largest value in the image."
    )
    return "class_activation_maps", "Class-activation maps", caption, figure


def areas_of_interest(evaluated: "Evaluated", worst: np.ndarray) -> tuple:
    """The examples and what was predicted worst, each beside its area of interest with the matrix (paper 2, fig. 1)."""
    from matplotlib.patches import Polygon

    predictions, target = evaluated.predictions, evaluated.run.recipe.image
    rows = [*examples(predictions)[1], *worst]
    images, seen = _shown(evaluated, rows, evaluated.model, ["area_of_interest", "transform"])
    figure, axes = new_figure(9.6, 1.75 * math.ceil(len(rows) / 2) + 0.4, math.ceil(len(rows) / 2), 4)
    for axis in axes.flat:
        axis.set_axis_off()
    height, width = target.image_size
    for place, row in enumerate(rows):
        left, right = axes[place // 2, 2 * (place % 2) : 2 * (place % 2) + 2]
        transform = seen["transform"][place]
        show(left, images[place])
        left.set_title(example_caption(predictions, row), fontsize=8)
        outline = (area_corners(transform) + 1).T / 2 * [width, height] - 0.5  # Pixel centres lie at whole numbers.
        left.add_patch(Polygon(outline, fill=False, color="black", lw=2.4))
        left.add_patch(Polygon(outline, fill=False, color="white", lw=1.2))
        left.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        show(right, seen["area_of_interest"][place].clip(0, 255).astype(np.uint8))
        numbers = "\n".join("  ".join(f"{value:+.2f}" for value in line) for line in transform)
        right.set_title(numbers, fontsize=7, family="monospace")
    caption = (
        "Photographs with the outline of the area of interest, and that area as the network sees it, under its matrix: "
        "zoom, skew and shift along x and y. First of each class the photograph of middling difficulty, then the worst."
    )
    return "areas_of_interest", "Areas of interest", caption, figure


def _shown(evaluated: "Evaluated", rows: list[int], model: Any, names: list[str]) -> tuple[np.ndarray, dict[str, Any]]:
    """The images of some rows, and outputs of a model for them."""
    from tfderm.evaluation.evaluate import predict_outputs
    from tfderm.pipeline import load_images

    records, contract = [evaluated.records[row] for row in rows], evaluated.run.contract
    images = load_images(evaluated.corpus, records, contract.image)
    return images, predict_outputs(model, evaluated.corpus, records, contract, names)
