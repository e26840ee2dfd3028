"""DenseNet: Huang, Liu, van der Maaten and Weinberger, "Densely Connected Convolutional Networks", CVPR 2017, table 1.

Layers carry the names of the PyTorch implementations with underscores for dots.
"""

import re

import keras

from tfderm.models.backbones.head import average_head

STRIDES = (2, 4, 8, 16, 32)
_FORMS = {121: (64, 32, (6, 12, 24, 16)), 161: (96, 48, (6, 12, 36, 24))}


def densenet_backbone(image, depth=121, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        depth: 121 or 161.
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Five tensors at strides 2, 4, 8, 16 and 32: the stem, the three dense blocks before their transitions, and the
        last one, normalised.

    Raises:
        ValueError: there is no such depth.
    """
    if depth not in _FORMS:
        raise ValueError(f"`depth` must be one of {', '.join(map(str, _FORMS))}. Received: depth={depth}")

    def convolve(tensor, filters, kernel_size, name, strides=1):
        if kernel_size > 1:
            tensor = keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(tensor)
        return keras.layers.Conv2D(
            filters,
            kernel_size,
            strides,
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=kernel_regularizer,
            name=name,
        )(tensor)

    def normalise(tensor, name):
        tensor = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(tensor)
        return keras.layers.ReLU(name=f"{name}_relu")(tensor)

    channels, growth, blocks = _FORMS[depth]
    tensor = normalise(convolve(image, channels, 7, "features_conv0", strides=2), "features_norm0")
    maps = [tensor]
    # After a ReLU, padding with zeros is padding with the smallest value.
    tensor = keras.layers.ZeroPadding2D(1, name="features_pool0_pad")(tensor)
    tensor = keras.layers.MaxPooling2D(3, 2, name="features_pool0")(tensor)
    for block, layers in enumerate(blocks, start=1):
        for layer in range(1, layers + 1):
            name = f"features_denseblock{block}_denselayer{layer}"
            new = convolve(normalise(tensor, f"{name}_norm1"), 4 * growth, 1, f"{name}_conv1")
            new = convolve(normalise(new, f"{name}_norm2"), growth, 3, f"{name}_conv2")
            tensor = keras.layers.Concatenate(name=f"{name}_concat")([tensor, new])
        if block < len(blocks):
            maps.append(tensor)
            name = f"features_transition{block}"
            tensor = convolve(normalise(tensor, f"{name}_norm"), tensor.shape[-1] // 2, 1, f"{name}_conv")
            tensor = keras.layers.AveragePooling2D(2, name=f"{name}_pool")(tensor)
    return [*maps, normalise(tensor, "features_norm5")]


def densenet_head(tensor, num_classes):
    """Logits (B, num_classes) from the last map."""
    return average_head(tensor, num_classes, "classifier")


def densenet_state_dict(tensors):
    """A state dict by today's names; torchvision's files of before 2018 have a dot more ("norm.1", "conv.2")."""
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)", r"\1\2", name): t for name, t in tensors.items()}, ""
