"""A classification network: any of `tfderm.models.backbones` with its own head."""

from functools import partial

import keras

from tfderm.errors import InputError
from tfderm.models.backbones import architecture
from tfderm.models.normalization import image_input, normalize
from tfderm.models.weights import load_weights, read_weights


def classifier(
    backbone="resnet50",
    image_size=None,
    num_classes=None,
    activation="softmax",
    features_only=False,
    frozen_stages=0,
    weights=None,
    weight_decay=0.0,
    mean=None,
    std=None,
):
    """A network with its original head.

    Args:
        backbone: one of `tfderm.models.backbones.ARCHITECTURES`.
        image_size: height, width in pixels; by default what its ImageNet weights were trained for.
        num_classes: number of outputs; by default as many as the weights tell, 1000 without weights.
        activation: of the logits: "softmax" for one class of every image, "sigmoid" for several labels.
        features_only: without the head.
        frozen_stages: how many stages, counted from the pixels, do not learn; their batch normalisation uses the
            statistics that it has. A stage ends with one of the network's feature maps.
        weights: a file or a name, as `tfderm.models.weights.read_weights` takes it; None for fresh ones.
        weight_decay: coefficient of the gradient weight_decay * w on every convolution kernel, added to the loss as L2.
        mean: per channel, in 0..1, by which the first layer normalises; by default what the weights were trained with.
        std: likewise.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to `probabilities` (B, num_classes), or with
        `features_only` to `features_S` (B, about height / S, about width / S, C) for every stride S. The layer
        `normalization` gives the normalised pixels, `Architecture.last` the logits.

    Raises:
        InputError: there is no such network or activation; it has fewer stages than shall be frozen; the images are too
            small for it; the weights cannot be read or do not fit.
    """
    model, maps = assemble(
        backbone, image_size, num_classes, activation, frozen_stages, weights, weight_decay, mean, std
    )
    if features_only:
        strides = architecture(backbone).strides
        outputs = {f"features_{stride}": tensor for stride, tensor in zip(strides, maps, strict=True)}
        return keras.Model(model.input, outputs, name=backbone)
    return model


def assemble(backbone, image_size, num_classes, activation, frozen_stages, weights, weight_decay, mean, std):
    """The functional model of `classifier`, whose arguments these are, and its feature maps, the finest first."""
    network = architecture(backbone)
    found = read_weights(weights, network).adapted(network) if weights else None
    num_classes = num_classes or (found and found.num_classes(network.last)) or 1000
    trained_mean, trained_std = (found and found.pixels) or (network.mean, network.std)
    if not 0 <= frozen_stages <= len(network.strides):
        raise InputError(
            f"`frozen_stages` of {backbone} goes from 0 to {len(network.strides)}. Received: {frozen_stages}"
        )
    if activation not in ("softmax", "sigmoid"):
        raise InputError(f"`activation` must be softmax or sigmoid. Received: {activation!r}")
    regularizer = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    image = image_input(image_size or network.image_size)
    normalized = normalize(image, mean or trained_mean, std or trained_std)
    try:
        maps = network.backbone(normalized, kernel_regularizer=regularizer)
        logits = network.head(maps[-1], num_classes)
    except ValueError as error:  # Keras' own, of a map without pixels.
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{backbone} cannot take images of {image.shape[1]}x{image.shape[2]} pixels: {reason}"
        ) from None
    model = keras.Model(image, {"probabilities": probabilities_of(logits, activation)}, name=backbone)
    if found:
        load_weights(model, found, network.last)
    if frozen_stages:
        for layer in keras.Model(image, maps[frozen_stages - 1]).layers:
            layer.trainable = False
    return model, maps


def probabilities_of(logits, activation):
    """The layer `probabilities` on logits: a softmax or sigmoid in float32, whatever the network computes in."""
    answer = keras.layers.Softmax if activation == "softmax" else partial(keras.layers.Activation, "sigmoid")
    return answer(dtype=keras.config.floatx(), name="probabilities")(logits)
