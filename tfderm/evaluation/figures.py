"""Figures of an evaluation as PNG files, drawn with the Agg backend; which ones there are depends on the task."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfderm.evaluation.scores import image_errors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tfderm.evaluation.evaluate import Evaluated
    from tfderm.evaluation.predictions import Predictions
    from tfderm.run import Run

# Okabe and Ito's colours, which people with any colour vision can tell apart.
MODEL_COLOUR = "#0072B2"
BASELINE_COLOURS = ("#999999", "#E69F00", "#009E73", "#CC79A7")
BASELINE_NAMES = {"majority": "majority class", "shares": "label's share", "colour_histogram": "colour histogram"}
_DPI = 110
_EXAMPLES = 4
_COLUMNS = 5


def draw_figures(evaluated: "Evaluated", result: dict[str, Any], folder: Path) -> list[dict[str, str]]:
    """Draw every figure of the run's task into `folder`.

    Returns:
        For each figure in reading order: `file` (name in `folder`), `title`, and `caption`, what it shows in words.
    """
    from tfderm.evaluation import figures_classes, figures_detection, figures_labels, figures_severity

    task = {
        "severity": figures_severity,
        "classification": figures_classes,
        "multilabel": figures_labels,
        "detection": figures_detection,
    }[evaluated.predictions.task]
    drawn = [_training_curves(evaluated.run)]
    drawn += task.draw(evaluated.predictions, result)
    drawn += _photographs(evaluated, task)
    if evaluated.predictions.labels:
        drawn.append(figures_classes.class_activation_maps(evaluated, task, largest_errors(evaluated.predictions)))
        if "area_of_interest" in result:
            drawn.append(figures_classes.areas_of_interest(evaluated, largest_errors(evaluated.predictions)))
    return save_figures([item for item in drawn if item], result["synthetic"], folder)


def save_figures(drawn: Sequence[tuple], synthetic: bool, folder: Path) -> list[dict[str, str]]:
    """Write (file stem, title, caption, figure) each as PNG, synthetic ones marked; returns as `draw_figures`."""
    entries = []
    for name, title, caption, figure in drawn:
        data = " — synthetic data" if synthetic else ""
        figure.suptitle(title + data, fontsize=11)
        figure.savefig(folder / f"{name}.png", dpi=_DPI, metadata={"Software": None})
        entries.append({"file": f"{name}.png", "title": title + data, "caption": caption})
    return entries


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1, **options) -> tuple["Figure", np.ndarray]:
    """A white figure of that many inches and its (rows, columns) axes, without frames on top and right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    return figure, axes


def predictor_colours(p: "Predictions") -> dict[str, str]:
    """Words for the model and each baseline -> its colour, the model first."""
    names = {BASELINE_NAMES.get(key, key): colour for key, colour in zip(p.baselines, BASELINE_COLOURS, strict=False)}
    return {p.predictor: MODEL_COLOUR, **names}


def _training_curves(run: "Run"):
    """Loss and metrics by epoch (paper 4 prints accuracy and loss so); None without a history."""
    if not (run.path / "history.csv").is_file():
        return None
    rows = run.history
    watched = [name for name in rows[0] if name.endswith(("accuracy", "mean_absolute_error", "recall", "auc"))]
    loss = "probabilities_loss" if "probabilities_loss" in rows[0] else "loss"  # without what is learned beside it
    names = [loss, *(name for name in watched if not name.startswith("val_"))]
    epochs = [int(float(row["epoch"])) for row in rows]
    figure, axes = new_figure(4.2 * len(names), 3.2, 1, len(names))
    for axis, name in zip(axes[0], names, strict=True):
        for column, style, label in ((name, "-", "training"), (f"val_{name}", "--", "validation")):
            if column in rows[0]:
                colour = MODEL_COLOUR if label == "training" else "#D55E00"
                axis.plot(epochs, [float(row[column]) for row in rows], style, color=colour, label=label, marker=".")
        axis.set(xlabel="epoch", ylabel=name.replace("_", " "))
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].legend(frameon=False, fontsize=8)
    caption = "Loss and metrics after each epoch, on the training and on the validation split."
    return "training_curves", "Training", caption, figure


def _photographs(evaluated: "Evaluated", task):
    """The task's examples, and what was predicted worst, with the model's location maps (paper 1, figure 8) if any."""
    worst = largest_errors(evaluated.predictions)
    maps = ""
    if _map_names(evaluated):
        maps = "; its location maps by stride laid over it. Dashed: lesion boxes of the data"
    elif evaluated.predictions.task == "detection":
        maps = ". Dashed: lesion boxes of the data; blue: boxes detected at the chosen confidence"
    for name, title, what, rows in (
        ("examples", "Examples", *task.examples(evaluated.predictions)),
        ("largest_errors", "Largest errors", "Images predicted worst", worst),
    ):
        yield name, title, f"{what}{maps}.", _photograph_figure(evaluated, rows, task.example_caption)


