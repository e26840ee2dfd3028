"""What a spatial transformer's area of interest shows, laid back where it was in the image."""

import keras
from keras import ops

from tfderm.layers.spatial_transformer import affine_grid, grid_sample


@keras.saving.register_keras_serializable(package="tfderm")
class PlacedOnImage(keras.layers.Layer):
    """The inverse of sampling: a map of the area of interest as a map of the whole image, 0 outside the area.

    Args:
        size: height, width of the map of the image.

    Call arguments:
        area: (B, h, w, C) float, over the area of interest.
        transform: (B, 2, 3), as `SpatialTransformer` gives it; an area without extent comes out as zeros.

    Returns:
        (B, height, width, C).
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def call(self, area, transform):
        a, b, x, c, d, y = ops.split(ops.reshape(transform, (-1, 6)), 6, axis=1)
        determinant = a * d - b * c
        flat = ops.abs(determinant) < keras.config.epsilon()
        inverse = ops.concatenate([d, -b, b * y - d * x, -c, a, c * x - a * y], axis=1)
        inverse = ops.where(flat, 0.0, inverse / ops.where(flat, 1.0, determinant))
        placed = grid_sample(area, affine_grid(ops.reshape(inverse, (-1, 2, 3)), self.size))
        return ops.where(ops.reshape(flat, (-1, 1, 1, 1)), 0.0, placed)

    def compute_output_shape(self, area_shape, transform_shape):
        return (area_shape[0], *self.size, area_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": list(self.size)}
