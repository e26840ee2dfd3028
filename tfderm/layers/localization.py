"""Where a spatial transformer looks: networks from an image to an affine transform, at first the identity."""

import keras
from keras import ops

_MAP_ROWS = 32  # at most: fine enough to point with, coarse enough that a cell sees what surrounds it
_FILTERS = 32  # of each stage; the last two convolutions have twice as many
_UNITS = 64


def affine_localization(image_shape, output_size):
    """Two fully connected layers on what convolutions see, which tell all six numbers of the transform.

    Nothing keeps the area of interest inside the image or from growing without end (Jaderberg et al., section 3.1).

    Args:
        image_shape: height, width, channels.
        output_size: height, width in pixels of the area of interest; the network sees the image about as small.

    Returns:
        `keras.Model`: (B, *image_shape) float to `transform` (B, 2, 3).
    """
    image, maps = _convolutions(image_shape, output_size)
    tensor = keras.layers.Dense(_UNITS, activation="relu", name="dense")(keras.layers.Flatten(name="flatten")(maps))
    tensor = keras.layers.Dense(
        6,
        kernel_initializer="zeros",
        bias_initializer=lambda shape, dtype: ops.cast([1, 0, 0, 0, 1, 0], dtype),
        dtype=keras.config.floatx(),
        name="numbers",
    )(tensor)
    transform = keras.layers.Reshape((2, 3), dtype=keras.config.floatx(), name="transform")(tensor)
    return keras.Model(image, {"transform": transform}, name="affine_localization")


def attention_localization(image_shape, output_size):
    """The box that has the mean and the spread of an attention over the image.

    Convolutions give every place a number, a softmax over all places makes an attention of them, and
    `AttentionTransform` looks at where that lies. A box found so is never empty, never leaves the image, and moves with
    what it shows. `glimpse`, the mean of the maps under the attention, is to be taught the class, as in attention-based
    multiple instance learning (Ilse et al., ICML 2018): then the attention learns where the class shows before the
    network behind it can read what is sampled there.

    Args:
        image_shape: height, width, channels.
        output_size: height, width in pixels of the area of interest; it is never a smaller part of the image.

    Returns:
        `keras.Model`: (B, *image_shape) float to `transform` (B, 2, 3) and `glimpse` (B, features).
    """
    image, maps = _convolutions(image_shape, output_size)
    precise = keras.config.floatx()
    evidence = keras.layers.Conv2D(1, 1, kernel_initializer="zeros", dtype=precise, name="evidence")(maps)
    smallest = [min(1.0, output / side) for output, side in zip(output_size, image_shape, strict=False)]
    found = AttentionTransform(smallest, dtype=precise, name="attention")(evidence, maps)
    return keras.Model(image, found, name="attention_localization")


def _convolutions(image_shape, output_size):
    """An image, and maps of it with at most `_MAP_ROWS` rows."""
    image = keras.Input(image_shape, name="image")
    shrink = max(1, min(side // output for side, output in zip(image_shape, output_size, strict=False)))
    tensor = keras.layers.AveragePooling2D(shrink, name="shrink")(image)
    stage = 0
    while stage == 0 or tensor.shape[1] > _MAP_ROWS:
        stage += 1
        tensor = keras.layers.MaxPooling2D(2, name=f"pool{stage}")(_convolution(tensor, _FILTERS, f"conv{stage}"))
    for name in ("conv_a", "conv_b"):
        tensor = _convolution(tensor, 2 * _FILTERS, name)
    return image, tensor


def _convolution(tensor, filters, name):
    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    tensor = keras.layers.Conv2D(filters, 3, name=name, **options)(tensor)
    tensor = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(tensor)
    return keras.layers.ReLU(name=f"{name}_relu")(tensor)


@keras.saving.register_keras_serializable("tfderm")
class AttentionTransform(keras.layers.Layer):
    """Affine transform to the box round an attention over an image.

    The attention is the softmax of the evidence over all places; its focus, in proportion to its square, leaves out the
    faint rest that lies everywhere. Per axis, with the focus' mean m and standard deviation s in coordinates from -1 to
    1, the box has the centre m and the half length sqrt(f^2 + (1 - f^2) 3 s^2), f the smallest one allowed: an even
    attention, whose s is 1 / sqrt(3), gives the whole image, one to a single place the smallest box. A box that would
    leave the image is moved inside.

    Args:
        smallest: height and width of the smallest box, as shares of the image's, in (0, 1].

    Call arguments:
        evidence: (B, h, w, 1) float.
        maps: (B, h, w, C) float.

    Returns:
        `transform` (B, 2, 3), as `tfderm.layers.affine_grid` takes it, and `glimpse` (B, C), the mean of `maps` under
        the attention.
    """

    def __init__(self, smallest, **kwargs):
        super().__init__(**kwargs)
        self.smallest = tuple(smallest)

    def call(self, evidence, maps):
        height, width = evidence.shape[1:3]
        evidence = ops.reshape(evidence, (-1, height * width))
        maps = ops.reshape(maps, (-1, height * width, maps.shape[-1]))
        glimpse = ops.sum(maps * ops.softmax(evidence)[:, :, None], axis=1)
        focus = ops.reshape(ops.softmax(2 * evidence), (-1, height, width))
        centre_y, half_y = self._interval(ops.sum(focus, axis=2), self.smallest[0])
        centre_x, half_x = self._interval(ops.sum(focus, axis=1), self.smallest[1])
        nothing = ops.zeros_like(half_x)
        rows = ops.stack([half_x, nothing, centre_x], axis=1), ops.stack([nothing, half_y, centre_y], axis=1)
        return {"transform": ops.stack(rows, axis=1), "glimpse": glimpse}

    def _interval(self, share, smallest):
        """Centre and half length (B,) of the box along an axis, from the focus' shares (B, cells) along it."""
        cells = share.shape[1]
        edge = 1 - 1 / cells
        places = ops.cast(ops.linspace(-edge, edge, cells) if cells > 1 else ops.zeros(1), share.dtype)
        mean = ops.sum(share * places, axis=1)
        # Within a cell the focus is even: its own variance is a third of its half length squared.
        variance = ops.sum(share * (places - mean[:, None]) ** 2, axis=1) + 1 / (3 * cells**2)
        half = ops.minimum(ops.sqrt(smallest**2 + (1 - smallest**2) * 3 * variance), 1.0)
        return ops.clip(mean, half - 1, 1 - half), half

    def compute_output_shape(self, evidence_shape, maps_shape):
        return {"transform": (evidence_shape[0], 2, 3), "glimpse": (maps_shape[0], maps_shape[-1])}

    def get_config(self):
        return {**super().get_config(), "smallest": list(self.smallest)}
