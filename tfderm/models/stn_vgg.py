"""Psoriasis or eczema: a reduced VGG16 that sees the part of a large photograph which a spatial transformer chose."""

import keras

from tfderm.errors import InputError
from tfderm.layers import SpatialTransformer
from tfderm.layers.localization import affine_localization, attention_localization
from tfderm.models.backbones import IMAGENET_MEAN, IMAGENET_STD
from tfderm.models.convolution import convolution
from tfderm.models.normalization import image_input, normalize

_STAGES = ((2, 64), (2, 64), (3, 128), (3, 256))  # convolutions and their channels; 2x2 maxima after each stage
_UNITS = (2048, 2048)
_LOCALIZATIONS = ("affine", "attention", None)


def stn_vgg(
    image_size=(630, 945),
    num_classes=2,
    output_size=(210, 315),
    localization="attention",
    outside_penalty=1.0,
    width=1.0,
    dropout=0.5,
    weight_decay=0.0,
):
    """Spatial transformer and the classification network of paper 2, section 3.

    Args:
        image_size: height, width in pixels; the paper's is 630, 945.
        num_classes: number of outputs.
        output_size: height, width in pixels of the area of interest.
        localization: "affine" (the paper's) or "attention", as in `tfderm.layers.localization`; None for the whole
            photograph made small, without a transformer.
        outside_penalty: as in `tfderm.layers.SpatialTransformer`.
        width: factor of all channels and units.
        dropout: rate after each of the two fully connected layers; the paper gives none.
        weight_decay: coefficient of the gradient weight_decay * w on every convolution kernel, added to the loss as L2.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to `probabilities` (B, num_classes), and with a
        transformer `area_of_interest` (B, *output_size, 3), RGB 0..255, and `transform` (B, 2, 3), as
        `SpatialTransformer` gives it, for people to look at. An attention has `glimpse` (B, num_classes) too,
        probabilities by what it recognised in the whole photograph.

    Raises:
        InputError: no such localisation, or an area of interest that is too small or larger than the image.
    """
    if localization not in _LOCALIZATIONS:
        raise InputError(
            f"`localization` must be one of {', '.join(map(str, _LOCALIZATIONS))}. Received: {localization!r}"
        )
    smallest = 2 ** len(_STAGES)
    if any(side < area or area < smallest for side, area in zip(image_size, output_size, strict=True)):
        raise InputError(
            f"`output_size` goes from {smallest} pixels to `image_size`. Received: output_size={tuple(output_size)}, "
            f"image_size={tuple(image_size)}"
        )
    regularizer = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    precise = keras.config.floatx()  # coordinates and answers, whatever precision the convolutions compute in

    image = image_input(image_size)
    outputs = {}
    if localization is None:
        shrink = [side // output for side, output in zip(image_size, output_size, strict=True)]
        tensor = keras.layers.AveragePooling2D(shrink, name="shrink")(normalize(image))
    else:
        shape = (*image_size, 3)
        network = (
            attention_localization(shape, output_size, num_classes)
            if localization == "attention"
            else affine_localization(shape, output_size)
        )
        transformer = SpatialTransformer(
            output_size, network, outside_penalty=outside_penalty, dtype=precise, name="spatial_transformer"
        )
        seen = transformer(normalize(image))
        tensor = seen["area_of_interest"]
        in_colours = keras.layers.Rescaling(
            [255 * s for s in IMAGENET_STD], [255 * m for m in IMAGENET_MEAN], dtype=precise, name="area_of_interest"
        )
        outputs = {
            "area_of_interest": in_colours(tensor),
            "transform": keras.layers.Identity(dtype=precise, name="transform")(seen["transform"]),
        }
        if "glimpse" in seen:
            outputs["glimpse"] = keras.layers.Softmax(dtype=precise, name="glimpse")(seen["glimpse"])
    for stage, (convolutions, channels) in enumerate(_STAGES, start=1):
        for layer in range(1, convolutions + 1):
            tensor = convolution(tensor, int(width * channels), 3, name=f"conv{stage}_{layer}", regularizer=regularizer)
        tensor = keras.layers.MaxPooling2D(2, name=f"pool{stage}")(tensor)
    tensor = keras.layers.Flatten(name="flatten")(tensor)
    for number, units in enumerate(_UNITS, start=1):
        tensor = keras.layers.Dense(int(width * units), activation="relu", name=f"dense{number}")(tensor)
        tensor = keras.layers.Dropout(dropout, name=f"dropout{number}")(tensor)
    logits = keras.layers.Dense(num_classes, dtype=precise, name="logits")(tensor)
    probabilities = keras.layers.Softmax(dtype=precise, name="probabilities")(logits)
    return keras.Model(image, {"probabilities": probabilities, **outputs}, name="stn_vgg")
