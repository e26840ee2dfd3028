"""The baselines of paper 1, table 1: a classification network whose last layer gives one severity score."""

import keras

from tfderm.models.backbones.head import average_head
from tfderm.models.backbones.inception_bn import inception_bn_backbone
from tfderm.models.backbones.resnet import resnet_backbone
from tfderm.models.normalization import image_input, normalize


def severity_regressor(image_size=(800, 1024), backbone="resnet50", weight_decay=0.0):
    """A backbone, global average pooling, and one linear output.

    Args:
        image_size: height, width in pixels; the paper's is 800, 1024.
        backbone: "resnet50" or "inception_bn" (GoogLeNet-v2).
        weight_decay: coefficient of the gradient weight_decay * w on every convolution kernel, added to the loss as L2.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to `severity` (B, 1), the region score in PASI points.

    Raises:
        ValueError: there is no such backbone.
    """
    regularizer = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    image = image_input(image_size)
    if backbone == "resnet50":
        maps = resnet_backbone(normalize(image), 50, regularizer)
    elif backbone == "inception_bn":
        maps = inception_bn_backbone(normalize(image), regularizer)
    else:
        raise ValueError(f"`backbone` must be one of resnet50, inception_bn. Received: backbone={backbone!r}")
    severity = average_head(maps[-1], 1, "severity")
    return keras.Model(image, {"severity": severity}, name="severity_regressor")
