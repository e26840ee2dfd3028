"""Figures 3 to 8 of paper 1, drawn from a reproduction."""

import shutil
from pathlib import Path

import numpy as np

from tfderm import datasets
from tfderm.evaluation.figures import new_figure, save_figures, show
from tfderm.evaluation.figures_severity import distribution, errors_by_range, mae_by_range
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import score
from tfderm.pipeline import load_images, location_maps
from tfderm.pipeline.input_pipeline import scaled_boxes
from tfderm.run import Run


def draw_reproduction(predictions: Predictions, run: Run, synthetic: bool, folder: Path) -> list[dict[str, str]]:
    """Draw into `folder`.

    Args:
        predictions: of the paper's own method, with those of its table 1 as baselines.
        run: a fold of the paper's own method, for its photographs and location maps.
        synthetic: whether the photographs were rendered.
        folder: receives the PNG files.

    Returns:
        For each figure in the paper's order `file`, `title` and `caption`.
    """
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
