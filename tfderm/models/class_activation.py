"""Where in the image a classifier sees its class: Grad-CAM (Selvaraju et al., ICCV 2017) as a part of the model."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
from keras import ops

from tfderm.errors import InputError
from tfderm.layers import AverageOverViews, PlacedOnImage
from tfderm.layers.mirrored_views import average_upright
from tfderm.models.normalization import image_of

CLASS_ACTIVATION_MAP = "class_activation_map"
"""Name of the output, and its kind in a contract."""

_POOLING = (
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling2D,
    keras.layers.AdaptiveMaxPooling2D,
    keras.layers.AdaptiveAveragePooling2D,
)


def with_class_activation_map(model, class_index=None):
    """A trained classifier with one more output, `class_activation_map`.

    The last feature maps are weighted by the mean over the map of the logit's gradient with respect to them (equation
    1), summed, and what is negative is cut off (equation 2); divided by its largest value. The gradient is not taken
    by differentiation while running but written out as layers of the graph, from the head's weights as they are now,
    so that it goes wherever the model goes. For a fully connected layer on averages this is Zhou et al., CVPR 2016.

    The last maps are what the head reads: the layers back from the logits as long as they are fully connected, also
    where they are written as unpadded convolutions, their activations, dropout and pooling. Of mirrored views the maps
    are turned back and averaged, as the logits are averages over the views. Behind a spatial transformer the map is of
    the area of interest; it is laid where that is in the image, 0 elsewhere.

    Args:
        model: functional classifier in use (not in training), whose output `probabilities` is the softmax or the
            sigmoid of the logits.
        class_index: of the class to explain; by default the most probable one of each image.

    Returns:
        Functional model with the outputs of `model` and `class_activation_map` (B, h, w, 1), 0..1 float, the size of
        the last maps; it covers the whole image. All zeros where nothing speaks for the class.

    Raises:
        InputError: the head has a layer whose gradient is not written out here; or there is no such class.
    """
    probabilities = model.output["probabilities"]
    num_classes = probabilities.shape[-1]
    if class_index is None:
        first = ops.top_k(probabilities, 1)[1][:, 0]  # `argmax` of Keras has operators that LiteRT has not.
        logit = ops.one_hot(first, num_classes, dtype=keras.config.floatx())
    elif 0 <= class_index < num_classes:
        logit = ops.zeros_like(probabilities) + ops.one_hot(class_index, num_classes, dtype=keras.config.floatx())
    else:
        raise InputError(f"`class_index` must be one of 0 to {num_classes - 1}. Received: class_index={class_index}")

    layer, (tensor,) = _producer(probabilities)
    if isinstance(layer, keras.layers.Dense):  # Its softmax or sigmoid is its activation.
        logit = ops.matmul(logit, _weights(layer).T)
    maps, weights, mirrored = _last_maps(model, tensor, logit)
    height, width, channels = maps.shape[1:]
    maps = ops.cast(maps, keras.config.floatx())
    if mirrored:
        maps = average_upright(maps)
    evidence = ops.matmul(ops.reshape(maps, (-1, height * width, channels)), ops.reshape(weights, (-1, channels, 1)))
    evidence = ops.relu(evidence)
    largest = ops.max(evidence, axis=1, keepdims=True)
    activation = ops.reshape(evidence / ops.where(largest > 0, largest, 1.0), (-1, height, width, 1))
    if "area_of_interest" in model.output:
        activation = _onto_image(activation, model)
    return keras.Model(model.input, {**model.output, CLASS_ACTIVATION_MAP: activation}, name=model.name)


def _onto_image(activation, model):
    """A map of the area of interest, at its own cells' size, over the whole image."""
    size = [
        round(cells * side / area)
        for cells, side, area in zip(
            activation.shape[1:3], image_of(model).shape[1:3], model.output["area_of_interest"].shape[1:3], strict=True
        )
    ]
    return PlacedOnImage(size, name="placed_on_image")(activation, model.output["transform"])


class _Reached(NamedTuple):
    """A tensor on the way back from the logits.

    `gradient` is that of the logit with respect to it; of a map (B, height or 1, width or 1, C), equal along an axis
    of 1. Where it is `averaged`, only its mean over the map is right. `mirrored` tells that the tensor holds the views
    of `MirroredViews`, and the gradient is that with respect to their average.
    """

    tensor: Any
    gradient: Any
    averaged: bool = False
    mirrored: bool = False


def _last_maps(model, logits, gradient):
    """The maps that the head reads, their weights (B, 1, 1, C), and whether they are those of mirrored views."""
    ends = list(_walk_back(_Reached(logits, gradient)))
    maps = [end for end in ends if len(end.tensor.shape) == 4]
    last = min(maps, key=lambda end: end.tensor.shape[1] * end.tensor.shape[2], default=None)
    for end in ends:
        if last is None or (end.tensor is not last.tensor and id(last.tensor) in _upstream(end.tensor)):
            layer, _ = _producer(end.tensor)
            raise InputError(
                f"{model.name}: no class-activation map, because the gradient of the layer {layer.name!r} "
                f"({type(layer).__name__}) in its head is not known; build the head of fully connected layers, ReLU, "
                "hard swish, dropout and averages."
            )
    same = [ops.mean(end.gradient, (1, 2), keepdims=True) for end in maps if end.tensor is last.tensor]
    return last.tensor, sum(same[1:], same[0]), last.mirrored


