"""ResNet, version 1.5: the stride of a bottleneck lies in its 3x3 convolution, as in torchvision and timm.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, table 1. Layers carry the names of
the PyTorch implementations with underscores for dots, and their padding is symmetric as there, so that published
weights fit by name and give the same numbers.
"""

from functools import partial

import keras

from tfderm.models.backbones.head import average_head
from tfderm.models.convolution import convolution

STRIDES = (2, 4, 8, 16, 32)
_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 152: (3, 8, 36, 3)}
_CHANNELS = (64, 128, 256, 512)


def resnet_backbone(image, depth=50, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        depth: 18 (two 3x3 convolutions a block), 50 or 152 (bottlenecks, four times the channels).
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Five tensors (B, ceil(height / s), ceil(width / s), C), s = 2, 4, 8, 16, 32: the stem, then the four layers.

    Raises:
        ValueError: there is no such depth.
    """
    if depth not in _BLOCKS:
        raise ValueError(f"`depth` must be one of {', '.join(map(str, _BLOCKS))}. Received: depth={depth}")

    unit = partial(convolution, padding="symmetric", regularizer=kernel_regularizer)

    def block(tensor, name, channels, strides):
        output = channels if depth == 18 else 4 * channels
        shortcut = tensor
        if strides > 1 or tensor.shape[-1] != output:
            downsample = f"{name}_downsample"
            shortcut = unit(
                tensor, output, 1, name=f"{downsample}_0", bn_name=f"{downsample}_1", strides=strides, activation=None
            )
        if depth == 18:
            tensor = unit(tensor, channels, 3, name=f"{name}_conv1", bn_name=f"{name}_bn1", strides=strides)
            tensor = unit(tensor, channels, 3, name=f"{name}_conv2", bn_name=f"{name}_bn2", activation=None)
        else:
            tensor = unit(tensor, channels, 1, name=f"{name}_conv1", bn_name=f"{name}_bn1")
            tensor = unit(tensor, channels, 3, name=f"{name}_conv2", bn_name=f"{name}_bn2", strides=strides)
            tensor = unit(tensor, output, 1, name=f"{name}_conv3", bn_name=f"{name}_bn3", activation=None)
        return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([shortcut, tensor]))

    tensor = unit(image, 64, 7, name="conv1", bn_name="bn1", strides=2)
    maps = [tensor]
    # After a ReLU, padding with zeros is padding with the smallest value.
    tensor = keras.layers.ZeroPadding2D(1, name="maxpool_pad")(tensor)
    tensor = keras.layers.MaxPooling2D(3, 2, name="maxpool")(tensor)
    for layer, (channels, blocks) in enumerate(zip(_CHANNELS, _BLOCKS[depth], strict=True), start=1):
        for index in range(blocks):
            tensor = block(tensor, f"layer{layer}_{index}", channels, strides=2 if layer > 1 and index == 0 else 1)
        maps.append(tensor)
    return maps


def resnet_head(tensor, num_classes):
    """Logits (B, num_classes) from the last map."""
    return average_head(tensor, num_classes, "fc")
