"""Sampling an affine part of an image, differentiable in image and transform."""

import keras
from keras import ops

from tfderm.errors import InputError
from tfderm.layers.localization import affine_localization

PADDINGS = ("zeros", "border")


@keras.saving.register_keras_serializable("tfderm")
class SpatialTransformer(keras.layers.Layer):
    """Look at an image, choose an affine part of it, and sample that part: its area of interest.

    Two things go wrong in training (paper 2, sections 2 and 4): the part leaves the image, until all that is sampled is
    black; and it becomes the same part of every image. `outside_penalty` pulls back what leaves. While training with
    `keras.Model.fit`, metrics tell of both: `outside`, share of the sampled points outside the image; `zoom`, length of
    the area by that of the image, the geometric mean of both axes; `zoom_spread` and `shift_spread`, standard deviation
    over the batch of zoom and of centre (in half images), 0 for a transformer that looks everywhere alike.

    Args:
        output_size: height, width in pixels of what is sampled.
        localization: a Keras layer or model from the image to a dict with `transform` (B, 2, 3), as
            `tfderm.layers.localization` makes them; by default `affine_localization`. It is the identity before
            training.
        padding: what lies outside: "zeros", or "border", the image's nearest pixel.
        align_corners: as in `affine_grid`.
        outside_penalty: weight in the loss of the mean squared distance by which sampled points lie outside.

    Call arguments:
        image: (B, H, W, C) float.
        training: whether the model is being trained.

    Returns:
        `area_of_interest` (B, height, width, C) and `transform` (B, 2, 3): (x, y) in the image = transform @ (x, y, 1)
        in the area of interest, coordinates from -1 to 1; and what else the localisation gives.

    Raises:
        InputError: an unknown padding.

    Reference:
        Jaderberg et al., Spatial Transformer Networks, NeurIPS 2015; Lunding Jensen and Knudsen Brun (paper 2).

    Example:
        >>> seen = SpatialTransformer((210, 315), outside_penalty=1.0)(image)["area_of_interest"]
    """

    def __init__(
        self,
        output_size,
        localization=None,
        padding="zeros",
        align_corners=False,
        outside_penalty=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        _check_padding(padding)
        self.output_size = tuple(output_size)
        self.localization = localization
        self.padding = padding
        self.align_corners = align_corners
        self.outside_penalty = outside_penalty
        self._figures = {name: keras.metrics.Mean(name) for name in ("outside", "zoom", "zoom_spread", "shift_spread")}

    def build(self, image_shape):
        if self.localization is None:
            self._network = affine_localization(tuple(image_shape[1:]), self.output_size)
        else:
            self._network = self.localization

    def call(self, image, training=False):
        found = self._network(image, training=training)
        transform = ops.cast(found["transform"], "float32")
        grid = affine_grid(transform, self.output_size, self.align_corners)
        if training:
            self._watch(transform, grid)
        area = grid_sample(image, grid, self.padding, self.align_corners)
        return {**found, "area_of_interest": area, "transform": transform}

    def _watch(self, transform, grid):
        """Penalties and figures of a batch."""
        distance = ops.relu(ops.abs(grid) - 1)
        lengths = ops.sqrt(ops.sum(transform[:, :, :2] ** 2, axis=1) + keras.config.epsilon())  # of x and y axis
        if self.outside_penalty:
            self.add_loss(self.outside_penalty * ops.mean(ops.sum(distance**2, axis=-1)))
        zoom = ops.sqrt(ops.prod(lengths, axis=1))
        figures = {
            "outside": ops.mean(ops.cast(ops.any(distance > 0, axis=-1), "float32")),
            "zoom": ops.mean(zoom),
            "zoom_spread": ops.std(zoom),
            "shift_spread": ops.mean(ops.std(transform[:, :, 2], axis=0)),
        }
        for name, value in figures.items():
            self._figures[name].update_state(ops.stop_gradient(value))

    def compute_output_shape(self, image_shape):
        area = (image_shape[0], *self.output_size, image_shape[-1])
        return {**self._network.compute_output_shape(image_shape), "area_of_interest": area}

    def get_config(self):
        own = self.localization and keras.saving.serialize_keras_object(self.localization)
        return {
            **super().get_config(),
            "output_size": list(self.output_size),
            "localization": own,
            "padding": self.padding,
            "align_corners": self.align_corners,
            "outside_penalty": self.outside_penalty,
        }

    @classmethod
    def from_config(cls, config):
        if config["localization"]:
            config = {**config, "localization": keras.saving.deserialize_keras_object(config["localization"])}
        return cls(**config)


def affine_grid(transform, output_size, align_corners=False):
    """Points of the input at which an affine transform samples each pixel of the output.

    Coordinates run from -1 to 1 over the input, x to the right and y down, as in `torch.nn.functional.affine_grid`.

    Args:
        transform: (B, 2, 3) float; (x, y) of the input = transform @ (x, y, 1) of the output.
        output_size: height, width in pixels.
        align_corners: whether -1 and 1 are the centres of the outermost pixels rather than their outer edges.

    Returns:
        (B, height, width, 2), x and y.
    """
    height, width = output_size
    y, x = (_centres(length, align_corners, transform.dtype) for length in (height, width))
    points = ops.stack(
        [*(ops.reshape(plane, (-1,)) for plane in ops.meshgrid(x, y)), ops.ones(height * width, x.dtype)]
    )
    sampled = ops.matmul(transform, points)
    return ops.reshape(ops.transpose(sampled, (0, 2, 1)), (-1, height, width, 2))


def grid_sample(image, grid, padding="zeros", align_corners=False):
    """Bilinear values of an image at points between its pixels.

    It is written as gathers and sums, which LiteRT has built in. Values and gradients are those of
    `torch.nn.functional.grid_sample`.

    Args:
        image: (B, H, W, C) float.
        grid: (B, h, w, 2) float32, x and y from -1 to 1 over the image, beyond it outside.
        padding: what lies outside: "zeros", or "border", its nearest pixel.
        align_corners: as in `affine_grid`.

    Returns:
        (B, h, w, C).
    """
    _check_padding(padding)
    height, width, channels = image.shape[1:]
    x, y = (_pixels(grid[..., axis], length, align_corners) for axis, length in enumerate((width, height)))
    if padding == "border":
        x, y = ops.clip(x, 0, width - 1), ops.clip(y, 0, height - 1)
    left, top = ops.floor(x), ops.floor(y)
    pixels = ops.reshape(image, (-1, channels))
    first = ops.reshape(ops.arange(ops.shape(image)[0]) * (height * width), (-1, 1, 1))
    sampled = 0
    for column, x_weight in ((left, left + 1 - x), (left + 1, x - left)):
        for row, y_weight in ((top, top + 1 - y), (top + 1, y - top)):
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            weight = x_weight * y_weight * ops.cast(inside, x.dtype)
            nearest = [ops.cast(ops.clip(v, 0, size - 1), "int32") for v, size in ((row, height), (column, width))]
            values = ops.take(pixels, first + nearest[0] * width + nearest[1], axis=0)
            sampled += values * ops.cast(weight, image.dtype)[..., None]
    return sampled


def _centres(length, align_corners, dtype):
    reach = 1.0 if align_corners else 1 - 1 / length
    return ops.cast(ops.linspace(-reach, reach, length) if length > 1 else ops.zeros(1), dtype)


def _pixels(coordinate, length, align_corners):
    """From -1..1 to the pixel whose centre lies there."""
    return (coordinate + 1) * ((length - 1) / 2) if align_corners else ((coordinate + 1) * length - 1) / 2


def _check_padding(padding):
    if padding not in PADDINGS:
        raise InputError(f"`padding` must be one of {', '.join(PADDINGS)}. Received: padding={padding!r}")