def _walk_back(reached: _Reached) -> Iterator[_Reached]:
    """Where the walk back through the head ends: at its maps, and at vectors whose layer is not known.

    Pooling, and a convolution that is not padded, hand a constant added to the whole map on as such, so the mean of the
    gradient passes them without knowledge of where in the map it lies; and no more than that mean is needed.
    """
    tensor, gradient, averaged, _ = reached
    layer, inputs = _producer(tensor)
    before = inputs[0] if inputs else None
    of_map = len(tensor.shape) == 4
    match layer:
        case keras.layers.Dropout():
            yield from _walk_back(reached._replace(tensor=before))
        case keras.layers.Flatten():
            gradient = ops.reshape(gradient, (-1, *before.shape[1:]))
            yield from _walk_back(reached._replace(tensor=before, gradient=gradient))
        case AverageOverViews():
            yield from _walk_back(reached._replace(tensor=before, averaged=True, mirrored=True))
        case keras.layers.GlobalAveragePooling2D():
            gradient = ops.reshape(gradient, (-1, 1, 1, before.shape[-1])) / _cells(before)
            yield from _walk_back(reached._replace(tensor=before, gradient=gradient))
        case keras.layers.Add() if not of_map:
            for tensor in inputs:
                yield from _walk_back(reached._replace(tensor=tensor))
        case keras.layers.Concatenate() if not of_map:
            start = 0
            for tensor in inputs:
                part = gradient[:, start : start + tensor.shape[-1]]
                start += tensor.shape[-1]
                yield from _walk_back(reached._replace(tensor=tensor, gradient=part))
        case keras.layers.Dense() | keras.layers.Conv2D() if _is_dense(layer, averaged):
            if layer.activation is keras.activations.relu:
                gradient = gradient * _positive(tensor)
            weights = _weights(layer)
            if weights.ndim == 4:
                if weights.shape[:2] != (1, 1) or layer.strides != (1, 1):
                    gradient = _mean_over(gradient, tensor, before)
                    averaged = True
                weights = weights.sum(axis=(0, 1))
            gradient = ops.matmul(gradient, weights.T)
            yield from _walk_back(reached._replace(tensor=before, gradient=gradient, averaged=averaged))
        case _ if isinstance(layer, _POOLING):
            gradient = _mean_over(gradient, tensor, before)
            yield from _walk_back(reached._replace(tensor=before, gradient=gradient, averaged=True))
        case keras.layers.ReLU() | keras.layers.Activation() if _slope(layer) and not averaged and _cells(tensor) == 1:
            gradient = gradient * _slope(layer)(before)
            yield from _walk_back(reached._replace(tensor=before, gradient=gradient))
        case _:
            yield reached


def _is_dense(layer, averaged):
    """Whether a layer is fully connected, be it over each window of a map, with an activation that can be undone."""
    activation = layer.activation
    plain = activation is keras.activations.linear or (activation is keras.activations.relu and not averaged)
    return plain and (isinstance(layer, keras.layers.Dense) or (layer.padding == "valid" and layer.groups == 1))


def _weights(layer):
    return ops.convert_to_numpy(layer.kernel)


def _slope(layer):
    """The derivative of an activation layer as a function of what it reads; None where it is not known."""
    if isinstance(layer, keras.layers.ReLU):
        plain = layer.max_value is None and not layer.negative_slope and not layer.threshold
        return _positive if plain else None
    return {keras.activations.relu: _positive, keras.activations.hard_silu: _hard_silu_slope}.get(layer.activation)


def _positive(tensor):
    return ops.cast(tensor > 0, keras.config.floatx())


def _hard_silu_slope(tensor):
    tensor = ops.cast(tensor, keras.config.floatx())
    return ops.where(ops.abs(tensor) < 3, tensor / 3 + 0.5, _positive(tensor))


def _mean_over(gradient, after, before):
    """The mean over `before` of a gradient whose sum over the map is that over `after`, (B, 1, 1, C)."""
    return ops.mean(gradient, (1, 2), keepdims=True) * (_cells(after) / _cells(before))


def _cells(tensor):
    return math.prod(tensor.shape[1:-1])


def _producer(tensor):
    """The layer that gives a tensor, and the tensors that it reads."""
    layer, node, _ = tensor._keras_history
    return layer, layer._inbound_nodes[node].input_tensors


def _upstream(tensor):
    """Identities of the tensors that `tensor` is computed from, its own among them."""
    found, waiting = set(), [tensor]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) not in found:
            found.add(id(tensor))
            waiting.extend(_producer(tensor)[1])
    return found
