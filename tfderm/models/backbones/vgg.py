"""VGG: Simonyan and Zisserman, "Very Deep Convolutional Networks", ICLR 2015, configurations D (16) and E (19).

Layers carry timm's names with underscores for dots. As there, and as in the paper's dense evaluation, the fully
connected layers are convolutions over the last map, whose answers are averaged, so that any input size works;
torchvision averages the map to 7x7 before them: the same at 224x224 and nowhere else.
"""

import re

import keras

from tfderm.models.backbones.head import average_head

STRIDES = (1, 2, 4, 8, 16)
_BLOCKS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_CHANNELS = (64, 128, 256, 512, 512)
_SIDE = 7
_TORCHVISION = {"0": "pre_logits.fc1", "3": "pre_logits.fc2", "6": "head.fc"}


def vgg_backbone(image, depth=16, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        depth: 16 or 19.
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Five tensors (B, floor(height / s), floor(width / s), C), s = 1, 2, 4, 8, 16 with C = 64, 128, 256, 512, 512:
        the last map before each pooling.

    Raises:
        ValueError: there is no such depth.
    """
    if depth not in _BLOCKS:
        raise ValueError(f"`depth` must be one of {', '.join(map(str, _BLOCKS))}. Received: depth={depth}")
    maps, tensor, index = [], image, 0
    for channels, count in zip(_CHANNELS, _BLOCKS[depth], strict=True):
        if maps:
            tensor = keras.layers.MaxPooling2D(2, name=f"features_{index}")(tensor)
            index += 1
        for _ in range(count):
            tensor = keras.layers.Conv2D(
                channels,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                kernel_regularizer=kernel_regularizer,
                name=f"features_{index}",
            )(tensor)
            index += 2
        maps.append(tensor)
    return maps


def vgg_head(tensor, num_classes, dropout=0.5):
    """Logits (B, num_classes) from the last map; a pooled map of less than 7x7 is averaged up to that size."""
    tensor = keras.layers.MaxPooling2D(2, name="pool5")(tensor)
    if min(tensor.shape[1:3]) < _SIDE:
        side = [max(length, _SIDE) for length in tensor.shape[1:3]]
        tensor = keras.layers.AdaptiveAveragePooling2D(side, name="pre_logits_average")(tensor)
    for name, kernel_size in (("pre_logits_fc1", _SIDE), ("pre_logits_fc2", 1)):
        tensor = keras.layers.Conv2D(4096, kernel_size, activation="relu", kernel_initializer="he_normal", name=name)(
            tensor
        )
        if name == "pre_logits_fc1":
            tensor = keras.layers.Dropout(dropout, name=f"{name}_dropout")(tensor)
    return average_head(tensor, num_classes, "head_fc", dropout)


def vgg_state_dict(tensors):
    """A state dict by timm's names, from one by timm's or torchvision's."""
    renamed = {
        re.sub(r"^classifier\.([036])", lambda match: _TORCHVISION[match[1]], name): tensor
        for name, tensor in tensors.items()
    }
    if renamed.keys() == tensors.keys():
        return tensors, ""
    return renamed, (
        "torchvision's VGG averages its last map to 7x7 before the fully connected layers; here, as in timm, they go "
        "over the map and their answers are averaged: the same at 224x224, other logits at other sizes."
    )
