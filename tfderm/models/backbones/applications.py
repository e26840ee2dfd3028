"""Networks that Keras has already: their feature maps, on a tensor of ours."""

import keras

_MOMENTUM = 0.9


def application_maps(application, image, ends, kernel_regularizer=None, **options):
    """Feature maps of a network of keras.applications.

    Its batch normalisation keeps averages with momentum 0.9, as in the other networks: with NASNet's own 0.9997 a short
    fine-tuning would end before they have moved.

    Args:
        application: the function of keras.applications.
        image: normalised float tensor (B, height, width, 3).
        ends: names of the layers whose outputs are the maps; None for the last.
        kernel_regularizer: applied to every convolution kernel.
        **options: of the application.

    Returns:
        A tensor for every end.
    """
    model = application(include_top=False, weights=None, input_tensor=image, **options)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = _MOMENTUM
        for variable in layer.trainable_variables:
            if variable.name.endswith("kernel"):
                variable.regularizer = kernel_regularizer
    return [model.get_layer(end).output if end else model.layers[-1].output for end in ends]
