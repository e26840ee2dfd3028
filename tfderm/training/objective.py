"""What a task minimises and watches: losses, metrics and optimizer of a recipe."""

from collections.abc import Sequence

import keras

from tfderm.clinical.pasi import COMPONENT_LIMITS
from tfderm.errors import InputError
from tfderm.losses import ComponentLoss, LocationFocalLoss, SeverityLoss
from tfderm.models.faster_rcnn import FasterRCNNTraining
from tfderm.models.metanet import WITHOUT_METADATA, with_answer_without_metadata
from tfderm.pipeline.auxiliary import AuxiliaryTarget
from tfderm.recipe import Recipe
from tfderm.training.optimizers import make_optimizer

TAUGHT = ("probabilities", "glimpse", WITHOUT_METADATA)
"""Outputs of a classifier that learn the class."""


def compile_model(model: keras.Model, recipe: Recipe, steps_per_epoch: int) -> None:
    """Attach optimizer, losses and metrics.

    Severity: equation 9 of paper 1. Location maps weigh 2 mu, because the loss of a pair sums over its two images
    while Keras averages over images. Components add the mean absolute error of their graded photographs.
    Classification: cross-entropy, with the class weights of the input pipeline, as much of what a spatial transformer
    saw at a glimpse or the network answers without metadata, and 0.3 times the cross-entropy of each auxiliary output
    where it is known. Several labels: the mean of their binary cross-entropies. Detection: `model` computes its own
    loss.
    """
    optimizer = make_optimizer(recipe, model, steps_per_epoch)
    if recipe.task == "severity":
        weights = {"location": 1.0, "pair": 0.2, "regression": 0.2, "components": 0.2, **recipe.loss_weights}
        losses = {"severity": SeverityLoss(recipe.pairs, weights["pair"], weights["regression"])}
        loss_weights = {"severity": 1.0}
        for name in model.output:
            if name.startswith("location_map_"):
                losses[name] = LocationFocalLoss()
                loss_weights[name] = 2 * weights["location"]
            elif name in COMPONENT_LIMITS:
                losses[name] = ComponentLoss()
                loss_weights[name] = weights["components"]
        metrics = {"severity": [keras.metrics.MeanAbsoluteError(name="mean_absolute_error")]}
        model.compile(optimizer, loss=losses, loss_weights=loss_weights, metrics=metrics)
    elif recipe.task == "detection":
        model.compile(optimizer)
    elif recipe.task == "multilabel":
        area = keras.metrics.AUC(
            curve="PR", multi_label=True, num_labels=len(recipe.labels), name="precision_recall_auc"
        )
        losses = {"probabilities": keras.losses.BinaryCrossentropy()}
        model.compile(optimizer, loss=losses, metrics={"probabilities": [area]})
    else:
        weights = {**dict.fromkeys(TAUGHT, 1.0), "auxiliary": 0.3, **recipe.loss_weights}
        losses = {name: keras.losses.SparseCategoricalCrossentropy() for name in model.output}
        loss_weights = {name: weights[name if name in TAUGHT else "auxiliary"] for name in model.output}
        metrics = {"probabilities": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]}
        model.compile(optimizer, loss=losses, loss_weights=loss_weights, metrics=metrics)


def trained_model(model: keras.Model, recipe: Recipe, auxiliary: Sequence[AuxiliaryTarget] = ()) -> keras.Model:
    """What `fit` takes for `model`: another model of the same variables where training needs more or other outputs.

    For detection that is a model which knows the losses; for classification one without outputs that nobody teaches,
    with metadata one that also answers without, so that every image is learned in both ways, and with auxiliary targets
    one that has an output for each, which reads the layer `features`.

    Raises:
        InputError: auxiliary targets for a network without that layer.
    """
    if recipe.task == "detection":
        return FasterRCNNTraining(model, seed=recipe.seed)
    if recipe.task != "classification":
        return model
    if recipe.metadata:
        model = with_answer_without_metadata(model)
    taught = {name: model.output[name] for name in taught_classes(model, recipe)}
    if not auxiliary:
        return model if len(taught) == len(model.output) else keras.Model(model.input, taught)
    if "features" not in {layer.name for layer in model.layers}:
        raise InputError(f"Model {recipe.model} learns nothing beside its task; train it with --set auxiliary=[].")
    features = model.get_layer("features").output
    outputs = {
        target.output: keras.layers.Dense(
            target.num_classes, activation="softmax", dtype=keras.config.floatx(), name=target.output
        )(features)
        for target in auxiliary
    }
    return keras.Model(model.input, {**taught, **outputs})


def taught_classes(model: keras.Model, recipe: Recipe) -> list[str]:
    """Outputs of what `fit` takes that learn the class; none where the task has no classes."""
    return [name for name in model.output if name in TAUGHT] if recipe.classes else []
