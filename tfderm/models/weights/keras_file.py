"""Weights from files of Keras: whole models, and files of weights with and without names."""

import warnings
from pathlib import Path

import h5py
import keras
import numpy as np

from tfderm.errors import InputError
from tfderm.models.weights.state_dict import Tensors, variables_of


def read_keras_file(path: Path) -> Tensors | None:
    """Variables by "LAYER.VARIABLE".

    Args:
        path: a `.keras` file or an `.h5` one, of a model or of its weights.

    Returns:
        name -> array; None for the `.weights.h5` of Keras 3, which keeps an order but no names.

    Raises:
        InputError: the file is damaged or holds no weights.
    """
    from tfderm.models import load

    if path.suffix == ".keras":
        return variables_of(load(path))
    try:
        with h5py.File(path) as file:
            if "model_config" not in file.attrs:
                return _by_layer(file) if "layer_names" in file.attrs else _unnamed(file, path)
    except OSError as error:
        raise InputError(f"{path} is not an .h5 file, or is damaged: {error}") from None
    return variables_of(load(path))


def load_unnamed(model: keras.Model, path: Path) -> None:
    """Set the weights of a model from a `.weights.h5` of Keras 3; nothing is set unless everything fits.

    Keras passes over what it does not find with a warning, so the weights are made NaN first, and none may stay so.

    Raises:
        InputError: it does not fit.
    """
    before = model.get_weights()
    model.set_weights([np.full_like(value, np.nan) for value in before])
    try:
        with warnings.catch_warnings(action="ignore"):
            model.load_weights(path)
        unset = [variable.path for variable in model.weights if np.isnan(np.asarray(variable)).all()]
        reason = f"{', '.join(unset)} is missing." if unset else ""
    except (ValueError, KeyError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
    if reason:
        model.set_weights(before)
        raise InputError(f"{path} does not fit {model.name}: {reason} Nothing was loaded.")


def _by_layer(file: h5py.File) -> Tensors:
    """The layout of Keras 1 and 2, in which keras.applications has its weights."""
    tensors = {}
    for layer in file.attrs["layer_names"]:
        layer = _text(layer)
        for name in file[layer].attrs["weight_names"]:
            variable = _text(name).rsplit("/", 1)[-1].removesuffix(":0")
            tensors[f"{layer}.{variable}"] = np.asarray(file[layer][name])
    return tensors


def _unnamed(file: h5py.File, path: Path) -> None:
    if "layers" not in file:
        raise InputError(f"{path} holds no weights of a Keras model.")


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
