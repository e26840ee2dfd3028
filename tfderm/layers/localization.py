"""Where a spatial transformer looks: networks from an image to an affine transform, at first the identity."""

import keras
from keras import ops

_MAP_ROWS = 32  # at most: fine enough to point with, coarse enough that a cell sees what surrounds it
_FILTERS = 32  # of each stage; the last two convolutions have twice as many
_UNITS = 64
_DROPOUT = 0.2
_SHARPNESS = 8.0


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
    precise = keras.config.floatx()
    tensor = keras.layers.Dense(6, kernel_initializer="zeros", dtype=precise, name="numbers")(tensor)
    tensor = keras.layers.Rescaling(1.0, [1, 0, 0, 0, 1, 0], dtype=precise, name="from_identity")(tensor)
    transform = keras.layers.Reshape((2, 3), dtype=precise, name="transform")(tensor)
    return keras.Model(image, {"transform": transform}, name="affine_localization")


def attention_localization(image_shape, output_size, num_classes):
    """The box round what a small network recognises at a glimpse, when it is taught the class of the whole image.

    The network takes of each map the largest value anywhere and tells the classes from these by one layer, which it
    calls `recognises`. The same layer, applied to every place, gives that place's scores (a class-activation map, Zhou
    et al., CVPR 2016), and `AttentionTransform` looks at where a class stands out. No gradient flows through the box:
    it cannot run away, and does not depend on what the network behind it can read yet. A global view that picks what a
    local one reads is that of Shen et al., Medical Image Analysis 2021.

    Args:
        image_shape: height, width, channels.
        output_size: height, width in pixels of the area of interest; it is never a smaller part of the image.
        num_classes: that the glimpse is to tell.

    Returns:
        `keras.Model`: (B, *image_shape) float to `transform` (B, 2, 3) and `glimpse` (B, num_classes), logits.
    """
    image, maps = _convolutions(image_shape, output_size)
    precise = keras.config.floatx()
    recognises = keras.layers.Dense(num_classes, kernel_initializer="zeros", dtype=precise, name="recognises")
    strongest = keras.layers.GlobalMaxPooling2D(name="strongest")(maps)
    glimpse = recognises(keras.layers.Dropout(_DROPOUT, name="strongest_dropout")(strongest))
    smallest = [min(1.0, output / side) for output, side in zip(output_size, image_shape, strict=False)]
    transform = AttentionTransform(smallest, dtype=precise, name="transform")(recognises(maps))
    return keras.Model(image, {"transform": transform, "glimpse": glimpse}, name="attention_localization")


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
    """Affine transform to the box round the places of an image where a class stands out.

    A place's evidence is by how much its largest score exceeds the mean of its scores; the attention is the softmax of
    8 times the evidence over all places. Per axis, with the attention's mean m and standard deviation s in coordinates
    from -1 to 1, the box has the centre m and the half length sqrt(f^2 + (1 - f^2) 3 s^2), f the smallest one allowed:
    an even attention, whose s is 1 / sqrt(3), gives the whole image, one to a single place the smallest box. A box that
    would leave the image is moved inside. No gradient flows to the scores.

    Args:
        smallest: height and width of the smallest box, as shares of the image's, in (0, 1].

    Call arguments:
        scores: (B, h, w, num_classes) float.

    Returns:
        (B, 2, 3), as `tfderm.layers.spatial_transformer.affine_grid` takes it.
    """

    def __init__(self, smallest, **kwargs):
        super().__init__(**kwargs)
        self.smallest = tuple(smallest)

    def call(self, scores):
        height, width = scores.shape[1:3]
        scores = ops.stop_gradient(scores)
        evidence = ops.reshape(ops.max(scores, axis=-1) - ops.mean(scores, axis=-1), (-1, height * width))
        attention = ops.reshape(ops.softmax(_SHARPNESS * evidence), (-1, height, width))
        centre_y, half_y = self._interval(ops.sum(attention, axis=2), self.smallest[0])
        centre_x, half_x = self._interval(ops.sum(attention, axis=1), self.smallest[1])
        nothing = ops.zeros_like(half_x)
        rows = ops.stack([half_x, nothing, centre_x], axis=1), ops.stack([nothing, half_y, centre_y], axis=1)
        return ops.stack(rows, axis=1)

    def _interval(self, share, smallest):
        """Centre and half length (B,) of the box along an axis, from the attention's shares (B, cells) along it."""
        cells = share.shape[1]
        edge = 1 - 1 / cells
        places = ops.cast(ops.linspace(-edge, edge, cells) if cells > 1 else ops.zeros(1), share.dtype)
        mean = ops.sum(share * places, axis=1)
        # Within a cell the attention is even: its own variance is a third of its half length squared.
        variance = ops.sum(share * (places - mean[:, None]) ** 2, axis=1) + 1 / (3 * cells**2)
        half = ops.minimum(ops.sqrt(smallest**2 + (1 - smallest**2) * 3 * variance), 1.0)
        return ops.clip(mean, half - 1, 1 - half), half

    def compute_output_shape(self, scores_shape):
        return scores_shape[0], 2, 3

    def get_config(self):
        return {**super().get_config(), "smallest": list(self.smallest)}
