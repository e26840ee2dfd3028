"""What a classifier says and how sure it is, computed in the graph, so that every client shows the same."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfderm")
class SelectiveAnswer(keras.layers.Layer):
    """Calibrated probabilities, whether they suffice for an answer, and which classes are possible.

    The arithmetic of `tfderm.metrics.tempered` and `tfderm.metrics.ConformalSets.members`.

    Args:
        temperature: by which logits are divided.
        threshold: largest probability from which on there is an answer; None for no such output.
        set_thresholds: per class the probability from which on it is possible; None for no such output.

    Call arguments:
        logits: (B, num_classes).

    Returns:
        `probabilities` (B, num_classes); `answered` (B, 1), 1.0 or 0.0; `prediction_set` (B, num_classes), 1.0 for a
        possible class, else 0.0.
    """

    def __init__(self, temperature, threshold=None, set_thresholds=None, **kwargs):
        super().__init__(**kwargs)
        self.temperature = float(temperature)
        self.threshold = threshold
        self.set_thresholds = set_thresholds

    def call(self, logits):
        probabilities = ops.softmax(logits / self.temperature, axis=-1)
        answers = {"probabilities": probabilities}
        if self.threshold is not None:
            confidence = ops.max(probabilities, axis=-1, keepdims=True)
            answers["answered"] = ops.cast(confidence >= self.threshold, probabilities.dtype)
        if self.set_thresholds is not None:
            thresholds = ops.convert_to_tensor(self.set_thresholds, probabilities.dtype)
            answers["prediction_set"] = ops.cast(probabilities >= thresholds, probabilities.dtype)
        return answers

    def compute_output_shape(self, input_shape):
        shapes = {"probabilities": tuple(input_shape)}
        if self.threshold is not None:
            shapes["answered"] = (*input_shape[:-1], 1)
        if self.set_thresholds is not None:
            shapes["prediction_set"] = tuple(input_shape)
        return shapes

    def get_config(self):
        own = {"temperature": self.temperature, "threshold": self.threshold, "set_thresholds": self.set_thresholds}
        return {**super().get_config(), **own}
