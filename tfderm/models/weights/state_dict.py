"""Weights into layers by name: PyTorch's tensors, or another Keras model's variables.

A layer is called as the module of the original network, with underscores for dots; its variables are the module's
tensors by kind. So there is no table of names: what a file holds is found by name, and everything that does not fit is
listed before anything is changed.
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np

from tfderm.errors import InputError

_KINDS = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_COUNTER = "num_batches_tracked"
_SHOWN = 20

Tensors = Mapping[str, np.ndarray]


def load_state_dict(model: keras.Model, tensors: Tensors, fresh: str = "") -> None:
    """Set every weight of a model from a PyTorch state dict; nothing is set unless everything fits.

    Args:
        model: whose layers carry the state dict's module names with underscores for dots.
        tensors: PyTorch's name -> array, a convolution kernel as (out, in / groups, height, width), a fully connected
            one as (out, in).
        fresh: a layer that keeps its own weights, whatever the file has for it; empty for none.

    Raises:
        InputError: lists every tensor that is missing, has no place or has another shape.
    """
    kept = {name: tensor for name, tensor in tensors.items() if not name.endswith(_COUNTER)}
    _load(model, kept, lambda number, variable: _KINDS.get(variable.name, variable.name), _from_torch, fresh)


def load_variables(model: keras.Model, tensors: Tensors, fresh: str = "") -> None:
    """Set every weight of a model from those of another Keras model; nothing is set unless everything fits.

    Args:
        model: to change.
        tensors: "LAYER.VARIABLE" -> array, as Keras has them; VARIABLE by name, or all by number.
        fresh: a layer that keeps its own weights; empty for none.

    Raises:
        InputError: lists every tensor that is missing, has no place or has another shape.
    """
    numbered = all(name.rpartition(".")[2].isdigit() for name in tensors)

    def kind(number, variable):
        return str(number) if numbered else variable.name

    _load(model, tensors, kind, lambda layer, variable, tensor: tensor, fresh)


def variables_of(model: keras.Model) -> dict[str, np.ndarray]:
    """What `load_variables` takes, of a model."""
    return {
        f"{layer.name}.{variable.name}": np.asarray(variable) for layer in model.layers for variable in layer.weights
    }


def place_of(name: str) -> tuple[str, str]:
    """The layer and the kind of variable that a tensor of this name is for."""
    module, _, kind = name.rpartition(".")
    return module.replace(".", "_"), kind


def _load(
    model: keras.Model,
    tensors: Tensors,
    kind_of: Callable[[int, keras.Variable], str],
    as_keras: Callable[[keras.Layer, keras.Variable, np.ndarray], np.ndarray],
    fresh: str,
) -> None:
    left, problems, values = {}, [], []
    for name in tensors:
        place = place_of(name)
        if place in left:
            problems.append(f"{name} and {left[place]} are for one place")
        if place[0] != fresh:
            left[place] = name
    for layer in model.layers:
        if layer.name == fresh:
            continue
        for number, variable in enumerate(layer.weights):
            kind = kind_of(number, variable)
            name = left.pop((layer.name, kind), None)
            if name is None:
                problems.append(f"{layer.name}.{kind} is missing")
                continue
            value = as_keras(layer, variable, tensors[name])
            if value.shape != tuple(variable.shape):
                problems.append(
                    f"{name} has shape {tuple(tensors[name].shape)}, which does not fit {tuple(variable.shape)}"
                )
                continue
            try:
                values.append((variable, np.asarray(value, variable.dtype)))
            except (ValueError, TypeError):
                problems.append(f"{name} holds {value.dtype} instead of numbers")
    problems += [f"{name} has no place" for name in left.values()]
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise InputError(
            f"The weights do not fit {model.name}: {'; '.join(problems[:_SHOWN])}{more}. Nothing was loaded."
        )
    for variable, value in values:
        variable.assign(value)


def _from_torch(layer: keras.Layer, variable: keras.Variable, tensor: np.ndarray) -> np.ndarray:
    """The tensor in Keras' order of axes; unchanged where it cannot fit."""
    if variable.name != "kernel":
        return tensor
    if isinstance(layer, keras.layers.Dense):
        return tensor.T
    height, width, inner, outer = variable.shape
    if tensor.ndim == 2 and tensor.size == height * width * inner * outer:  # It reads a whole map.
        tensor = tensor.reshape(outer, inner, height, width)
    if tensor.ndim != 4:
        return tensor
    return tensor.transpose((2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0))
