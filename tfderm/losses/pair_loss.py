"""Distance metric loss of PSENet's siamese training (paper 1, equation 7)."""

import keras
from keras import ops


def smooth_l1(difference):
    """0.5 d^2 where |d| < 1, else |d| - 0.5, element-wise (equations 7 and 8, with the absolute value they omit)."""
    distance = ops.abs(difference)
    return ops.where(distance < 1, 0.5 * ops.square(distance), distance - 0.5)


@keras.saving.register_keras_serializable("tfderm")
class PairLoss(keras.losses.Loss):
    """Smooth L1 between predicted and annotated severity differences |s_A - s_B|, averaged over pairs.

    Both networks of the siamese structure are the same network, so one forward pass over a batch serves both.

    Args:
        pairs: "random": images 2i and 2i + 1 of the batch are a pair, as the input pipeline drew them; "all": each of
            the B (B - 1) / 2 pairs of the batch counts.

    Call arguments:
        y_true: annotated scores (B, 1).
        y_pred: predicted scores (B, 1).
    """

    def __init__(self, pairs="random", name="pair_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        if pairs not in ("random", "all"):
            raise ValueError(f"`pairs` must be 'random' or 'all'. Received: pairs={pairs!r}")
        self.pairs = pairs

    def call(self, y_true, y_pred):
        if self.pairs == "random":
            return smooth_l1(ops.abs(y_pred[0::2] - y_pred[1::2]) - ops.abs(y_true[0::2] - y_true[1::2]))
        differences = ops.abs(y_pred - ops.transpose(y_pred)) - ops.abs(y_true - ops.transpose(y_true))
        batch = ops.cast(ops.shape(y_pred)[0], y_pred.dtype)
        return ops.sum(smooth_l1(differences)) / ops.maximum(batch * (batch - 1), 1.0)

    def get_config(self):
        return {**super().get_config(), "pairs": self.pairs}