def largest_errors(predictions: "Predictions") -> np.ndarray:
    """Rows of the images predicted worst, the worst first."""
    return np.argsort(-image_errors(predictions), kind="stable")[:_EXAMPLES]


def _map_names(evaluated: "Evaluated") -> dict[str, int]:
    return {output.name: output.stride for output in evaluated.run.contract.outputs_of_kind("location_map")}


def _photograph_figure(evaluated: "Evaluated", rows: np.ndarray, caption_of) -> "Figure":
    from tfderm.evaluation.evaluate import predict_outputs
    from tfderm.pipeline import load_images

    records = [evaluated.records[row] for row in rows]
    image_size = evaluated.run.recipe.image_size
    images = load_images(evaluated.corpus, records, evaluated.run.recipe.image)
    names = _map_names(evaluated)
    if not names:
        columns = min(len(rows), _COLUMNS)
        lines = math.ceil(len(rows) / columns)
        figure, axes = new_figure(2.6 * columns, 3.0 * lines, lines, columns)
        for axis in axes.flat[len(rows) :]:
            axis.set_axis_off()
        for axis, image, row in zip(axes.flat, images, rows, strict=False):
            show(axis, image)
            axis.set_title(caption_of(evaluated.predictions, row), fontsize=8)
            if evaluated.predictions.task == "detection":
                _draw_boxes(axis, evaluated.records[row], image_size)
                _draw_detections(axis, evaluated, row)
        return figure
    maps = predict_outputs(evaluated.model, evaluated.corpus, records, evaluated.run.contract, list(names))
    cell = 1.9
    height = cell * image_size[0] / image_size[1] + 0.22
    figure, axes = new_figure(cell * (len(names) + 1), height * len(rows) + 0.6, len(rows), len(names) + 1)
    for index, row in enumerate(rows):
        show(axes[index, 0], images[index])
        axes[index, 0].set_title(caption_of(evaluated.predictions, row), fontsize=8)
        _draw_boxes(axes[index, 0], records[index], image_size)
        for axis, (name, stride) in zip(axes[index, 1:], names.items(), strict=True):
            show(axis, np.repeat(images[index].mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2))
            picture = axis.imshow(
                _bicubic(maps[name][index, :, :, 0], stride, image_size), cmap="viridis", vmin=0, vmax=1, alpha=0.6
            )
            if index == 0:
                axis.set_title(f"stride {stride}", fontsize=8)
    colour_bar(figure, picture, axes, "lesion location, 0 to 1")
    return figure


def colour_bar(figure: "Figure", picture: Any, axes: np.ndarray, label: str) -> None:
    """What the colours of a picture mean, beside the axes."""
    bar = figure.colorbar(picture, ax=axes, shrink=0.5, pad=0.01)
    bar.ax.tick_params(labelsize=7)
    bar.set_label(label, fontsize=8)


def show(axis: "Axes", image: np.ndarray, **options) -> None:
    """Draw an image without ticks and frame; `options` as `Axes.imshow` takes them."""
    axis.imshow(image, **options)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def _bicubic(location_map: np.ndarray, stride: int, image_size: tuple[int, int]) -> np.ndarray:
    """A map at the size of its image (bicubic, as in the paper's figure 8); cells beyond the image are cut off."""
    import cv2

    rows, columns = location_map.shape
    large = cv2.resize(location_map, (columns * stride, rows * stride), interpolation=cv2.INTER_CUBIC)
    return np.clip(large[: image_size[0], : image_size[1]], 0, 1)


def _draw_boxes(axis: "Axes", record, image_size: tuple[int, int]) -> None:
    for box in record.boxes or ():
        _draw_box(axis, box, record, image_size, color="black", ls="-", lw=0.9)
        _draw_box(axis, box, record, image_size, color="white", ls="--", lw=0.9)


def _draw_detections(axis: "Axes", evaluated: "Evaluated", row: int) -> None:
    counted = evaluated.predictions.y_pred[row][:, 2] > 0
    for box in evaluated.predictions.boxes[row][counted]:
        _draw_box(axis, box, evaluated.records[row], evaluated.run.recipe.image_size, color=MODEL_COLOUR, lw=1.2)


def _draw_box(axis: "Axes", box: Sequence[float], record, image_size: tuple[int, int], **style) -> None:
    """A box x, y, width, height in pixels of the photograph, over the photograph resized to `image_size`."""
    from matplotlib.patches import Rectangle

    scale_y, scale_x = image_size[0] / record.image_size[0], image_size[1] / record.image_size[1]
    x, y, width, height = box
    # The picture's pixel centres lie at whole numbers.
    corner = (x * scale_x - 0.5, y * scale_y - 0.5)
    axis.add_patch(Rectangle(corner, width * scale_x, height * scale_y, fill=False, **style))
