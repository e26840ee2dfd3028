"""The folder that a synthetic set is written to."""

from pathlib import Path

from tfderm.errors import InputError
from tfderm.files import write_json, write_text

_MARK = "# Synthetic "  # how the README of such a folder begins
_SMALLEST = 32


def check_arguments(folder: Path, num_patients: int, image_size: tuple[int, int], seed: int) -> None:
    """Raise `InputError` where an argument is out of range, or the folder holds something else than such a set."""
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


def describe(folder: Path, name: str, seed: int, text: str) -> None:
    """Write README.md, headed "Synthetic NAME", and dataset.json."""
    write_text(folder / "README.md", f"{_MARK}{name}\n\n{text}")
    description = {"name": f"synthetic {name.split()[0]}", "synthetic": True, "licence": "Apache-2.0", "seed": seed}
    write_json(folder / "dataset.json", description)
