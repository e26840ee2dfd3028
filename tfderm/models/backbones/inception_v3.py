"""Inception-v3: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016.

Layers carry the names of the PyTorch implementations with underscores for dots. Keras' own InceptionV3 lacks the scale
of the batch normalisation, so weights trained in PyTorch do not fit it.
"""

from functools import partial

import keras

from tfderm.models.backbones.head import average_head
from tfderm.models.convolution import average_pool, convolution

STRIDES = (2, 4, 8, 16, 32)


def inception_v3_backbone(image, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Five tensors at strides of about 2, 4, 8, 16 and 32 (many convolutions do not pad: 299 gives sides of 147, 71,
        35, 17 and 8) with 64, 192, 288, 768, 2048 channels.
    """

    def unit(tensor, filters, kernel_size, name, strides=1, padding="symmetric"):
        return convolution(
            tensor,
            filters,
            kernel_size,
            name=f"{name}_conv",
            bn_name=f"{name}_bn",
            strides=strides,
            padding=padding,
            epsilon=1e-3,
            regularizer=kernel_regularizer,
        )

    halving = partial(unit, kernel_size=3, strides=2, padding="valid")

    def chain(tensor, name, *units):
        for suffix, filters, kernel_size in units:
            tensor = unit(tensor, filters, kernel_size, f"{name}_{suffix}")
        return tensor

    def average(tensor, name):
        return average_pool(tensor, f"{name}_average")

    def join(branches, name):
        return keras.layers.Concatenate(name=name)(branches)

    def mixed_35(tensor, name, pooled):
        return join(
            [
                chain(tensor, name, ("branch1x1", 64, 1)),
                chain(tensor, name, ("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)),
                chain(tensor, name, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3)),
                chain(average(tensor, name), name, ("branch_pool", pooled, 1)),
            ],
            name,
        )

    def to_17(tensor, name):
        double = chain(tensor, name, ("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3))
        return join(
            [
                halving(tensor, 384, name=f"{name}_branch3x3"),
                halving(double, 96, name=f"{name}_branch3x3dbl_3"),
                keras.layers.MaxPooling2D(3, 2, name=f"{name}_pool")(tensor),
            ],
            name,
        )

    def mixed_17(tensor, name, inner):
        row, column = (1, 7), (7, 1)
        return join(
            [
                chain(tensor, name, ("branch1x1", 192, 1)),
                chain(
                    tensor, name, ("branch7x7_1", inner, 1), ("branch7x7_2", inner, row), ("branch7x7_3", 192, column)
                ),
                chain(
                    tensor,
                    name,
                    ("branch7x7dbl_1", inner, 1),
                    ("branch7x7dbl_2", inner, column),
                    ("branch7x7dbl_3", inner, row),
                    ("branch7x7dbl_4", inner, column),
                    ("branch7x7dbl_5", 192, row),
                ),
                chain(average(tensor, name), name, ("branch_pool", 192, 1)),
            ],
            name,
        )

    def to_8(tensor, name):
        single = chain(tensor, name, ("branch3x3_1", 192, 1))
        seven = chain(
            tensor, name, ("branch7x7x3_1", 192, 1), ("branch7x7x3_2", 192, (1, 7)), ("branch7x7x3_3", 192, (7, 1))
        )
        return join(
            [
                halving(single, 320, name=f"{name}_branch3x3_2"),
                halving(seven, 192, name=f"{name}_branch7x7x3_4"),
                keras.layers.MaxPooling2D(3, 2, name=f"{name}_pool")(tensor),
            ],
            name,
        )

    def mixed_8(tensor, name):
        single = chain(tensor, name, ("branch3x3_1", 384, 1))
        double = chain(tensor, name, ("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3))
        return join(
            [
                chain(tensor, name, ("branch1x1", 320, 1)),
                chain(single, name, ("branch3x3_2a", 384, (1, 3))),
                chain(single, name, ("branch3x3_2b", 384, (3, 1))),
                chain(double, name, ("branch3x3dbl_3a", 384, (1, 3))),
                chain(double, name, ("branch3x3dbl_3b", 384, (3, 1))),
                chain(average(tensor, name), name, ("branch_pool", 192, 1)),
            ],
            name,
        )

    tensor = halving(image, 32, name="Conv2d_1a_3x3")
    tensor = unit(tensor, 32, 3, "Conv2d_2a_3x3", padding="valid")
    maps = [unit(tensor, 64, 3, "Conv2d_2b_3x3")]
    tensor = keras.layers.MaxPooling2D(3, 2, name="Pool1")(maps[-1])
    tensor = unit(tensor, 80, 1, "Conv2d_3b_1x1")
    maps.append(unit(tensor, 192, 3, "Conv2d_4a_3x3", padding="valid"))
    tensor = keras.layers.MaxPooling2D(3, 2, name="Pool2")(maps[-1])
    for letter, pooled in zip("bcd", (32, 64, 64), strict=True):
        tensor = mixed_35(tensor, f"Mixed_5{letter}", pooled)
    maps.append(tensor)
    tensor = to_17(tensor, "Mixed_6a")
    for letter, inner in zip("bcde", (128, 160, 160, 192), strict=True):
        tensor = mixed_17(tensor, f"Mixed_6{letter}", inner)
    maps.append(tensor)
    tensor = to_8(tensor, "Mixed_7a")
    for letter in "bc":
        tensor = mixed_8(tensor, f"Mixed_7{letter}")
    return [*maps, tensor]


def inception_v3_head(tensor, num_classes, dropout=0.2):
    """Logits (B, num_classes) from the last map."""
    return average_head(tensor, num_classes, "fc", dropout)


def inception_v3_state_dict(tensors):
    """A published state dict without the auxiliary classifier, which only training used."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith("AuxLogits.")}, ""
