"""The folder that a synthetic set is written to, and how its images are rendered side by side."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tfderm.errors import InputError
from tfderm.files import atomic_folder, write_json, write_text

_MARK = "# Synthetic "  # how the README of such a folder begins
_SMALLEST = 32


@contextlib.contextmanager
def synthetic_folder(folder: Path, num_patients: int, image_size: tuple[int, int], seed: int) -> Iterator[Path]:
    """Yield a folder with an empty `images/` that becomes `folder` if the block succeeds, replacing an older set.

    Raises:
        InputError: an argument is out of range, or `folder` holds something else than such a set.
    """
    _check(folder, num_patients, image_size, seed)
    with atomic_folder(folder) as target:
        (target / "images").mkdir()
        yield target


def render_all(render: Callable[[Any], Any], tasks: Iterable[Any]) -> list[Any]:
    """`render` of every task, in the order of the tasks."""
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        return list(pool.map(render, tasks))


def write_jpeg(path: Path, image: np.ndarray) -> None:
    """Write (height, width, 3) uint8 RGB; the bytes depend on the version of OpenCV."""
    _, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    path.write_bytes(data.tobytes())


def _check(folder: Path, num_patients: int, image_size: tuple[int, int], seed: int) -> None:
    if num_patients < 1:
        raise InputError(f"num_patients must be at least 1. Received: {num_patients}.")
    if len(image_size) != 2 or min(image_size) < _SMALLEST:
        raise InputError(f"image_size must be (height, width), each at least {_SMALLEST}. Received: {image_size}.")
    if seed < 0:
        raise InputError(f"seed must be 0 or more. Received: {seed}.")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file: expected a folder to write the synthetic set to; choose another name.")
    readme = folder / "README.md"
    ours = readme.is_file() and readme.read_text(encoding="utf-8", errors="replace").startswith(_MARK)
    if any(folder.iterdir()) and not ours:
        raise InputError(f"{folder} holds files that are no synthetic set: nothing was written; choose a new folder.")


def describe(folder: Path, name: str, kind: str, seed: int, text: str) -> None:
    """Write README.md, headed "Synthetic NAME KIND", and dataset.json."""
    write_text(folder / "README.md", f"{_MARK}{name} {kind}\n\n{text}")
    description = {"name": f"synthetic {name}", "synthetic": True, "licence": "Apache-2.0", "seed": seed}
    write_json(folder / "dataset.json", description)
