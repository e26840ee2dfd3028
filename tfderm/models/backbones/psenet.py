"""Backbone of PSENet: 45 convolutional layers, residual shortcuts, five maps at strides 8 to 128.

    stem      3 convolutions 3x3, the first with stride 2                                     3
    stage k   k = 1..6, each halves the map:
              bottleneck with a projection shortcut (1x1, 3x3 stride 2, 1x1, and 1x1 stride 2) 4
              bottleneck with an identity shortcut  (1x1, 3x3, 1x1)                            3
                                                                              3 + 6 x (4 + 3) = 45

Stages 2 to 6 have the same number of output channels, because the score refine module shares its weights between them;
stage 1 has it too but in the mobile form.
The 3x3 convolutions have a quarter of them down to stride 8 and half of them from stride 16 on, where they are cheap.
"""

from functools import partial

import keras

from tfderm.models.convolution import convolution

STRIDES = (8, 16, 32, 64, 128)
_MIDDLE_CHANNELS = (64, 64, 128, 128, 128, 128)


def psenet_backbone(image, width=1.0, kernel_regularizer=None, mobile=False):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        width: multiplies all channel counts; 1.0 gives maps of 256 channels.
        kernel_regularizer: applied to every convolution kernel.
        mobile: the 3x3 convolutions of stages 1 and 2, where the maps are large, are depthwise, and stage 1, whose map
            is none of the five, is half as wide.

    Returns:
        Five tensors (B, ceil(height / s), ceil(width / s), 256 * width), s = 8, 16, 32, 64, 128.
    """

    block = partial(convolution, regularizer=kernel_regularizer)

    def bottleneck(tensor, name, middle, channels, strides, depthwise):
        shortcut = tensor
        if strides > 1:
            shortcut = block(tensor, channels, 1, name=f"{name}_shortcut", strides=strides, activation=None)
        tensor = block(tensor, middle, 1, name=f"{name}_reduce")
        tensor = block(tensor, middle, 3, name=f"{name}_conv", strides=strides, depthwise=depthwise)
        tensor = block(tensor, channels, 1, name=f"{name}_expand", activation=None)
        return keras.layers.ReLU(name=f"{name}_relu")(keras.layers.Add(name=f"{name}_add")([shortcut, tensor]))

    stem = scaled(16, width)
    tensor = block(image, stem, 3, name="stem_1", strides=2)
    tensor = block(tensor, stem, 3, name="stem_2")
    tensor = block(tensor, 2 * stem, 3, name="stem_3")
    maps = []
    for stage, base in enumerate(_MIDDLE_CHANNELS, start=1):
        share = width / 2 if mobile and stage == 1 else width
        middle, channels = scaled(base, share), scaled(256, share)
        depthwise = mobile and stage <= 2
        tensor = bottleneck(tensor, f"stage{stage}_block1", middle, channels, 2, depthwise)
        tensor = bottleneck(tensor, f"stage{stage}_block2", middle, channels, 1, depthwise)
        maps.append(tensor)
    return maps[-len(STRIDES) :]


def scaled(channels, width):
    """`channels * width`, rounded to a multiple of 8, at least 8."""
    return max(8, int(channels * width / 8 + 0.5) * 8)
