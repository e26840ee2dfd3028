"""Is a photograph sharp, well exposed and of skin, measured in the graph from its pixels."""

import keras
from keras import ops

_LUMINANCE = (0.299, 0.587, 0.114)
_BURNT = 0.95 * 255
_CELL = 4  # pixels whose colours are averaged before they are looked at: noise has no colour of its own
_DARKEST_SKIN = 20.0


@keras.saving.register_keras_serializable(package="tfderm")
class PhotographMeasures(keras.layers.Layer):
    """Sharpness, brightness, burnt-out share and skin-coloured share of a photograph.

    Sharpness compares the squared gradient of luminance between neighbouring pixels with that between neighbouring
    averages of 2x2 pixels. Contrast cancels out, so that it hardly depends on what is shown; blur lowers it.

    Skin is red-yellow at any lightness, so that the rule holds for all skin types: green and blue are at most 94 % of
    red, and red at most four times their smaller one.

    Call arguments:
        image: (B, H, W, 3) RGB, 0..255; H and W at least 8.

    Returns:
        Each (B, 1): `sharpness`, 0.25 (smooth) to 4 (noise), 0 for one plain colour; `brightness`, mean luminance,
        0..255; `burnt_share`, pixels above 95 % of the scale, 0..1; `skin_share`, 0..1.
    """

    def call(self, image):
        image = ops.cast(image, self.compute_dtype)
        red, green, blue = (image[..., channel] for channel in range(3))
        luminance = _LUMINANCE[0] * red + _LUMINANCE[1] * green + _LUMINANCE[2] * blue
        coarse = ops.average_pool(luminance[..., None], 2, 2)[..., 0]
        colours = ops.average_pool(image, _CELL, _CELL)
        red, lower = colours[..., 0], ops.minimum(colours[..., 1], colours[..., 2])
        higher = ops.maximum(colours[..., 1], colours[..., 2])
        skin = ops.logical_and(
            ops.logical_and(red >= _DARKEST_SKIN, higher <= 0.94 * red), red <= 4 * lower + _DARKEST_SKIN
        )
        return {
            "sharpness": _squared_gradient(luminance) / (_squared_gradient(coarse) + 0.1),
            "brightness": _mean(luminance),
            "burnt_share": _mean(ops.cast(luminance > _BURNT, luminance.dtype)),
            "skin_share": _mean(ops.cast(skin, luminance.dtype)),
        }

    def compute_output_shape(self, input_shape):
        return dict.fromkeys(("sharpness", "brightness", "burnt_share", "skin_share"), (input_shape[0], 1))


def _mean(plane):
    """(B, H, W) to (B, 1)."""
    return ops.mean(plane, axis=(1, 2))[:, None]


def _squared_gradient(plane):
    """Mean squared difference of neighbours along both axes: (B, H, W) to (B, 1)."""
    return _mean(ops.square(plane[:, 1:] - plane[:, :-1])) + _mean(ops.square(plane[:, :, 1:] - plane[:, :, :-1]))
