"""Weights from files of Keras: whole models, and files of weights of every version."""

from pathlib import Path

import h5py
import numpy as np

from tfderm.errors import InputError
from tfderm.models.normalization import pixel_statistics
from tfderm.models.weights.state_dict import Tensors, variables_of


def read_keras_file(path: Path) -> tuple[Tensors, tuple[tuple[float, ...], tuple[float, ...]] | None]:
    """Variables, and the mean and deviation of a model whose first layer normalises.

    Args:
        path: a `.keras` file or an `.h5` one, of a model or of its weights.

    Returns:
        "LAYER.VARIABLE" -> array, VARIABLE a number, in the layer's own order, from the `.weights.h5` of Keras 3; and
        mean and deviation per channel, None for a file of weights.

    Raises:
        InputError: the file is damaged or holds no weights.
    """
    from tfderm.models import load

    if path.suffix == ".h5":
        try:
            with h5py.File(path) as file:
                if "model_config" not in file.attrs:
                    return (_by_layer(file) if "layer_names" in file.attrs else _numbered(file)), None
        except (OSError, KeyError, TypeError) as error:
            raise InputError(f"{path} is not an .h5 file of weights, or is damaged: {error}") from None
    model = load(path)
    mean, std = pixel_statistics(model)
    return variables_of(model), (mean, std) if mean else None


def _by_layer(file: h5py.File) -> Tensors:
    """The layout of Keras 1 and 2, in which keras.applications has its weights."""
    tensors = {}
    for layer in map(_text, file.attrs["layer_names"]):
        for name in map(_text, file[layer].attrs["weight_names"]):
            variable = name.rsplit("/", 1)[-1].removesuffix(":0")
            tensors[f"{layer}.{variable}"] = np.asarray(file[layer][name])
    return tensors


def _numbered(file: h5py.File) -> Tensors:
    """The layout of Keras 3: a group for every layer, its name an attribute, its variables numbered."""
    tensors = {}
    for group in file["layers"].values():
        variables = group["vars"]
        for number in variables:
            tensors[f"{_text(variables.attrs['name'])}.{number}"] = np.asarray(variables[number])
    if not tensors:
        raise KeyError("it has no layers with weights")
    return tensors


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
