"""Pair accuracy as a Keras metric."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfderm")
class PairAccuracy(keras.metrics.Metric):
    """Share of the pairs within each batch that are predicted in the true order, over all batches so far.

    Counts as `tfderm.metrics.pair_accuracy` does (equal predictions one half, pairs with equal truth left out, NaN
    without pairs), but only pairs within one batch: on one batch both agree, over several this is an estimate.

    Args:
        name: of the metric.
        dtype: of the result.
    """

    def __init__(self, name: str = "pair_accuracy", dtype=None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.correct = self.add_weight(name="correct", initializer="zeros")
        self.pairs = self.add_weight(name="pairs", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Add the pairs of one batch.

        Args:
            y_true: (B,) or (B, 1) true scores.
            y_pred: (B,) or (B, 1) predicted scores.
            sample_weight: (B,) or None; a pair weighs the product of its images' weights.
        """
        y_true = ops.reshape(ops.cast(y_true, "float32"), (-1,))
        y_pred = ops.reshape(ops.cast(y_pred, "float32"), (-1,))
        greater = ops.cast(y_true[:, None] > y_true[None, :], self.dtype)
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
            greater = greater * weight[:, None] * weight[None, :]
        same_order = ops.cast(y_pred[:, None] > y_pred[None, :], self.dtype)
        tie = ops.cast(y_pred[:, None] == y_pred[None, :], self.dtype)
        self.correct.assign_add(ops.sum(greater * (same_order + 0.5 * tie)))
        self.pairs.assign_add(ops.sum(greater))

    def result(self):
        """0..1, NaN before the first pair with different true scores."""
        return self.correct / self.pairs

    def get_config(self) -> dict:
        return {"name": self.name, "dtype": self.dtype}
