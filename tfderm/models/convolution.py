"""The unit that every backbone is made of: convolution, batch normalisation, ReLU."""

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
    activation=True,
    depthwise=False,
    regularizer=None,
):
    """Convolution without bias, batch normalisation and, with `activation`, a ReLU.

    Args:
        tensor: (B, H, W, C).
        filters: channels of the result.
        kernel_size: side of the kernel.
        name: of the convolution.
        bn_name: of the normalisation; by default `name` with "_bn". The ReLU's is `name` (or `bn_name`) with "_relu".
        strides: of the convolution.
        padding: "same", or "symmetric": `kernel_size // 2` zeros on every side, as PyTorch's networks have it, which
            differs from "same" where a stride meets an even size.
        activation: whether a ReLU follows.
        depthwise: each channel has a kernel of its own and sees no other; `filters` must be the tensor's channels.
        regularizer: of the kernel.

    Returns:
        (B, ceil(H / strides), ceil(W / strides), filters).
    """
    if padding == "symmetric":
        padding = "valid"
        if kernel_size > 1:
            tensor = keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(tensor)
    options = {"strides": strides, "padding": padding, "use_bias": False, "name": name}
    if depthwise:
        # Keras' own variance scaling takes all channels for inputs of a depthwise kernel, which sees one.
        initializer = keras.initializers.RandomNormal(stddev=math.sqrt(2) / kernel_size)
        layer = keras.layers.DepthwiseConv2D(
            kernel_size, depthwise_initializer=initializer, depthwise_regularizer=regularizer, **options
        )
    else:
        layer = keras.layers.Conv2D(
            filters, kernel_size, kernel_initializer="he_normal", kernel_regularizer=regularizer, **options
        )
    tensor = layer(tensor)
    tensor = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=bn_name or f"{name}_bn")(tensor)
    return keras.layers.ReLU(name=f"{bn_name or name}_relu")(tensor) if activation else tensor
