"""Localization loss of PSENet (paper 1, equations 5 and 6)."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tfderm")
class LocationFocalLoss(keras.losses.Loss):
    """Focal loss of one location map against its ground-truth map, averaged over cells and images.

    Equation 5 as printed: a cell with ground truth G >= `threshold` is positive and costs
    -(1 - alpha) (1 - D)^gamma log D, any other costs -alpha D^gamma log(1 - D). With alpha = 0.25 positives weigh
    0.75, the opposite of Lin et al. The sum over the five maps (equation 6) is the sum of five such losses.

    Args:
        alpha: weight of negatives, in 0..1.
        gamma: focusing exponent, >= 0.
        threshold: G from which a cell counts as lesion.

    Call arguments:
        y_true: ground-truth map G (B, H, W, 1) in 0..1; a negative value marks a cell nobody annotated, which costs 0.
        y_pred: location map D (B, H, W, 1) in 0..1.
    """

    def __init__(self, alpha=0.25, gamma=2.0, threshold=0.3, name="location_focal_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        if not 0 <= alpha <= 1 or gamma < 0:
            raise ValueError(f"`alpha` must be in [0, 1] and `gamma` >= 0. Received: alpha={alpha}, gamma={gamma}")
        self.alpha = alpha
        self.gamma = gamma
        self.threshold = threshold

    def call(self, y_true, y_pred):
        epsilon = keras.config.epsilon()
        y_pred = ops.clip(y_pred, epsilon, 1 - epsilon)
        positive = -(1 - self.alpha) * ops.power(1 - y_pred, self.gamma) * ops.log(y_pred)
        negative = -self.alpha * ops.power(y_pred, self.gamma) * ops.log(1 - y_pred)
        return ops.where(y_true < 0, 0.0, ops.where(y_true >= self.threshold, positive, negative))

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "gamma": self.gamma, "threshold": self.threshold}
