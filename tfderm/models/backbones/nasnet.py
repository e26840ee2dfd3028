"""NASNet-A Mobile: Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", CVPR 2018.

From keras.applications, whose names its layers carry.
"""

import keras

from tfderm.models.backbones.applications import application_maps
from tfderm.models.backbones.head import average_head

STRIDES = (2, 4, 8, 16, 32)
_ENDS = ("stem_bn1", "reduction_concat_stem_1", "normal_concat_3", "normal_concat_8", None)


def nasnet_backbone(image, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Five tensors at strides of about 2, 4, 8, 16 and 32 (the first convolution does not pad) with 32, 44, 264, 528
        and 1056 channels.
    """
    size = {"input_shape": tuple(image.shape[1:])}
    return application_maps(keras.applications.NASNetMobile, image, _ENDS, kernel_regularizer, **size)


def nasnet_head(tensor, num_classes):
    """Logits (B, num_classes) from the last map."""
    return average_head(tensor, num_classes, "predictions")


def nasnet_imagenet():
    """Keras' model with its ImageNet weights, fetched once into Keras' cache."""
    return keras.applications.NASNetMobile()
