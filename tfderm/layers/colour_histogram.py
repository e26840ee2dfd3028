"""How much of an image has which colour, as a layer."""

import keras
from keras import ops

# Lightness (R + G + B) / 3, redness R - G, yellowness (R + G) / 2 - B: 98 % of the pixels of dermoscopy lie within.
_RANGES = ((45.0, 235.0), (0.0, 120.0), (-20.0, 70.0))
_FLOOR = 1e-6  # keeps the slope of the square root finite at an empty bin


@keras.saving.register_keras_serializable("tfderm")
class ColourHistogram(keras.layers.Layer):
    """Joint colour histogram of an image, wherever the colours are: what a logistic regression can read.

    A pixel counts in the two nearest bins of lightness, redness and yellowness, by how near it is to the middle of
    each, and in the products of these shares; colours beyond the ranges count in the border bins. Square roots of the
    shares make distances Hellinger distances, as in `tfderm.evaluation.baselines.colour_histogram`.

    Args:
        bins: of lightness, redness and yellowness.
        cell: colours are averaged over squares of so many pixels first.

    Call arguments:
        image: (B, H, W, 3) RGB, 0..255; H and W at least `cell`.

    Returns:
        (B, product of `bins`), each 0..1; ordered lightness, redness, yellowness.

    Raises:
        ValueError: fewer than two bins, or a cell below one pixel.
    """

    def __init__(self, bins=(8, 12, 12), cell=4, **kwargs):
        super().__init__(**kwargs)
        if len(bins) != 3 or min(bins) < 2 or cell < 1:
            raise ValueError(f"`bins` must be three numbers from 2, `cell` from 1. Received: bins={bins}, cell={cell}")
        self.bins = tuple(bins)
        self.cell = cell

    def call(self, image):
        colours = ops.average_pool(ops.cast(image, self.compute_dtype), self.cell, self.cell)
        red, green, blue = (colours[..., channel] for channel in range(3))
        axes = (red + green + blue) / 3, red - green, (red + green) / 2 - blue
        lightness, redness, yellowness = (
            self._shares(axis, bins, *limits) for axis, bins, limits in zip(axes, self.bins, _RANGES, strict=True)
        )
        pixels = lightness.shape[1]
        hue = ops.reshape(redness[..., :, None] * yellowness[..., None, :], (-1, pixels, self.bins[1] * self.bins[2]))
        joint = ops.matmul(ops.transpose(lightness, (0, 2, 1)), hue) / pixels
        joint = ops.reshape(joint, (-1, self.bins[0] * self.bins[1] * self.bins[2]))
        return ops.sqrt(joint + _FLOOR) - _FLOOR**0.5

    @staticmethod
    def _shares(axis, bins, low, high):
        """(B, H, W) to the share of every pixel in every bin, (B, H * W, bins)."""
        position = ops.clip((axis - low) * ((bins - 1) / (high - low)), 0, bins - 1)
        position = ops.reshape(position, (-1, axis.shape[1] * axis.shape[2], 1))
        return ops.relu(1 - ops.abs(position - ops.arange(bins, dtype=position.dtype)))

    def get_config(self):
        return {**super().get_config(), "bins": self.bins, "cell": self.cell}
