"""Pixels to network input: the first layer of every model, so that no client repeats a mean or a deviation."""

import keras

from tfderm.models.backbones import IMAGENET_MEAN, IMAGENET_STD


def image_input(image_size):
    """The symbolic input `image` (B, height, width, 3), uint8 RGB."""
    return keras.Input((*image_size, 3), dtype="uint8", name="image")


def normalize(image, mean=IMAGENET_MEAN, std=IMAGENET_STD):
    """(image / 255 - mean) / std per channel, as float."""
    return keras.layers.Rescaling(
        scale=[1 / (255 * s) for s in std],
        offset=[-m / s for m, s in zip(mean, std, strict=True)],
        name="normalization",
    )(image)
