"""PSENet: psoriasis severity and lesion location from one photograph (paper 1, figures 1 and 2)."""

import keras

from tfderm.clinical.pasi import COMPONENT_LIMITS
from tfderm.layers import ScoreRefine
from tfderm.models.backbones.psenet import STRIDES, psenet_backbone, scaled
from tfderm.models.normalization import image_input, normalize


def psenet(image_size=(800, 1024), width=1.0, head="srm", mobile=False, components=False, weight_decay=0.0):
    """One sub-network of the siamese structure: what runs after training.

    Args:
        image_size: height, width in pixels; the paper's is 800, 1024.
        width: multiplies all channel counts; 1.0 is the paper-sized network.
        head: "srm", the score refine module, or "fp", the paper's ablation (table 2): a score from the average over
            each map of the pyramid, weights shared, and no location maps.
        mobile: for phones: depthwise 3x3 convolutions in stages 1 and 2 and depthwise 3x3 and 5x5 ones in the score
            refine module, each followed by a pointwise one, and a first stage half as wide.
        components: also predict the four grades behind the score, which the paper does not: a pointwise convolution,
            shared by the five maps, its average over each, and one linear unit per grade. Score and location maps are
            computed as without.
        weight_decay: coefficient of the gradient weight_decay * w on every kernel, added to the loss as L2.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to
        `severity` (B, 1), the region score in PASI points (0..72 meaningful), and
        with "srm" `location_map_8` ... `location_map_128` (B, ceil(height / stride), ceil(width / stride), 1) in 0..1,
        with `components` `erythema`, `induration`, `desquamation` (B, 1; 0..4 meaningful) and `area` (B, 1; 0..6).

    Raises:
        ValueError: there is no such head.
    """
    if head not in ("srm", "fp"):
        raise ValueError(f"`head` must be one of srm, fp. Received: head={head!r}")
    regularizer = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    image = image_input(image_size)
    feature_maps = psenet_backbone(normalize(image), width, regularizer, mobile)
    if head == "srm":
        scores, location_maps = ScoreRefine(
            features=scaled(256, width),
            bottleneck=scaled(64, width),
            depthwise=mobile,
            kernel_regularizer=regularizer,
            dtype=keras.config.floatx(),
            name="score_refine",
        )(feature_maps)
    else:
        score = keras.layers.Dense(1, dtype=keras.config.floatx(), name="score")
        averages = [
            keras.layers.GlobalAveragePooling2D(name=f"average_{stride}")(tensor)
            for stride, tensor in zip(STRIDES, feature_maps, strict=True)
        ]
        scores, location_maps = keras.layers.Concatenate(name="scores")([score(average) for average in averages]), []
    severity = keras.layers.Dense(
        1,
        kernel_initializer=keras.initializers.Constant(1 / len(STRIDES)),
        dtype=keras.config.floatx(),
        name="severity",
    )(scores)
    named_maps = {f"location_map_{s}": location_map for s, location_map in zip(STRIDES, location_maps, strict=False)}
    grades = _components(feature_maps, scaled(64, width), regularizer) if components else {}
    return keras.Model(image, {"severity": severity, **named_maps, **grades}, name="psenet")


def _components(feature_maps, features, kernel_regularizer):
    floatx = keras.config.floatx()
    # Averaging the maps themselves would have export leave the residual sums of all stages in float beside it.
    pointwise = keras.layers.Conv2D(
        features,
        1,
        activation="relu",
        kernel_initializer="he_normal",
        kernel_regularizer=kernel_regularizer,
        dtype=floatx,
        name="component_pointwise",
    )
    averages = [
        keras.layers.GlobalAveragePooling2D(dtype=floatx, name=f"component_average_{stride}")(pointwise(tensor))
        for stride, tensor in zip(STRIDES, feature_maps, strict=True)
    ]
    features = keras.layers.Concatenate(dtype=floatx, name="component_features")(averages)
    return {name: keras.layers.Dense(1, dtype=floatx, name=name)(features) for name in COMPONENT_LIMITS}
