"""The unit that every backbone is made of: convolution, batch normalisation, activation."""

import math

import keras


def convolution(
    tensor,
    filters,
    kernel_size,
    *,
    name,
    bn_name=None,
    strides=1,
    padding="same",
    groups=1,
    activation="relu",
    depthwise=False,
    epsilon=1e-5,
    regularizer=None,
):
    """Convolution without bias, batch normalisation and an activation.

    Args:
        tensor: (B, H, W, C).
        filters: channels of the result.
        kernel_size: side of the kernel, or its height and width.
        name: of the convolution.
        bn_name: of the normalisation; by default `name` with "_bn". The activation's is `bn_name` with "_relu", or
            what it is called.
        strides: of the convolution.
        padding: "same", "valid", or "symmetric": half the kernel's size of zeros on every side, as PyTorch's networks
            have it, which differs from "same" where a stride meets an even size.
        groups: of channels that see only each other.
        activation: name of a Keras activation, or None.
        depthwise: each channel has a kernel of its own and sees no other; `filters` must be the tensor's channels.
        epsilon: added to the variance.
        regularizer: of the kernel.

    Returns:
        (B, ceil(H / strides), ceil(W / strides), filters), less where `padding` is "valid".
    """
    height, width = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    if padding == "symmetric":
        padding = "valid"
        if (height, width) != (1, 1):
            tensor = keras.layers.ZeroPadding2D((height // 2, width // 2), name=f"{name}_pad")(tensor)
    options = {"strides": strides, "padding": padding, "use_bias": False, "name": name}
    if depthwise:
        # Keras' own variance scaling takes all channels for inputs of a depthwise kernel, which sees one.
        initializer = keras.initializers.RandomNormal(stddev=math.sqrt(2 / (height * width)))
        layer = keras.layers.DepthwiseConv2D(
            (height, width), depthwise_initializer=initializer, depthwise_regularizer=regularizer, **options
        )
    else:
        layer = keras.layers.Conv2D(
            filters,
            (height, width),
            groups=groups,
            kernel_initializer="he_normal",
            kernel_regularizer=regularizer,
            **options,
        )
    bn_name = bn_name or f"{name}_bn"
    tensor = keras.layers.BatchNormalization(momentum=0.9, epsilon=epsilon, name=bn_name)(layer(tensor))
    return activated(tensor, activation, bn_name.removesuffix("_bn"))


def max_pool(tensor, name):
    """3x3 maxima, stride 2, over what a ReLU gave; a window may hang over the far edge, and none begins beyond it."""
    over = [(length - 3) % 2 for length in tensor.shape[1:3]]
    tensor = keras.layers.ZeroPadding2D(((0, over[0]), (0, over[1])), name=f"{name}_pad")(tensor)
    return keras.layers.MaxPooling2D(3, 2, name=name)(tensor)


def average_pool(tensor, name):
    """3x3 averages, stride 1, in which the zeros beyond the border count."""
    tensor = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(tensor)
    return keras.layers.AveragePooling2D(3, 1, name=name)(tensor)


def squeeze_excitation(tensor, reduced, *, names, gate="sigmoid"):
    """Multiply each channel by a gate that follows from the averages of all (Hu et al., CVPR 2018).

    Args:
        tensor: (B, H, W, C).
        reduced: channels between the two pointwise convolutions.
        names: of the two.
        gate: activation of the second, 0 to 1.
    """
    average = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{names[0]}_average")(tensor)
    squeezed = keras.layers.Conv2D(reduced, 1, activation="relu", name=names[0])(average)
    factors = keras.layers.Conv2D(tensor.shape[-1], 1, activation=gate, name=names[1])(squeezed)
    return keras.layers.Multiply(name=f"{names[1]}_scale")([tensor, factors])


def activated(tensor, activation, name):
    """An activation as a layer named `name` with "_relu", or with what it is called; `tensor` itself for None."""
    if activation is None:
        return tensor
    if activation == "relu":
        return keras.layers.ReLU(name=f"{name}_relu")(tensor)
    return keras.layers.Activation(activation, name=f"{name}_{activation}")(tensor)
