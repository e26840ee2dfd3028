"""State dicts from files of PyTorch, without PyTorch and without running what a file asks for.

What `torch.save` writes is a pickle, and unpickling runs whatever functions it names. Here it may name five harmless
ones; anything else is refused. Both forms are read: the zip archive (PyTorch 1.6 and later) and the stream of pickles
before it.
"""

import io
import json
import math
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
_NUMBERS = {np.dtype(kind) for kind in _STORAGES.values()}


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
        except (SafetensorError, OSError, ValueError, AttributeError) as error:  # The last for 8-bit floats.
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
    tensors = {name: value for name, value in content.items() if isinstance(value, np.ndarray)}
    strange = [name for name, value in tensors.items() if not isinstance(name, str) or value.dtype not in _NUMBERS]
    if strange:
        raise InputError(f"{path} holds no state dict: {strange[0]!r} is no name of a tensor of numbers.")
    return tensors


def trained_pixels(path: Path) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and deviation per channel, in 0..1, from timm's `config.json` beside a file; None where there is none.

    Raises:
        InputError: the file is damaged, or a value is no mean or deviation of three channels.
    """
    config = path.with_name("config.json")
    if not config.is_file():
        return None
    try:
        pixels = json.loads(config.read_text(encoding="utf-8")).get("pretrained_cfg") or {}
        if "mean" not in pixels or "std" not in pixels:
            return None
        mean, std = (tuple(float(value) for value in pixels[key]) for key in ("mean", "std"))
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise InputError(f"{config} is not timm's description of a model: {error}") from None
    if not (len(mean) == len(std) == 3 and all(map(math.isfinite, mean + std)) and min(std) > 0):
        raise InputError(
            f"{config}: pretrained_cfg must have a mean and a std above 0 for each of three channels. "
            f"Received: mean={mean}, std={std}"
        )
    return mean, std


class _Storage:
    """Numbers of one kind; what a pickle calls torch.FloatStorage and the like."""

    __slots__ = ("dtype",)

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)

    def __setstate__(self, state):
        raise ValueError("a kind of storage has no state")


class _Function:
    """A function that a pickle may call and not change."""

    __slots__ = ("_call",)

    def __init__(self, call):
        self._call = call

    def __call__(self, *arguments):
        return self._call(*arguments)

    def __setstate__(self, state):
        raise ValueError("a function has no state")


class _Dictionary(dict):
    """An OrderedDict; torch hangs versions of modules on it, which nobody here asks for."""

    def __setstate__(self, state):
        pass


def _tensor(storage: np.ndarray, offset: int, size: tuple, stride: tuple, *_) -> np.ndarray:
    """A view of a storage. Raises where it would reach beyond: NumPy checks it against the storage's memory."""
    if not isinstance(storage, np.ndarray) or storage.ndim != 1 or not storage.flags.c_contiguous or offset < 0:
        raise ValueError("a tensor has no storage")
    if min(stride, default=0) < 0:
        raise ValueError("a tensor runs backwards")
    steps = [step * storage.itemsize for step in stride]
    return np.ndarray(tuple(size), storage.dtype, storage, offset * storage.itemsize, steps)


_NAMES = {
    ("collections", "OrderedDict"): _Function(_Dictionary),
    ("torch._utils", "_rebuild_tensor"): _Function(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Function(lambda tensor, *_: tensor),
    ("torch", "Size"): _Function(tuple),
    **{("torch", name): _Storage(dtype) for name, dtype in _STORAGES.items()},
}


class _Unpickler(pickle._Unpickler):
    """Builds tensors and dictionaries; `storage` gives the array of a key.

    The unpickler written in Python, because the one in C allots memory for whatever index of its memo a file claims.
    """

    def __init__(self, file: io.BytesIO, path: Path, storage: Callable[[str, np.dtype, int], np.ndarray]):
        super().__init__(file, encoding="utf-8")
        self._path, self._storage = path, storage

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise InputError(
                f"{self._path} asks for {module}.{name}, and nothing but tensors is read from a pickle. Save "
                "`model.state_dict()` alone, or as .safetensors."
            )
        return _NAMES[module, name]

    def persistent_load(self, identifier: tuple) -> np.ndarray:
        tag, kind, key, _, size = identifier[:5]
        if tag != "storage" or not isinstance(kind, _Storage) or (len(identifier) > 5 and identifier[5] is not None):
            raise ValueError(f"unknown kind of storage {identifier[:1]}")
        return self._storage(key, kind.dtype, size)


def _read_archive(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        (index,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = index.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and _stored(archive, f"{folder}byteorder") != b"little":
            raise ValueError("big-endian numbers")
        storages: dict[str, np.ndarray] = {}

        def storage(key, dtype, size):
            if key not in storages:
                storages[key] = np.frombuffer(_stored(archive, f"{folder}data/{key}"), dtype)
            if storages[key].size != size:
                raise ValueError(f"storage {key} has {storages[key].size} numbers, not {size}")
            return storages[key]

        return _Unpickler(io.BytesIO(_stored(archive, index)), path, storage).load()


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member of the archive; torch compresses none, so none is larger than the file."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    return archive.read(name)


def _read_stream(path: Path) -> Any:
    content = path.read_bytes()
    file = io.BytesIO(content)
    storages: dict[str, np.ndarray] = {}

    def storage(key, dtype, size):
        if not 0 <= size * dtype.itemsize <= len(content):
            raise ValueError("a storage is larger than the file")
        return storages.setdefault(key, np.empty(size, dtype))

    def load():
        return _Unpickler(file, path, storage).load()

    if load() != _MAGIC:
        raise ValueError("no magic number")
    load(), load()  # The protocol's version and the writer's sizes of integers.
    result, keys = load(), load()
    if set(keys) != set(storages):
        raise ValueError("numbers of a storage are missing")
    for key in keys:
        values = storages[key]
        if int.from_bytes(file.read(8), "little") != values.size:
            raise ValueError(f"storage {key} has another size than its tensors say")
        values[:] = np.frombuffer(file.read(values.nbytes), values.dtype)
    return result
