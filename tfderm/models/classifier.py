"""A classification network: any of `tfderm.models.backbones` with its own head."""

import keras

from tfderm.models.backbones import architecture
from tfderm.models.normalization import image_input, normalize


def classifier(backbone="resnet50", image_size=None, num_classes=1000, features_only=False, weight_decay=0.0):
    """A network with its original head.

    Args:
        backbone: one of `tfderm.models.backbones.ARCHITECTURES`.
        image_size: height, width in pixels; by default what its ImageNet weights were trained for.
        num_classes: number of outputs.
        features_only: without the head.
        weight_decay: coefficient of the gradient weight_decay * w on every convolution kernel, added to the loss as L2.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to `probabilities` (B, num_classes), or with
        `features_only` to `features_S` (B, about height / S, about width / S, C) for every stride S.

    Raises:
        InputError: there is no such network.
    """
    network = architecture(backbone)
    regularizer = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    image = image_input(image_size or network.image_size)
    maps = network.backbone(normalize(image, network.mean, network.std), kernel_regularizer=regularizer)
    if features_only:
        outputs = {f"features_{stride}": tensor for stride, tensor in zip(network.strides, maps, strict=True)}
        return keras.Model(image, outputs, name=backbone)
    logits = network.head(maps[-1], num_classes)
    probabilities = keras.layers.Softmax(dtype=keras.config.floatx(), name="probabilities")(logits)
    return keras.Model(image, {"probabilities": probabilities}, name=backbone)
