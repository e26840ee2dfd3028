"""The severity terms of PSENet's overall loss (paper 1, equations 7 to 9)."""

import keras

from tfderm.losses.pair_loss import PairLoss, smooth_l1


@keras.saving.register_keras_serializable("tfderm")
class SeverityLoss(keras.losses.Loss):
    """nu * L_sia + xi * L_reg of equation 9, averaged over the batch's pairs.

    L_reg (equation 8) sums smooth L1 over the two images of a pair; averaged over pairs, that is twice the mean over
    images, which also holds where all pairs of a batch are used and where none are.

    Args:
        pairs: "random", "all" or "none" (no siamese structure: L_reg alone).
        pair_weight: nu.
        regression_weight: xi.

    Call arguments:
        y_true: annotated scores (B, 1).
        y_pred: predicted scores (B, 1).
    """

    def __init__(self, pairs="random", pair_weight=0.2, regression_weight=0.2, name="severity_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.pairs = pairs
        self.pair_weight = pair_weight
        self.regression_weight = regression_weight
        self.pair_loss = None if pairs == "none" else PairLoss(pairs)

    def call(self, y_true, y_pred):
        loss = self.regression_weight * 2 * keras.ops.mean(smooth_l1(y_pred - y_true))
        if self.pair_loss is not None:
            loss = loss + self.pair_weight * self.pair_loss(y_true, y_pred)
        return loss

    def get_config(self):
        return {
            **super().get_config(),
            "pairs": self.pairs,
            "pair_weight": self.pair_weight,
            "regression_weight": self.regression_weight,
        }
