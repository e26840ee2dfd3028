"""A small residual network (He et al., ResNet, CVPR 2016: basic blocks) with maps for a feature pyramid."""

from functools import partial

import keras

from tfderm.models.backbones.psenet import scaled
from tfderm.models.convolution import convolution

STRIDES = (4, 8, 16, 32)
_CHANNELS = (64, 128, 256, 512)


def residual_backbone(image, width=1.0, blocks=2, kernel_regularizer=None):
    """Feature maps of a normalised image; `blocks=2` gives the depth of ResNet-18.

    The stem is two 3x3 convolutions, and the first stage has a stride where ResNet pools: small images keep detail.

    A shortcut that halves the map averages and then projects (He et al., Bag of Tricks, CVPR 2019, "ResNet-D"): a
    pointwise convolution with stride 2 drops three of four cells, and without XLA its gradient for 8 channels crashes
    TensorFlow 2.21 (oneDNN, AVX-512).

    Args:
        image: float tensor (B, height, width, 3).
        width: multiplies all channel counts.
        blocks: basic blocks per stage.
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Four tensors (B, ceil(height / s), ceil(width / s), 64 ... 512 times width), s = 4, 8, 16, 32.
    """

    block = partial(convolution, regularizer=kernel_regularizer)

    def basic_block(tensor, name, filters, strides):
        shortcut = tensor
        if strides > 1:
            shortcut = keras.layers.AveragePooling2D(strides, padding="same", name=f"{name}_pool")(shortcut)
        if shortcut.shape[-1] != filters or strides > 1:
            shortcut = block(shortcut, filters, 1, name=f"{name}_shortcut", activation=None)
        tensor = block(tensor, filters, 3, name=f"{name}_conv1", strides=strides)
        tensor = block(tensor, filters, 3, name=f"{name}_conv2", activation=None)
        return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([shortcut, tensor]))

    tensor = block(image, scaled(32, width), 3, name="stem_1", strides=2)
    tensor = block(tensor, scaled(32, width), 3, name="stem_2")
    maps = []
    for stage, channels in enumerate(_CHANNELS, start=1):
        for index in range(1, blocks + 1):
            name = f"stage{stage}_block{index}"
            tensor = basic_block(tensor, name, scaled(channels, width), strides=2 if index == 1 else 1)
        maps.append(tensor)
    return maps
