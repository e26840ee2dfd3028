"""Which labels an image is said to show, computed in the graph, so that every client says the same."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfderm")
class LabelsPresent(keras.layers.Layer):
    """1.0 for every label whose probability reaches its threshold, else 0.0.

    Args:
        thresholds: per label.

    Call arguments:
        probabilities: (B, num_labels).

    Returns:
        (B, num_labels).
    """

    def __init__(self, thresholds, **kwargs):
        super().__init__(**kwargs)
        self.thresholds = [float(threshold) for threshold in thresholds]

    def call(self, probabilities):
        thresholds = ops.convert_to_tensor(self.thresholds, probabilities.dtype)
        return ops.cast(probabilities >= thresholds, probabilities.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "thresholds": self.thresholds}
