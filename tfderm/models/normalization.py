"""Pixels to network input: the first layer of every model, so that no client repeats a mean or a deviation."""

import keras
import numpy as np

from tfderm.models.backbones import IMAGENET_MEAN, IMAGENET_STD

_LAYER = "normalization"
_DIGITS = 9  # More than float32 holds, fewer than the division's rounding.


def image_input(image_size):
    """The symbolic input `image` (B, height, width, 3), uint8 RGB."""
    return keras.Input((*image_size, 3), dtype="uint8", name="image")


def image_of(model):
    """The input `image` of a model that may read metadata beside it."""
    return next(tensor for tensor in model.inputs if tensor.name == "image")


def normalize(image, mean=IMAGENET_MEAN, std=IMAGENET_STD):
    """(image / 255 - mean) / std per channel, as float."""
    return keras.layers.Rescaling(
        scale=[1 / (255 * s) for s in std],
        offset=[-m / s for m, s in zip(mean, std, strict=True)],
        name=_LAYER,
    )(image)


def pixel_statistics(model):
    """Mean and deviation per channel by which a model normalises, read off its graph; two empty tuples for none."""
    layer = next((layer for layer in model.layers if layer.name == _LAYER), None)
    if not isinstance(layer, keras.layers.Rescaling):
        return (), ()
    std = 1 / (255 * np.broadcast_to(np.asarray(layer.scale, np.float64), 3))
    mean = -np.broadcast_to(np.asarray(layer.offset, np.float64), 3) * std
    return tuple(mean.round(_DIGITS).tolist()), tuple(std.round(_DIGITS).tolist())
