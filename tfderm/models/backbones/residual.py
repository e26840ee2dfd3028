"""A small residual network (He et al., ResNet, CVPR 2016: basic blocks) with maps for a feature pyramid."""

import keras

from tfderm.models.backbones.psenet import scaled

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

    def convolution(tensor, name, filters, kernel_size, strides=1, activation=True):
        tensor = keras.layers.Conv2D(
            filters,
            kernel_size,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=kernel_regularizer,
            name=name,
        )(tensor)
        tensor = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(tensor)
        return keras.layers.ReLU(name=f"{name}_relu")(tensor) if activation else tensor

    def basic_block(tensor, name, filters, strides):
        shortcut = tensor
        if strides > 1:
            shortcut = keras.layers.AveragePooling2D(strides, padding="same", name=f"{name}_pool")(shortcut)
        if shortcut.shape[-1] != filters or strides > 1:
            shortcut = convolution(shortcut, f"{name}_shortcut", filters, 1, activation=False)
        tensor = convolution(tensor, f"{name}_conv1", filters, 3, strides)
        tensor = convolution(tensor, f"{name}_conv2", filters, 3, activation=False)
        return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([shortcut, tensor]))

    tensor = convolution(image, "stem_1", scaled(32, width), 3, strides=2)
    tensor = convolution(tensor, "stem_2", scaled(32, width), 3)
    maps = []
    for stage, channels in enumerate(_CHANNELS, start=1):
        for block in range(1, blocks + 1):
            name = f"stage{stage}_block{block}"
            tensor = basic_block(tensor, name, scaled(channels, width), strides=2 if block == 1 else 1)
        maps.append(tensor)
    return maps
