"""Loss of a severity component where some photographs of a batch have no grade; ours, the paper has no components."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfderm")
class ComponentLoss(keras.losses.Loss):
    """Mean absolute error over the graded photographs of a batch; 0 where none of them is graded.

    Call arguments:
        y_true: grades (B, 1), 0..4 or 0..6; a negative value marks a photograph nobody graded, which costs nothing.
        y_pred: predicted grades (B, 1).
    """

    def __init__(self, name="component_loss", **kwargs):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        graded = ops.cast(y_true >= 0, y_pred.dtype)
        return ops.sum(graded * ops.abs(y_pred - y_true)) / ops.maximum(ops.sum(graded), 1)
