"""MobileNetV3, large: Howard et al., "Searching for MobileNetV3", ICCV 2019, table 1.

Layers carry the names of timm's `mobilenetv3_large_100` with underscores for dots; the padding is symmetric as there.
(Keras' own pads as TensorFlow does, where a stride meets an even size, and so needs other weights.)
"""

from functools import partial

import keras

from tfderm.models.convolution import activated, convolution, squeeze_excitation

STRIDES = (2, 4, 8, 16, 32)

# Per stage: kernel, stride of the first block, channels, expanded channels of each block, squeeze-and-excitation,
# activation.
_STAGES = (
    (3, 1, 16, (16,), False, "relu"),
    (3, 2, 24, (64, 72), False, "relu"),
    (5, 2, 40, (72, 120, 120), True, "relu"),
    (3, 2, 80, (240, 200, 184, 184), False, "hard_swish"),
    (3, 1, 112, (480, 672), True, "hard_swish"),
    (5, 2, 160, (672, 960, 960), True, "hard_swish"),
)


def mobilenet_v3_backbone(image, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        kernel_regularizer: applied to every convolution kernel but the depthwise ones, which are small.

    Returns:
        Five tensors (B, ceil(height / s), ceil(width / s), C), s = 2, 4, 8, 16, 32 with C = 16, 24, 40, 112, 960.
    """

    unit = partial(convolution, padding="symmetric")
    pointwise = partial(unit, kernel_size=1, regularizer=kernel_regularizer)

    def block(tensor, name, kernel_size, strides, channels, expanded, squeezes, activation):
        inside = {"activation": activation}
        shortcut, bn = tensor, 1
        if expanded != tensor.shape[-1]:
            tensor = pointwise(tensor, expanded, name=f"{name}_conv_pw", bn_name=f"{name}_bn1", **inside)
            bn = 2
        depthwise = {"name": f"{name}_conv_dw", "bn_name": f"{name}_bn{bn}", "strides": strides, "depthwise": True}
        tensor = unit(tensor, expanded, kernel_size, **depthwise, **inside)
        if squeezes:
            names = f"{name}_se_conv_reduce", f"{name}_se_conv_expand"
            tensor = squeeze_excitation(tensor, _divisible(expanded / 4), names=names, gate="hard_sigmoid")
        last = f"{name}_conv_pw" if bn == 1 else f"{name}_conv_pwl"
        tensor = pointwise(tensor, channels, name=last, bn_name=f"{name}_bn{bn + 1}", activation=None)
        if strides == 1 and shortcut.shape[-1] == channels:
            tensor = keras.layers.Add(name=f"{name}_add")([tensor, shortcut])
        return tensor

    tensor = unit(
        image,
        16,
        3,
        name="conv_stem",
        bn_name="bn1",
        strides=2,
        activation="hard_swish",
        regularizer=kernel_regularizer,
    )
    maps = []
    for stage, (kernel_size, strides, channels, widths, squeezes, activation) in enumerate(_STAGES):
        if strides == 2:
            maps.append(tensor)
        for index, expanded in enumerate(widths):
            name = f"blocks_{stage}_{index}"
            tensor = block(
                tensor, name, kernel_size, strides if index == 0 else 1, channels, expanded, squeezes, activation
            )
    tensor = pointwise(tensor, 960, name="blocks_6_0_conv", bn_name="blocks_6_0_bn1", activation="hard_swish")
    return [*maps, tensor]


def mobilenet_v3_head(tensor, num_classes, dropout=0.2):
    """Logits (B, num_classes) from the last map, with 1280 features between."""
    tensor = keras.layers.GlobalAveragePooling2D(keepdims=True, name="average")(tensor)
    tensor = activated(keras.layers.Conv2D(1280, 1, name="conv_head")(tensor), "hard_swish", "conv_head")
    tensor = keras.layers.Dropout(dropout, name="dropout")(keras.layers.Flatten(name="flatten")(tensor))
    return keras.layers.Dense(num_classes, dtype=keras.config.floatx(), name="classifier")(tensor)


def _divisible(channels):
    """The nearest multiple of 8, the next one where that loses more than a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8
