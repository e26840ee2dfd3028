"""State dicts from files of PyTorch, without PyTorch and without running what a file asks for.

What `torch.save` writes is a pickle, and unpickling runs whatever functions it names. Here it may name five harmless
ones; anything else is refused. Both forms are read: the zip archive (PyTorch 1.6 and later) and the stream of pickles
before it.
"""

import collections
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from tfderm.errors import InputError

_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Tensors by name.

    Args:
        path: a `.safetensors` file, or what `torch.save` wrote: a state dict, or a dictionary that holds one as
            `state_dict` or `model`.

    Returns:
        name -> array, in the dtype of the file.

    Raises:
        InputError: the file is damaged, names anything that is no tensor, or holds no state dict.
    """
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path} is not a .safetensors file, or is damaged: {error}") from None
    try:
        content = _read_archive(path) if zipfile.is_zipfile(path) else _read_stream(path)
    except InputError:
        raise
    except Exception as error:  # A damaged pickle raises almost anything.
        raise InputError(f"{path} is not a file of PyTorch weights, or is damaged: {error}") from None
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not any(isinstance(value, np.ndarray) for value in content.values()):
        raise InputError(f"{path} holds no state dict; save `model.state_dict()`.")
    return {name: value for name, value in content.items() if isinstance(value, np.ndarray)}


def trained_pixels(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and deviation per channel, in 0..1, from timm's `config.json` beside a file; None where there is none.

    Raises:
        InputError: the file is damaged.
    """
    config = path.with_name("config.json")
    if not config.is_file():
        return None
    try:
        pixels = json.loads(config.read_text(encoding="utf-8"))["pretrained_cfg"]
        mean, std = (tuple(float(value) for value in pixels[key]) for key in ("mean", "std"))
    except KeyError:
        return None
    except (ValueError, TypeError, OSError) as error:
        raise InputError(f"{config} is not timm's description of a model: {error}") from None
    return mean, std


def _rebuild_tensor(storage, offset, size, stride, *_):
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    empty = 0 in size
    if min((offset, *size, *stride), default=0) < 0 or (not empty and last >= storage.size):
        raise ValueError("a tensor reaches beyond its storage")
    steps = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], tuple(size), steps)


def _rebuild_parameter(data, *_):
    return data


_CALLABLES = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): tuple,
}


class _Unpickler(pickle.Unpickler):
    """Builds tensors and dictionaries; `storage` gives the array of a key."""

    def __init__(self, file: BinaryIO, path: Path, storage):
        super().__init__(file, encoding="utf-8")
        self._path, self._storage = path, storage

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _STORAGES:
            return np.dtype(_STORAGES[name])
        if (module, name) not in _CALLABLES:
            raise InputError(
                f"{self._path} asks for {module}.{name}, and nothing but tensors is read from a pickle. Save "
                "`model.state_dict()` alone, or as .safetensors."
            )
        return _CALLABLES[module, name]

    def persistent_load(self, identifier: tuple) -> np.ndarray:
        kind, dtype, key, _, size = identifier[:5]
        if kind != "storage" or len(identifier) > 5 and identifier[5] is not None:
            raise ValueError(f"unknown kind of storage {identifier[:1]}")
        return self._storage(key, dtype, size)


def _read_archive(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = index.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("big-endian numbers")
        storages: dict[str, np.ndarray] = {}

        def storage(key, dtype, size):
            if key not in storages:
                storages[key] = np.frombuffer(archive.read(f"{folder}data/{key}"), dtype, size)
            return storages[key]

        with archive.open(index) as file:
            return _Unpickler(file, path, storage).load()


def _read_stream(path: Path) -> Any:
    storages: dict[str, np.ndarray] = {}
    available = path.stat().st_size

    def storage(key, dtype, size):
        nonlocal available
        if key not in storages:
            available -= size * dtype.itemsize
            if available < 0:
                raise ValueError("storages are larger than the file")
            storages[key] = np.empty(size, dtype)
        return storages[key]

    with open(path, "rb") as file:

        def load():
            return _Unpickler(file, path, storage).load()

        if load() != _MAGIC:
            raise ValueError("no magic number")
        load(), load()  # The protocol's version and the writer's sizes of integers.
        content = load()
        for key in load():
            size = int(np.frombuffer(file.read(8), np.int64)[0])
            storages[key][:] = np.frombuffer(file.read(size * storages[key].itemsize), storages[key].dtype)
    return content
