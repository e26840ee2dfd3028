"""Optimizers of a recipe: schedule, and learning rates that grow with depth."""

from collections.abc import Mapping

import keras

from tfderm.recipe import Recipe


def make_optimizer(recipe: Recipe, model: keras.Model, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """The optimizer of a recipe for a model whose layers may learn at rates of their own."""
    rate = recipe.learning_rate
    if recipe.learning_rate_schedule == "cosine":
        total = max(recipe.num_epochs(steps_per_epoch) * steps_per_epoch, 1)
        warm_up = min(max(int(recipe.warm_up * total), 1), total - 1) if recipe.warm_up else 0
        rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if warm_up else rate,
            decay_steps=max(total - warm_up, 1),
            warmup_target=rate if warm_up else None,
            warmup_steps=warm_up,
        )
    factors = rate_factors(model, recipe.first_layer_rate)
    if recipe.optimizer == "sgd":
        return LayerwiseSGD(factors, rate, momentum=0.9) if factors else keras.optimizers.SGD(rate, momentum=0.9)
    return LayerwiseAdam(factors, rate) if factors else keras.optimizers.Adam(rate)


def rate_factors(model: keras.Model, first: float) -> dict[str, float]:
    """Learning rate of each variable as a share of the last layer's.

    Args:
        model: functional model.
        first: share of the first layer that is trained; between it and the last, in the order of the graph, shares are
            spaced geometrically (Howard and Ruder, ACL 2018, call it discriminative fine-tuning).

    Returns:
        Path of a variable -> share; empty where all learn alike.
    """
    if first == 1:
        return {}
    # A model within the model is a second use of layers that stand beside it.
    layers = [layer for layer in model.layers if layer.trainable_variables and not isinstance(layer, keras.Model)]
    return {
        variable.path: first ** (above / max(len(layers) - 1, 1))
        for above, layer in enumerate(reversed(layers))
        for variable in layer.trainable_variables
    }


class _Layerwise:
    """An optimizer whose learning rate is multiplied by a factor of the variable's own."""

    def __init__(self, factors: Mapping[str, float], *args, **options):
        super().__init__(*args, **options)
        self._factors = factors

    def build(self, variables):
        super().build(variables)
        self._shares = [self._factors.get(variable.path, 1.0) for variable in variables]

    def update_step(self, gradient, variable, learning_rate):
        share = self._shares[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * share)


class LayerwiseSGD(_Layerwise, keras.optimizers.SGD):
    pass


class LayerwiseAdam(_Layerwise, keras.optimizers.Adam):
    pass
