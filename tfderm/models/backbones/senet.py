"""SENet-154: Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018, the form that won ILSVRC 2017.

A ResNeXt of bottlenecks in 64 groups with half-width first convolutions, a stem of three 3x3 convolutions, 3x3
projections where a stage halves the map, and a squeeze-and-excitation gate on every block. Layers carry the names of
the published weights (timm's `legacy_senet154`) with underscores for dots.
"""

from functools import partial

import keras

from tfderm.models.backbones.head import average_head
from tfderm.models.convolution import convolution, max_pool, squeeze_excitation

STRIDES = (2, 4, 8, 16, 32)
_BLOCKS = (3, 8, 36, 3)
_GROUPS, _REDUCTION = 64, 16


def senet_backbone(image, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Five tensors at strides 2, 4, 8, 16, 32 with 128, 256, 512, 1024, 2048 channels: the stem, then the four layers.
    """

    unit = partial(convolution, padding="symmetric", regularizer=kernel_regularizer)

    def block(tensor, name, planes, strides, projects):
        shortcut = tensor
        if projects:
            shortcut = unit(
                tensor,
                4 * planes,
                3 if strides > 1 else 1,
                name=f"{name}_downsample_0",
                bn_name=f"{name}_downsample_1",
                strides=strides,
                activation=None,
            )
        tensor = unit(tensor, 2 * planes, 1, name=f"{name}_conv1", bn_name=f"{name}_bn1")
        tensor = unit(
            tensor, 4 * planes, 3, name=f"{name}_conv2", bn_name=f"{name}_bn2", strides=strides, groups=_GROUPS
        )
        tensor = unit(tensor, 4 * planes, 1, name=f"{name}_conv3", bn_name=f"{name}_bn3", activation=None)
        names = f"{name}_se_module_fc1", f"{name}_se_module_fc2"
        tensor = squeeze_excitation(tensor, 4 * planes // _REDUCTION, names=names)
        tensor = keras.layers.Add(name=f"{name}_add")([tensor, shortcut])
        return keras.layers.ReLU(name=f"{name}_relu")(tensor)

    tensor = image
    for index, (channels, strides) in enumerate(((64, 2), (64, 1), (128, 1)), start=1):
        tensor = unit(tensor, channels, 3, name=f"layer0_conv{index}", bn_name=f"layer0_bn{index}", strides=strides)
    maps = [tensor]
    tensor = max_pool(tensor, "layer0_pool")
    for layer, blocks in enumerate(_BLOCKS, start=1):
        for index in range(blocks):
            strides = 2 if layer > 1 and index == 0 else 1
            tensor = block(tensor, f"layer{layer}_{index}", 32 * 2**layer, strides, projects=index == 0)
        maps.append(tensor)
    return maps


def senet_head(tensor, num_classes, dropout=0.2):
    """Logits (B, num_classes) from the last map."""
    return average_head(tensor, num_classes, "last_linear", dropout)
