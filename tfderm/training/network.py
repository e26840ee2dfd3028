"""The network of a recipe, and what a contract says of it."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import keras

import tfderm
from tfderm import models
from tfderm.clinical.pasi import COMPONENT_LIMITS
from tfderm.clinical.taxonomy import condition
from tfderm.contract import ImageInput, MetadataColumn, ModelContract, Output
from tfderm.datasets.corpus import Corpus
from tfderm.models.normalization import image_of, pixel_statistics
from tfderm.recipe import Recipe
from tfderm.run import Run


def build_model(
    recipe: Recipe, precision: str, begun: ImageInput | None = None, metadata: Sequence[MetadataColumn] = ()
) -> keras.Model:
    """A model that computes in `precision`; its variables are float32 in any.

    Args:
        recipe: which.
        precision: as `Recipe.precision`.
        begun: the input of a model whose weights will be put into this one: it normalises alike, and the recipe's
            `weights` are not read.
        metadata: what it reads beside the image.
    """
    options = {"image_size": recipe.image_size, "weight_decay": recipe.weight_decay, **recipe.model_options}
    if metadata:
        options["metadata"] = [asdict(column) for column in metadata]
    if recipe.labels:
        options["num_classes"] = len(recipe.labels)
    if recipe.task == "multilabel":
        options["activation"] = "sigmoid"
    if begun is not None and begun.mean and models.takes_weights(recipe.model):
        options |= {"mean": begun.mean, "std": begun.std}
    elif recipe.weights:
        options["weights"] = recipe.weights
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        return models.create_model(recipe.model, **options)
    finally:
        keras.config.set_dtype_policy(usual)


def map_strides(model: keras.Model) -> list[int]:
    """Strides of the location maps that a model predicts; empty for none."""
    return [int(name.rsplit("_", 1)[1]) for name in model.output if name.startswith("location_map_")]


def component_names(model: keras.Model) -> list[str]:
    """Severity components that a model predicts; empty for none."""
    return [name for name in model.output if name in COMPONENT_LIMITS]


def freeze_all_but_the_last(model: keras.Model, num_classes: int) -> None:
    """Let what tells the classes learn alone; frozen batch normalisation uses the statistics that it has."""
    for layer in model.layers:
        layer.trainable = isinstance(layer, keras.layers.Dense) and layer.units == num_classes


def contract_of(
    recipe: Recipe,
    model: keras.Model,
    corpus: Corpus,
    initial: Path | None = None,
    metadata: Sequence[MetadataColumn] = (),
) -> ModelContract:
    """The contract of a model trained by this recipe on this corpus."""
    mean, std = pixel_statistics(model)
    weights = recipe.weights or (initial is not None and Run.open(initial).contract.training.get("weights")) or ""
    known = {label: found for label in recipe.labels if (found := condition(label))}
    return ModelContract(
        recipe=recipe.name,
        task=recipe.task,
        image=replace(recipe.image, mean=mean, std=std),
        outputs=described_outputs(model),
        metadata=tuple(metadata),
        labels=recipe.labels,
        label_names={label: known[label].name for label in known} | dict(recipe.label_names),
        urgency={label: known[label].urgency for label in known} | dict(recipe.urgency),
        licence=corpus.licence + (f"; and that of the weights {weights}, from which training began" if weights else ""),
        training={
            "data": corpus.name,
            "synthetic": corpus.synthetic,
            "fingerprint": corpus.fingerprint,
            "seed": recipe.seed,
            "fold": recipe.fold,
            "paper": recipe.paper,
            "weights": weights,
            "tfderm": tfderm.__version__,
        },
    )


def described_outputs(model: keras.Model) -> tuple[Output, ...]:
    """How a contract declares the outputs of a trained model, by their names."""

    def described(name: str, shape: tuple[int, ...]) -> Output:
        if name == "severity":
            return Output(name, "severity", shape, (0.0, 72.0), unit="PASI region score")
        if name.startswith("location_map_"):
            return Output(name, "location_map", shape, (0.0, 1.0), stride=int(name.rsplit("_", 1)[1]))
        if name in COMPONENT_LIMITS:
            return Output(name, "component", shape, (0.0, float(COMPONENT_LIMITS[name])), unit="PASI grade")
        if name == "boxes":
            return Output(name, "boxes", shape, (0.0, float(max(image_of(model).shape[1:3]))), unit="pixels")
        if name == "area_of_interest":
            return Output(name, "area_of_interest", shape, (0.0, 255.0), unit="RGB level")
        if name == "transform":
            return Output(name, "transform", shape, (-1.0, 1.0), unit="half an image")
        return Output(name, name, shape, (0.0, 1.0))  # probabilities, glimpse, scores

    return tuple(described(name, tuple(tensor.shape[1:])) for name, tensor in model.output.items())
