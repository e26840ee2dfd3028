"""Fusion of patient data and feature maps by multiplication (paper 5)."""

import keras


@keras.saving.register_keras_serializable("tfderm")
class MetadataGate(keras.layers.Layer):
    """Weigh every channel of feature maps by what is known of the patient.

    weights = sigmoid(W2 relu(W1 m + b1) + b2), one of each channel, in 0..1; the maps are multiplied by it before they
    are pooled, so that the metadata decides which visual features count.

    Args:
        units: width of the first fully connected layer.

    Call arguments:
        maps: (B, H, W, C), the last of a convolutional network.
        metadata: (B, F), encoded.

    Returns:
        (B, H, W, C).

    Reference:
        Li, Zhuang, Wang, Zhang and Zheng, Fusing Metadata and Dermoscopy Images for Skin Disease Diagnosis, ISBI 2020
        ("Our Multiplication-based Model").
    """

    def __init__(self, units=256, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first = keras.layers.Dense(units, activation="relu", dtype=self.dtype_policy, name="first")

    def build(self, maps_shape, metadata_shape):
        self.first.build(metadata_shape)
        self.second = keras.layers.Dense(maps_shape[-1], activation="sigmoid", dtype=self.dtype_policy, name="second")
        self.second.build((metadata_shape[0], self.units))

    def call(self, maps, metadata):
        return maps * self.weigh(metadata)

    def weigh(self, metadata):
        """The weights, (B, 1, 1, C), 0..1."""
        weights = self.second(self.first(metadata))
        return keras.ops.expand_dims(keras.ops.expand_dims(weights, 1), 1)

    def compute_output_shape(self, maps_shape, metadata_shape=None):
        return maps_shape

    def get_config(self):
        return {**super().get_config(), "units": self.units}
