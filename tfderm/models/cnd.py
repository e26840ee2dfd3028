"""CND, the Convolutional Network Disease classifier (paper 4, section 3)."""

import keras

from tfderm.layers import AverageOverViews, ColourHistogram, MirroredViews
from tfderm.models.convolution import convolution
from tfderm.models.normalization import image_input, normalize


def cnd(
    image_size=(200, 200),
    num_classes=3,
    filters=(32, 64, 128, 256),
    dropout=0.3,
    colour_histogram=True,
    mirrored_views=True,
    weight_decay=0.0,
):
    """Convolution and max pooling, repeated, then a fully connected layer on what every stage saw.

    A 7x7 convolution with stride 4, then stages of two 3x3 convolutions; 2x2 max pooling stands between them. The
    fully connected layer reads the averages over the maps of all stages, which are the layer `features`, and the
    image's colour histogram, from which alone much can be told. The paper names convolution, pooling and fully
    connected layers and gives no numbers; `docs/fidelity.md` says how these were chosen.

    Args:
        image_size: height, width in pixels; the paper's is 200, 200.
        num_classes: number of outputs.
        filters: channels of the first convolution and of each stage after it.
        dropout: rate before the fully connected layer; the histogram is not dropped.
        colour_histogram: whether the fully connected layer reads the histogram.
        mirrored_views: whether the trained model takes these averages over the image's three mirror images too:
            dermoscopy has no left and right, and the answer is then the same for all four. Costs four times the
            arithmetic in use, nothing in a training step.
        weight_decay: coefficient of the gradient weight_decay * w on every convolution kernel and on the histogram's
            weights, added to the loss as L2.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to `probabilities` (B, num_classes).
    """
    regularizer = keras.regularizers.L2(weight_decay / 2) if weight_decay else None

    image = image_input(image_size)
    views = MirroredViews(name="views")(image) if mirrored_views else image
    tensor = convolution(normalize(views), filters[0], 7, name="conv1", strides=4, regularizer=regularizer)
    averages = [keras.layers.GlobalAveragePooling2D(name="average1")(tensor)]
    for stage, channels in enumerate(filters[1:], start=2):
        tensor = keras.layers.MaxPooling2D(2, name=f"pool{stage - 1}")(tensor)
        for layer in "ab":
            tensor = convolution(tensor, channels, 3, name=f"conv{stage}{layer}", regularizer=regularizer)
        averages.append(keras.layers.GlobalAveragePooling2D(name=f"average{stage}")(tensor))
    averages = keras.layers.Concatenate(name="averages")(averages)
    if mirrored_views:
        averages = AverageOverViews(name="average_over_views")(averages)
    features = keras.layers.Dropout(dropout, name="features")(averages)
    precise = keras.config.floatx()  # whatever precision the convolutions compute in
    logits = keras.layers.Dense(num_classes, dtype=precise, name="from_features")(features)
    if colour_histogram:
        from_colours = keras.layers.Dense(
            num_classes,
            use_bias=False,
            kernel_initializer="zeros",
            kernel_regularizer=regularizer,
            dtype=precise,
            name="from_colours",
        )(ColourHistogram(dtype=precise, name="colour_histogram")(image))
        logits = keras.layers.Add(dtype=precise, name="logits")([logits, from_colours])
    output = keras.layers.Softmax(dtype=precise, name="probabilities")(logits)
    return keras.Model(image, {"probabilities": output}, name="cnd")
