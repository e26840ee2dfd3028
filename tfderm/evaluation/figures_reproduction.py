"""Figures of a reproduction: 3 to 8 of paper 1 for scores; for classes what the papers print of them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfderm import datasets
from tfderm.evaluation import figures_classes
from tfderm.evaluation.figures import new_figure, save_figures, show
from tfderm.evaluation.figures_metadata import attention
from tfderm.evaluation.figures_severity import distribution, errors_by_range, mae_by_range
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import score
from tfderm.files import read_json
from tfderm.pipeline import load_images, location_maps
from tfderm.pipeline.input_pipeline import scaled_boxes
from tfderm.run import Run

_OF_ALL_FOLDS = ("recalls", "confusion_matrix")
_OF_FIRST_FOLD = ("areas_of_interest.png", "confidences.png", "accuracy_coverage.png", "class_activation_maps.png")


def draw_reproduction(
    predictions: Predictions, runs: Mapping[str, Run], own: str, synthetic: bool, folder: Path
) -> list[dict[str, str]]:
    """Draw into `folder`.

    Args:
        predictions: of the paper's own method, with those of its table 1 as baselines.
        runs: of every row a fold, for its photographs, maps and training.
        own: name of the row of the paper's own method.
        synthetic: whether the photographs were rendered.
        folder: receives the PNG files.

    Returns:
        For each figure in the paper's order `file`, `title` and `caption`.
    """
    draw = _draw_classes if predictions.task == "classification" else _draw_severity
    return draw(predictions, runs, own, synthetic, folder)


def _draw_classes(predictions, runs, own, synthetic, folder):
    """All folds' recalls and confusion matrix; of first folds how they trained, and what the model looked at."""
    of_folds = figures_classes.draw(predictions, score(predictions, runs[own].recipe.seed))
    chosen = [item for item in of_folds if item[0] in _OF_ALL_FOLDS]
    if runs[own].recipe.metadata:
        image_alone = next(run for run in runs.values() if not run.recipe.metadata)
        chosen.append(attention(image_alone, runs[own]))
    entries = save_figures(chosen, synthetic, folder)
    for name, run in runs.items():
        drawn = {figure["file"]: figure for figure in read_json(run.path / "metrics.json")["figures"]}
        for file in ("training_curves.png", *(_OF_FIRST_FOLD if name == own else ())):
            if file in drawn:
                copied = f"{name.replace(':', '-')}_{file}"
                shutil.copy(run.figures / file, folder / copied)
                entries.append({**drawn[file], "file": copied, "title": f"{name}: {drawn[file]['title']}"})
    return entries


def _draw_severity(predictions, runs, own, synthetic, folder):
    run = runs[own]
    numbered = [
        (3, _ground_truth_maps(run)),
        (4, distribution(predictions)),
        (5, errors_by_range(predictions)),
        (6, mae_by_range(predictions, score(predictions, run.recipe.seed))),
    ]
    drawn = []
    for number, (name, title, caption, figure) in numbered:
        also = " (and 7: the last range)" if number in (5, 6) else ""
        drawn.append((f"figure_{number}_{name}", f"Figure {number}{also}. {title}", caption, figure))
    entries = save_figures(drawn, synthetic, folder)
    shutil.copy(run.figures / "examples.png", folder / "figure_8_location_maps.png")
    caption = "Photographs of the first fold and the location maps of the five strides, resized bicubically."
    return [*entries, {"file": "figure_8_location_maps.png", "title": "Figure 8. Location maps", "caption": caption}]


def _ground_truth_maps(run: Run):
    """The maps that training on the photograph with the most lesion boxes aims at."""
    strides = [output.stride for output in run.contract.outputs_of_kind("location_map")]
    corpus = datasets.load(run.environment["data"]["source"])
    record = max(corpus.records, key=lambda record: len(record.boxes or ()))
    image_size = run.recipe.image_size
    maps = location_maps(scaled_boxes(record, image_size)[1], image_size, strides)
    figure, axes = new_figure(1.9 * (len(strides) + 1), 2.2, 1, len(strides) + 1)
    show(axes[0, 0], load_images(corpus, [record], run.recipe.image)[0])
    for axis, stride, target in zip(axes[0, 1:], strides, maps, strict=True):
        show(axis, np.asarray(target), cmap="viridis", vmin=0, vmax=1)
        axis.set_title(f"stride {stride}", fontsize=8)
    return "ground_truth_maps", "Ground truth of the location maps", "A photograph and its five target maps.", figure
