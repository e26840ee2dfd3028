"""EfficientNetV2-B0: Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021.

From keras.applications, whose names its layers carry. Stochastic depth (0.2) is the original's.
"""

import keras

from tfderm.models.backbones.applications import application_maps
from tfderm.models.backbones.head import average_head

STRIDES = (2, 4, 8, 16, 32)
_ENDS = ("block1a_project_activation", "block2b_add", "block3b_add", "block5e_add", "top_activation")


def efficientnet_v2_backbone(image, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Five tensors (B, ceil(height / s), ceil(width / s), C), s = 2, 4, 8, 16, 32 with C = 16, 32, 48, 112, 1280.
    """
    application = keras.applications.EfficientNetV2B0
    return application_maps(application, image, _ENDS, kernel_regularizer, include_preprocessing=False)


def efficientnet_v2_head(tensor, num_classes, dropout=0.2):
    """Logits (B, num_classes) from the last map."""
    return average_head(tensor, num_classes, "predictions", dropout)


def efficientnet_v2_imagenet():
    """Keras' model with its ImageNet weights, fetched once into Keras' cache."""
    return keras.applications.EfficientNetV2B0(include_preprocessing=False)
