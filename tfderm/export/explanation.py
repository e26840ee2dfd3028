"""The class-activation map as an output of an exported classifier."""

from dataclasses import replace

import keras

from tfderm.contract import ModelContract, Output
from tfderm.errors import InputError
from tfderm.models.class_activation import CLASS_ACTIVATION_MAP, with_class_activation_map


def explained(model: keras.Model, contract: ModelContract) -> tuple[keras.Model, ModelContract]:
    """A classifier and its contract with the output `class_activation_map`.

    Raises:
        InputError: the model is no classifier, or the gradient through its head is not known.
    """
    if not contract.labels:
        raise InputError(
            f"{contract.recipe}: class-activation maps explain classifiers; this is a {contract.task} model. "
            "Export it without --explain."
        )
    model = with_class_activation_map(model)
    shape = tuple(model.output[CLASS_ACTIVATION_MAP].shape[1:])
    stride = round(contract.image.image_size[0] / shape[0])
    output = Output(CLASS_ACTIVATION_MAP, CLASS_ACTIVATION_MAP, shape, (0.0, 1.0), stride=stride)
    return model, replace(contract, outputs=(*contract.outputs, output))
