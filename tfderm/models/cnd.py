"""CND, the Convolutional Network Disease classifier (paper 4, section 3)."""

import keras

from tfderm.models.normalization import image_input, normalize


def cnd(image_size=(200, 200), num_classes=3, filters=(32, 64, 96, 128), dropout=0.5, weight_decay=0.0):
    """Convolution and 2x2 max pooling, repeated, then one hidden fully connected layer.

    The paper names these three kinds of layers and gives no numbers; `docs/fidelity.md` says how they were chosen.

    Args:
        image_size: height, width in pixels; the paper's is 200, 200.
        num_classes: number of outputs.
        filters: channels of each block of convolution, batch normalisation, ReLU and pooling; the first convolution is
            5x5 with stride 2, the others 3x3.
        dropout: rate before each fully connected layer.
        weight_decay: coefficient of the gradient weight_decay * w on every kernel, added to the loss as L2.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to `probabilities` (B, num_classes).
    """
    regularizer = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    image = image_input(image_size)
    tensor = normalize(image)
    for index, channels in enumerate(filters, start=1):
        tensor = keras.layers.Conv2D(
            channels,
            5 if index == 1 else 3,
            strides=2 if index == 1 else 1,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=regularizer,
            name=f"conv{index}",
        )(tensor)
        tensor = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"conv{index}_bn")(tensor)
        tensor = keras.layers.ReLU(name=f"conv{index}_relu")(tensor)
        tensor = keras.layers.MaxPooling2D(2, name=f"pool{index}")(tensor)
    tensor = keras.layers.Flatten(name="flatten")(tensor)
    tensor = keras.layers.Dropout(dropout, name="dropout1")(tensor)
    tensor = keras.layers.Dense(128, activation="relu", kernel_regularizer=regularizer, name="hidden")(tensor)
    tensor = keras.layers.Dropout(dropout, name="dropout2")(tensor)
    tensor = keras.layers.Dense(num_classes, activation="softmax", dtype="float32", name="probabilities")(tensor)
    return keras.Model(image, {"probabilities": tensor}, name="cnd")
