"""The baselines of paper 1, table 1: a classification network whose last layer gives one severity score."""

import keras

from tfderm.models.backbones import architecture
from tfderm.models.backbones.head import average_head
from tfderm.models.normalization import image_input, normalize


def severity_regressor(image_size=(800, 1024), backbone="resnet50", weight_decay=0.0):
    """A backbone, global average pooling, and one linear output.

    Args:
        image_size: height, width in pixels; the paper's is 800, 1024.
        backbone: one of `tfderm.models.backbones.ARCHITECTURES`; the paper's are "resnet50" and "inception_bn"
            (GoogLeNet-v2).
        weight_decay: coefficient of the gradient weight_decay * w on every convolution kernel, added to the loss as L2.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to `severity` (B, 1), the region score in PASI points.

    Raises:
        InputError: there is no such backbone.
    """
    network = architecture(backbone)
    regularizer = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    image = image_input(image_size)
    maps = network.backbone(normalize(image, network.mean, network.std), kernel_regularizer=regularizer)
    severity = average_head(maps[-1], 1, "severity")
    return keras.Model(image, {"severity": severity}, name="severity_regressor")
