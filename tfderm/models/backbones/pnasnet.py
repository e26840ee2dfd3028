"""PNASNet-5, large: Liu et al., "Progressive Neural Architecture Search", ECCV 2018, figure 1 and appendix A.

Layers carry the names of timm's `pnasnet5large` with underscores for dots. Its weights were trained in TensorFlow, so
the padding is TensorFlow's "same".
"""

import keras

from tfderm.models.backbones.head import average_head

STRIDES = (2, 4, 8, 16, 32)
# Per cell after the stem: channels, whether it halves the map, whether the map before its left input has been halved.
_CELLS = (
    *((216, False, index == 0) for index in range(4)),
    *((432, index == 0, index == 1) for index in range(4)),
    *((864, index == 0, index == 1) for index in range(4)),
)


def pnasnet_backbone(image, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        kernel_regularizer: applied to every pointwise convolution kernel.

    Returns:
        Five tensors at strides of about 2, 4, 8, 16 and 32 with 96, 270, 1080, 2160 and 4320 channels: the first
        convolution, the first stem cell, and the last cell at each further size, the last of them after a ReLU.
    """

    def relu(tensor, name):
        return keras.layers.ReLU(name=f"{name}_act")(tensor)

    def normalise(tensor, name):
        return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=name)(tensor)

    def convolve(tensor, filters, name, kernel_size=1, strides=1, padding="same"):
        return keras.layers.Conv2D(
            filters,
            kernel_size,
            strides,
            padding,
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=kernel_regularizer,
            name=name,
        )(tensor)

    def max_pool(tensor, strides, name):
        return keras.layers.MaxPooling2D(3, strides, "same", name=name)(tensor)

    def pointwise(tensor, filters, name, strides=1):
        tensor = convolve(relu(tensor, name), filters, f"{name}_conv", strides=strides)
        return normalise(tensor, f"{name}_bn")

    def separable(tensor, filters, kernel_size, name, strides=1, stem=False):
        """Twice a ReLU, a depthwise and a pointwise convolution; the stem's first already has all channels."""
        middle = filters if stem else tensor.shape[-1]
        for index, (channels, stride) in enumerate(((middle, strides), (filters, 1)), start=1):
            part = f"{name}_separable_{index}"
            tensor = keras.layers.DepthwiseConv2D(
                kernel_size, stride, "same", use_bias=False, name=f"{part}_depthwise_conv2d"
            )(relu(tensor, part))
            tensor = convolve(tensor, channels, f"{part}_pointwise_conv2d")
            tensor = normalise(tensor, f"{name}_bn_sep_{index}")
        return tensor

    def reduced(tensor, filters, name):
        """Half of the channels from the even cells, half from the odd ones."""
        tensor = relu(tensor, name)
        even = convolve(tensor, filters // 2, f"{name}_path_1_conv", strides=2)
        odd = keras.layers.Cropping2D(((1, 0), (1, 0)), name=f"{name}_path_2_crop")(tensor)
        odd = keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_path_2_pad")(odd)
        odd = convolve(odd, filters // 2, f"{name}_path_2_conv", strides=2)
        return normalise(keras.layers.Concatenate(name=f"{name}_concat")([even, odd]), f"{name}_final_path_bn")

    def combine(left, right, fourth_left, filters, name, strides, stem):
        """Five sums of two branches each; `left` and `right` are the two inputs, projected where the cell does so."""
        part = [f"{name}_comb_iter_{index}" for index in range(5)]

        def add(index, a, b):
            return keras.layers.Add(name=part[index])([a, b])

        pooled = max_pool(left, strides, f"{part[0]}_right_max_pool")
        if stem:
            pooled = normalise(convolve(pooled, filters, f"{part[0]}_right_conv"), f"{part[0]}_right_bn")
        sums = [add(0, separable(left, filters, 5, f"{part[0]}_left", strides, stem), pooled)]
        seven = separable(right, filters, 7, f"{part[1]}_left", strides)
        sums.append(add(1, seven, max_pool(right, strides, f"{part[1]}_right")))
        five = separable(right, filters, 5, f"{part[2]}_left", strides)
        sums.append(add(2, five, separable(right, filters, 3, f"{part[2]}_right", strides)))
        three = separable(sums[2], filters, 3, f"{part[3]}_left")
        sums.append(add(3, three, max_pool(right, strides, f"{part[3]}_right")))
        last = pointwise(right, filters, f"{part[4]}_right", strides) if strides > 1 else right
        sums.append(add(4, separable(fourth_left, filters, 3, f"{part[4]}_left", strides, stem), last))
        return keras.layers.Concatenate(name=name)(sums)

    def cell(before, tensor, filters, name, halves, matches):
        left = (reduced if matches else pointwise)(before, filters, f"{name}_conv_prev_1x1")
        right = pointwise(tensor, filters, f"{name}_conv_1x1")
        return combine(left, right, left, filters, name, 2 if halves else 1, stem=False)

    first = normalise(convolve(image, 96, "conv_0_conv", 3, 2, "valid"), "conv_0_bn")
    right = pointwise(first, 54, "cell_stem_0_conv_1x1")
    before = combine(first, right, first, 54, "cell_stem_0", 2, stem=True)
    tensor = cell(first, before, 108, "cell_stem_1", halves=True, matches=True)
    maps = [first, before]
    for index, (filters, halves, matches) in enumerate(_CELLS):
        if halves:
            maps.append(tensor)
        before, tensor = tensor, cell(before, tensor, filters, f"cell_{index}", halves, matches)
    return [*maps, relu(tensor, "features")]


def pnasnet_head(tensor, num_classes, dropout=0.5):
    """Logits (B, num_classes) from the last map."""
    return average_head(tensor, num_classes, "last_linear", dropout)
