"""Distance metric loss of PSENet's siamese training (paper 1, equation 7)."""

import keras
from keras import ops


def smooth_l1(difference):
    """0.5 d^2 where |d| < 1, else |d| - 0.5, element-wise (equations 7 and 8, with the absolute value they omit)."""
    distance = ops.abs(difference)
    return ops.where(distance < 1, 0.5 * ops.square(distance), distance - 0.5)


@keras.saving.register_keras_serializable("tfderm")
class PairLoss(keras.losses.Loss):
    """Smooth L1 between the predicted and the annotated severity difference of two images, averaged over pairs.

    Both networks of the siamese structure are the same network, so one forward pass over a batch serves both.

    The paper's difference is a distance, |s_A - s_B|, which does not know which image is the more severe: the gradient
    of a pair predicted in the wrong order and too close together moves it further into the wrong order. Early in
    training that is half of the pairs. Our difference, for all pairs of a batch, keeps its sign.

    Args:
        pairs: "random", the paper's: images 2i and 2i + 1 of the batch are a pair, as the input pipeline drew them, and
            |s_A - s_B| is compared; "all", ours: each of the B (B - 1) / 2 pairs counts, and s_A - s_B is compared.

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
        differences = (y_pred - ops.transpose(y_pred)) - (y_true - ops.transpose(y_true))
        batch = ops.cast(ops.shape(y_pred)[0], y_pred.dtype)
        return ops.sum(smooth_l1(differences)) / ops.maximum(batch * (batch - 1), 1.0)

    def get_config(self):
        return {**super().get_config(), "pairs": self.pairs}
