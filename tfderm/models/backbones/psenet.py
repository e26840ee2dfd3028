"""Backbone of PSENet: 45 convolutional layers, residual shortcuts, five maps at strides 8 to 128.

    stem      3 convolutions 3x3, the first with stride 2                                     3
    stage k   k = 1..6, each halves the map:
              bottleneck with a projection shortcut (1x1, 3x3 stride 2, 1x1, and 1x1 stride 2) 4
              bottleneck with an identity shortcut  (1x1, 3x3, 1x1)                            3
                                                                              3 + 6 x (4 + 3) = 45

Every stage has the same number of output channels, because the score refine module shares its weights between them.
The 3x3 convolutions have a quarter of them down to stride 8 and half of them from stride 16 on, where they are cheap.
"""

import keras

STRIDES = (8, 16, 32, 64, 128)
_MIDDLE_CHANNELS = (64, 64, 128, 128, 128, 128)


def psenet_backbone(image, width=1.0, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        width: multiplies all channel counts; 1.0 gives maps of 256 channels.
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Five tensors (B, ceil(height / s), ceil(width / s), 256 * width), s = 8, 16, 32, 64, 128.
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

    def bottleneck(tensor, name, middle, strides):
        shortcut = tensor
        if strides > 1:
            shortcut = convolution(tensor, f"{name}_shortcut", channels, 1, strides, activation=False)
        tensor = convolution(tensor, f"{name}_reduce", middle, 1)
        tensor = convolution(tensor, f"{name}_conv", middle, 3, strides)
        tensor = convolution(tensor, f"{name}_expand", channels, 1, activation=False)
        return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([shortcut, tensor]))

    channels, stem = scaled(256, width), scaled(16, width)
    tensor = convolution(image, "stem_1", stem, 3, strides=2)
    tensor = convolution(tensor, "stem_2", stem, 3)
    tensor = convolution(tensor, "stem_3", 2 * stem, 3)
    maps = []
    for stage, base in enumerate(_MIDDLE_CHANNELS, start=1):
        middle = scaled(base, width)
        tensor = bottleneck(tensor, f"stage{stage}_block1", middle, strides=2)
        tensor = bottleneck(tensor, f"stage{stage}_block2", middle, strides=1)
        maps.append(tensor)
    return maps[-len(STRIDES) :]


def scaled(channels, width):
    """`channels * width`, rounded to a multiple of 8, at least 8."""
    return max(8, int(channels * width / 8 + 0.5) * 8)
