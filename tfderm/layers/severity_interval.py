"""What a severity is worth, computed in the graph, so that every client shows the same."""

import keras
from keras import ops

from tfderm.clinical.pasi import SEVERITY_BANDS


@keras.saving.register_keras_serializable(package="tfderm")
class SeverityInterval(keras.layers.Layer):
    """Prediction interval and clinical band of a predicted severity.

    The arithmetic of `tfderm.metrics.ConformalIntervals.bounds` and `tfderm.clinical.pasi.severity_band`.

    Args:
        half_widths: half-width in PASI points for a score in each of `SEVERITY_BANDS`, in that order.
        limits: lowest and highest score there is.

    Call arguments:
        severity: (B, 1), PASI points.

    Returns:
        `severity_interval` (B, 2), low and high, within the limits; `severity_band` (B, 1), the index of the band of
        the clipped score: 0.0, 1.0 or 2.0.
    """

    def __init__(self, half_widths, limits=(0.0, 72.0), **kwargs):
        super().__init__(**kwargs)
        self.half_widths = tuple(float(width) for width in half_widths)
        self.limits = tuple(float(limit) for limit in limits)

    def call(self, severity):
        score = ops.clip(severity, *self.limits)
        half, band = self.half_widths[0], 0.0
        for index, (_, threshold) in enumerate(SEVERITY_BANDS[1:], start=1):
            reached = ops.cast(score >= threshold, score.dtype)
            half += (self.half_widths[index] - self.half_widths[index - 1]) * reached
            band += reached
        interval = ops.clip(ops.concatenate([score - half, score + half], axis=-1), *self.limits)
        return {"severity_interval": interval, "severity_band": band}

    def compute_output_shape(self, input_shape):
        return {"severity_interval": (*input_shape[:-1], 2), "severity_band": tuple(input_shape)}

    def get_config(self):
        return {**super().get_config(), "half_widths": list(self.half_widths), "limits": list(self.limits)}
