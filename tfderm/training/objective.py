"""What a task minimises and watches: losses, metrics and optimizer of a recipe."""

from collections.abc import Sequence

import keras

from tfderm.clinical.pasi import COMPONENT_LIMITS
from tfderm.errors import InputError
from tfderm.losses import ComponentLoss, LocationFocalLoss, SeverityLoss
from tfderm.models.faster_rcnn import FasterRCNNTraining
from tfderm.pipeline.auxiliary import AuxiliaryTarget
from tfderm.recipe import Recipe

_WARM_UP = 0.05


def compile_model(model: keras.Model, recipe: Recipe, steps_per_epoch: int) -> None:
    """Attach optimizer, losses and metrics.

    Severity: equation 9 of paper 1. Location maps weigh 2 mu, because the loss of a pair sums over its two images
    while Keras averages over images. Components add the mean absolute error of their graded photographs.
    Classification: cross-entropy, with the class weights of the input pipeline, and 0.3 times the cross-entropy of each
    auxiliary output where it is known. Detection: `model` computes its own loss.
    """
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
        model.compile(_optimizer(recipe, steps_per_epoch), loss=losses, loss_weights=loss_weights, metrics=metrics)
    elif recipe.task == "detection":
        model.compile(_optimizer(recipe, steps_per_epoch))
    else:
        weights = {"auxiliary": 0.3, **recipe.loss_weights}
        losses = {name: keras.losses.SparseCategoricalCrossentropy() for name in model.output}
        loss_weights = {name: 1.0 if name == "probabilities" else weights["auxiliary"] for name in model.output}
        metrics = {"probabilities": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]}
        model.compile(_optimizer(recipe, steps_per_epoch), loss=losses, loss_weights=loss_weights, metrics=metrics)


def trained_model(model: keras.Model, recipe: Recipe, auxiliary: Sequence[AuxiliaryTarget] = ()) -> keras.Model:
    """What `fit` takes for `model`: another model of the same variables where training needs more than it answers.

    For detection that is a model which knows the losses; with auxiliary targets, one with an output for each, which
    reads the layer `features`.

    Raises:
        InputError: auxiliary targets for a network without that layer.
    """
    if recipe.task == "detection":
        return FasterRCNNTraining(model, seed=recipe.seed)
    if not auxiliary:
        return model
    if "features" not in {layer.name for layer in model.layers}:
        raise InputError(f"Model {recipe.model} learns nothing beside its task; train it with --set auxiliary=[].")
    features = model.get_layer("features").output
    outputs = {
        target.output: keras.layers.Dense(
            target.num_classes, activation="softmax", dtype=keras.config.floatx(), name=target.output
        )(features)
        for target in auxiliary
    }
    return keras.Model(model.input, {**model.output, **outputs})


def _optimizer(recipe: Recipe, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    rate = recipe.learning_rate
    if recipe.learning_rate_schedule == "cosine":
        total = max(recipe.epochs * steps_per_epoch, 1)
        warm_up = min(max(int(_WARM_UP * total), 1), total - 1)
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warm_up else rate,
            decay_steps=max(total - warm_up, 1),
            warmup_target=rate if warm_up else None,
            warmup_steps=warm_up,
        )
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9)
    return keras.optimizers.Adam(rate)
