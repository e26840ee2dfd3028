"""Fusion of patient data and feature maps by concatenation, the rival of `MetadataGate` (paper 5)."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfderm")
class MetadataConcatenation(keras.layers.Layer):
    """Put two fully connected layers of metadata beside the feature maps, as further channels.

    Each further channel is constant over the map; averaged with the others over the map it is the metadata's feature
    beside the image's, so that any network's own head reads the concatenation.

    Args:
        units: width of both fully connected layers, each followed by a ReLU.

    Call arguments:
        maps: (B, H, W, C).
        metadata: (B, F), encoded.

    Returns:
        (B, H, W, C + units).

    Reference:
        Li et al., ISBI 2020 ("Baseline Concatenation-based Model").
    """

    def __init__(self, units=256, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first, self.second = (
            keras.layers.Dense(units, activation="relu", dtype=self.dtype_policy, name=name)
            for name in ("first", "second")
        )

    def build(self, maps_shape, metadata_shape):
        self.first.build(metadata_shape)
        self.second.build((metadata_shape[0], self.units))

    def call(self, maps, metadata):
        features = ops.expand_dims(ops.expand_dims(self.second(self.first(metadata)), 1), 1)
        return ops.concatenate([maps, features + ops.zeros_like(maps[..., :1])], axis=-1)

    def compute_output_shape(self, maps_shape, metadata_shape=None):
        return (*maps_shape[:-1], maps_shape[-1] + self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}
