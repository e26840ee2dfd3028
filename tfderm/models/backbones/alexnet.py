"""AlexNet in its one-tower form: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.

Layers carry torchvision's names with underscores for dots. The first fully connected layer reads a 6x6 map, to which
larger or smaller maps are averaged, and is written as the convolution that it is.
"""

import keras

STRIDES = (4, 8, 16)
_CONVOLUTIONS = ((0, 64, 11, 4, 2), (3, 192, 5, 1, 2), (6, 384, 3, 1, 1), (8, 256, 3, 1, 1), (10, 256, 3, 1, 1))


def alexnet_backbone(image, kernel_regularizer=None):
    """Feature maps of a normalised image.

    Args:
        image: float tensor (B, height, width, 3).
        kernel_regularizer: applied to every convolution kernel.

    Returns:
        Three tensors at strides of about 4, 8 and 16 (its poolings do not pad) with 64, 192 and 256 channels.
    """
    maps, tensor = [], image
    for index, filters, kernel_size, strides, padding in _CONVOLUTIONS:
        if index in (3, 6):
            tensor = keras.layers.MaxPooling2D(3, 2, name=f"features_{index - 1}")(tensor)
        tensor = keras.layers.ZeroPadding2D(padding, name=f"features_{index}_pad")(tensor)
        tensor = keras.layers.Conv2D(
            filters,
            kernel_size,
            strides,
            activation="relu",
            kernel_initializer="he_normal",
            kernel_regularizer=kernel_regularizer,
            name=f"features_{index}",
        )(tensor)
        if index in (0, 3, 10):
            maps.append(tensor)
    return maps


def alexnet_head(tensor, num_classes, dropout=0.5):
    """Logits (B, num_classes) from the last map; `dropout` before each of the first two fully connected layers."""
    tensor = keras.layers.MaxPooling2D(3, 2, name="features_12")(tensor)
    tensor = keras.layers.AdaptiveAveragePooling2D((6, 6), name="avgpool")(tensor)
    for name, kernel_size in (("classifier_1", 6), ("classifier_4", 1)):
        tensor = keras.layers.Dropout(dropout, name=f"{name}_dropout")(tensor)
        tensor = keras.layers.Conv2D(4096, kernel_size, activation="relu", kernel_initializer="he_normal", name=name)(
            tensor
        )
    tensor = keras.layers.Flatten(name="flatten")(tensor)
    return keras.layers.Dense(num_classes, dtype=keras.config.floatx(), name="classifier_6")(tensor)
