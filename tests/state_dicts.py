"""A model's weights as PyTorch has them, shared by the tests that load weights."""

import keras
import numpy as np

KINDS = {"kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias"}
KINDS |= {"moving_mean": "running_mean", "moving_variance": "running_var"}


def state_dict(model):
    """Arrays in PyTorch's order of axes and with its kinds; modules have the layers' names, underscores and all."""
    tensors = {}
    for layer in model.layers:
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        for variable in layer.weights:
            value = np.asarray(variable)
            if variable.name == "kernel":
                value = value.T if value.ndim == 2 else value.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
            tensors[f"{layer.name}.{KINDS[variable.name]}"] = np.ascontiguousarray(value)
    return tensors
