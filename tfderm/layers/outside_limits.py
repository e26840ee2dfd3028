"""Which measured values lie where they should not, computed in the graph."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tfderm")
class OutsideLimits(keras.layers.Layer):
    """1.0 where a value lies on the wrong side of its limit, else 0.0.

    Args:
        limits: one per value.
        sides: "below" or "above" per value: the wrong side, to which the limit itself does not belong.

    Call arguments:
        values: list of (B, 1).

    Returns:
        (B, number of values).

    Raises:
        ValueError: `limits` and `sides` differ in length, or there is another side.
    """

    def __init__(self, limits, sides, **kwargs):
        super().__init__(**kwargs)
        if len(limits) != len(sides) or not set(sides) <= {"below", "above"}:
            raise ValueError(f"one limit and one side for every value. Received: limits={limits}, sides={sides}")
        self.limits = [float(limit) for limit in limits]
        self.sides = list(sides)

    def call(self, values):
        outside = [
            value < limit if side == "below" else value > limit
            for value, limit, side in zip(values, self.limits, self.sides, strict=True)
        ]
        return ops.cast(ops.concatenate(outside, axis=-1), values[0].dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], len(self.limits))

    def get_config(self):
        return {**super().get_config(), "limits": self.limits, "sides": self.sides}
