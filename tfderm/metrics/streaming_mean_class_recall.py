"""Mean class recall as a Keras metric."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfderm")
class MeanClassRecall(keras.metrics.Metric):
    """Mean over the classes seen so far of each class' recall; equals `tfderm.metrics.mean_class_recall`.

    Args:
        num_classes: number of classes.
        name: of the metric.
        dtype: of the result.
    """

    def __init__(self, num_classes: int, name: str = "mean_class_recall", dtype=None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.num_classes = num_classes
        self.correct = self.add_weight(shape=(num_classes,), name="correct", initializer="zeros")
        self.total = self.add_weight(shape=(num_classes,), name="total", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        """Add one batch.

        Args:
            y_true: (B,) or (B, 1) true classes, integers.
            y_pred: (B, num_classes) probabilities or logits.
            sample_weight: (B,) or None.
        """
        y_true = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        correct = ops.cast(ops.cast(ops.argmax(y_pred, axis=-1), "int32") == y_true, self.dtype)
        members = ops.one_hot(y_true, self.num_classes, dtype=self.dtype)
        if sample_weight is not None:
            members = members * ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self.total.assign_add(ops.sum(members, axis=0))
        self.correct.assign_add(ops.sum(members * correct[:, None], axis=0))

    def result(self):
        """0..1, NaN before the first image."""
        seen = ops.cast(self.total > 0, self.dtype)
        recalls = self.correct / ops.maximum(self.total, 1e-7)
        return ops.sum(recalls * seen) / ops.sum(seen)

    def get_config(self) -> dict:
        return {"num_classes": self.num_classes, "name": self.name, "dtype": self.dtype}
