"""The baselines of paper 1, table 1: a classification network whose last layer gives one severity score."""

import keras

from tfderm.models.backbones.head import average_head
from tfderm.models.classifier import classifier


def severity_regressor(
    image_size=(800, 1024), backbone="resnet50", weights=None, weight_decay=0.0, mean=None, std=None
):
    """A backbone, global average pooling, and one linear output.

    Args:
        image_size: height, width in pixels; the paper's is 800, 1024.
        backbone: one of `tfderm.models.backbones.ARCHITECTURES`; the paper's are "resnet50" and "inception_bn"
            (GoogLeNet-v2).
        weights: of the backbone, with `mean` and `std` as in `tfderm.models.classifier.classifier`.
        weight_decay: coefficient of the gradient weight_decay * w on every convolution kernel, added to the loss as L2.
        mean: per channel, in 0..1.
        std: likewise.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to `severity` (B, 1), the region score in PASI points.

    Raises:
        InputError: there is no such backbone, or the weights cannot be read or do not fit.
    """
    features = classifier(
        backbone, image_size, features_only=True, weights=weights, weight_decay=weight_decay, mean=mean, std=std
    )
    severity = average_head(list(features.output.values())[-1], 1, "severity")
    return keras.Model(features.inputs[0], {"severity": severity}, name="severity_regressor")
