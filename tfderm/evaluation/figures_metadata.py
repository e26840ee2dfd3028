"""Where a network looks without and with metadata (paper 5: "more precise attention area with metadata")."""

from tfderm import datasets, models
from tfderm.evaluation.evaluate import predict_outputs
from tfderm.evaluation.figures import colour_bar, new_figure, show
from tfderm.evaluation.figures_classes import example_caption, examples
from tfderm.evaluation.predictions import read_predictions
from tfderm.models.class_activation import CLASS_ACTIVATION_MAP, with_class_activation_map
from tfderm.pipeline import load_images
from tfderm.run import Run
from tfderm.runtime.overlay import overlay


def attention(image_alone: Run, fused: Run) -> tuple:
    """Of every class the held-out photograph of middling difficulty, with the class-activation map of either network.

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
    figure, axes = new_figure(6.4, 2.1 * len(chosen) + 0.6, len(chosen), 3)
    for axis, photograph, record in zip(axes[:, 0], photographs, records, strict=True):
        show(axis, photograph)
        known = [record.metadata.get(column.name, "?") for column in fused.contract.metadata]
        axis.set_title(f"{record.label}\n{', '.join(known)}", fontsize=8)
    for column, (title, run) in enumerate(runs.items(), start=1):
        model = with_class_activation_map(models.load(run.model_path))
        maps = predict_outputs(model, corpus, records, run.contract, [CLASS_ACTIVATION_MAP])[CLASS_ACTIVATION_MAP]
        place = {image: row for row, image in enumerate(predictions[title].images)}
        for axis, image, photograph, activation_map in zip(axes[:, column], chosen, photographs, maps, strict=True):
            show(axis, overlay(photograph, activation_map))
            answer = example_caption(predictions[title], place[image]).partition("\n")[2]
            axis.set_title(f"{title}\n{answer}", fontsize=8)
    for axis in axes.flat:
        axis.set_axis_off()
    scale = ScalarMappable(cmap="viridis")
    scale.set_clim(0, 1)
    colour_bar(figure, scale, axes, "speaks for the most probable class, 0 to 1")
    caption = (
        "Of each class the held-out photograph of middling difficulty, with what is known of the patient, and what "
        "in it speaks for the class that either network takes to be most probable (Grad-CAM)."
    )
    return "attention", "Attention without and with metadata", caption, figure
