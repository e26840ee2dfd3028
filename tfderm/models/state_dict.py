"""Weights by PyTorch's names into Keras layers, by rule.

A layer is called as the module of the original network, with underscores for dots; its variables are the module's
tensors by kind. So there is no table of names: what a file holds is found by name, and everything that does not fit is
listed before anything is changed.
"""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from tfderm.errors import InputError

_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_IGNORED = ("num_batches_tracked",)


def load_state_dict(model: keras.Model, tensors: Mapping[str, np.ndarray], ignored: Sequence[str] = ()) -> None:
    """Set every weight of a model from a state dict; nothing is set unless everything fits.

    Args:
        model: whose layers carry the state dict's module names with underscores for dots.
        tensors: PyTorch's name -> array, a convolution kernel as (out, in / groups, height, width), a fully connected
            one as (out, in).
        ignored: beginnings of names that need no place, such as an auxiliary classifier's.

    Raises:
        InputError: lists every tensor that is missing, has no place or has another shape.
    """
    by_place = {}
    for name in tensors:
        module, _, kind = name.rpartition(".")
        if kind not in _IGNORED and not name.startswith(tuple(ignored)):
            by_place[module.replace(".", "_"), kind] = name
    problems, values = [], []
    for layer in model.layers:
        for variable in layer.weights:
            kind = _NAMES.get(variable.name)
            if kind is None:
                continue
            name = by_place.pop((layer.name, kind), None)
            if name is None:
                problems.append(f"{layer.name}.{kind} is missing")
                continue
            value = _as_keras(layer, variable, tensors[name])
            if value is None:
                problems.append(
                    f"{name} has shape {tuple(tensors[name].shape)}, which does not fit {tuple(variable.shape)}"
                )
            values.append((variable, value))
    problems += [f"{name} has no place" for name in by_place.values()]
    if problems:
        shown = "; ".join(problems[:20])
        more = f"; and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise InputError(f"The weights do not fit {model.name}: {shown}{more}. Nothing was loaded.")
    for variable, value in values:
        variable.assign(value)


def _as_keras(layer: keras.Layer, variable: keras.Variable, tensor: np.ndarray) -> np.ndarray | None:
    """The tensor in Keras' order of axes; None where it does not fit."""
    if variable.name == "kernel" and isinstance(layer, keras.layers.Dense):
        tensor = tensor.T
    elif variable.name == "kernel":
        height, width, inner, outer = variable.shape
        depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
        if tensor.ndim == 2:  # A fully connected layer that reads a whole map.
            if tensor.shape != (outer, inner * height * width):
                return None
            tensor = tensor.reshape(outer, inner, height, width)
        if tensor.ndim == 4:
            tensor = tensor.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    return tensor if tensor.shape == tuple(variable.shape) else None
