"""Where a network looks without and with metadata (paper 5: "more precise attention area with metadata")."""

from tfderm import datasets, models
from tfderm.evaluation.figures import colour_bar, new_figure, show
from tfderm.evaluation.figures_classes import example_caption, examples
from tfderm.evaluation.occlusion import occlusion_map
from tfderm.evaluation.predictions import read_predictions
from tfderm.pipeline import input_batches, load_images
from tfderm.run import Run
from tfderm.runtime.overlay import overlay


def attention(image_alone: Run, fused: Run) -> tuple:
    """Of every class the held-out photograph of middling difficulty, with what either network's answer rests on.

    Returns:
        File stem, title, caption and figure.
    """
    from matplotlib.cm import ScalarMappable

    runs = {"image alone": image_alone, "with metadata": fused}
    corpus = datasets.load(fused.environment["data"]["source"])
    of_image = {record.image: record for record in datasets.select(corpus, fused.recipe).records}
    predictions = {title: read_predictions(run.path / "predictions.csv", run.recipe) for title, run in runs.items()}
    chosen = [predictions["with metadata"].images[row] for row in examples(predictions["with metadata"])[1]]
    records = [of_image[image] for image in chosen]
    photographs = load_images(corpus, records, fused.recipe.image)
    figure, axes = new_figure(6.4, 1.9 * len(chosen) + 0.4, len(chosen), 3)
    for axis, photograph, record in zip(axes[:, 0], photographs, records, strict=True):
        show(axis, photograph)
        known = [record.metadata.get(column.name, "?") for column in fused.contract.metadata]
        axis.set_title(f"{record.label}\n{', '.join(known)}", fontsize=8)
    for column, (title, run) in enumerate(runs.items(), start=1):
        model = models.load(run.model_path)
        inputs = input_batches(corpus, records, run.contract, batch_size=1)
        place = {image: row for row, image in enumerate(predictions[title].images)}
        for axis, image, photograph, given in zip(axes[:, column], chosen, photographs, inputs, strict=True):
            show(axis, overlay(photograph, occlusion_map(model, given)))
            answer = example_caption(predictions[title], place[image]).partition("\n")[2]
            axis.set_title(f"{title}\n{answer}", fontsize=8)
    for axis in axes.flat:
        axis.set_axis_off()
    scale = ScalarMappable(cmap="viridis")
    scale.set_clim(0, 1)
    colour_bar(figure, scale, axes, "the most probable class loses when this is covered, largest loss = 1")
    caption = (
        "Of each class the held-out photograph of middling difficulty, with what is known of the patient, and where "
        "either network looks: how much less probable its answer becomes when a quarter of either side is covered "
        "there, as a share of the largest loss in the image."
    )
    return "attention", "Attention without and with metadata", caption, figure
