"""The backbone of PSENet with a class head, for pre-training: no public weights fit this backbone."""

import keras

from tfderm.models.backbones.psenet import psenet_backbone
from tfderm.models.normalization import image_input, normalize


def psenet_classifier(image_size=(800, 1024), num_classes=2, width=1.0, weight_decay=0.0):
    """PSENet's backbone, the average over its last map, and one fully connected layer.

    Its backbone has the variable names and shapes of `psenet`'s at the same `width`, whatever the image size, so that
    `--from` takes all of it.

    Args:
        image_size: height, width in pixels.
        num_classes: number of outputs.
        width: multiplies all channel counts, as in `psenet`.
        weight_decay: coefficient of the gradient weight_decay * w on every convolution kernel, added to the loss as L2.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to `probabilities` (B, num_classes).
    """
    regularizer = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    image = image_input(image_size)
    last_map = psenet_backbone(normalize(image), width, regularizer)[-1]
    features = keras.layers.GlobalAveragePooling2D(name="average")(last_map)
    output = keras.layers.Dense(num_classes, activation="softmax", dtype=keras.config.floatx(), name="probabilities")(
        features
    )
    return keras.Model(image, {"probabilities": output}, name="psenet_classifier")
