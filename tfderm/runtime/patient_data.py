"""From what is known of a patient to the numbers a model eats: one encoding for training, phone and page."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tfderm.contract import METADATA_INPUTS, MetadataColumn
from tfderm.errors import InputError

_UNKNOWN = ("", "unknown", "unk", "nan", "none")


def encode(known: Mapping[str, str | float], columns: Sequence[MetadataColumn]) -> dict[str, np.ndarray]:
    """The metadata inputs of a model, for one image.

    A column that is absent, empty or "unknown" is not known. Nor is a word or a number that training did not see:
    nobody can tell what the model would make of it (`unseen` names them).

    Args:
        known: column -> what is known; columns that the model does not read are ignored.
        columns: of the contract.

    Returns:
        `metadata` and `metadata_known`, (number of columns,) float32 each; empty for a model of images alone.

    Raises:
        InputError: a column of numbers has something else.
    """
    if not columns:
        return {}
    found = [_position(known.get(column.name), column) for column in columns]
    values = np.array([0.0 if value is None else value for value in found], np.float32)
    mask = np.array([value is not None for value in found], np.float32)
    return dict(zip(METADATA_INPUTS, (values, mask), strict=True))


def unseen(known: Mapping[str, str | float], columns: Sequence[MetadataColumn]) -> list[str]:
    """For people: what is known but counts as unknown, because training saw nothing like it."""
    words = []
    for column in columns:
        given = known.get(column.name)
        if _is_known(given) and _position(given, column) is None:
            words.append(f"{column.name} {given} counts as unknown: training saw {column.seen}")
    return words


def _is_known(given: str | float | None) -> bool:
    return given is not None and str(given).strip().lower() not in _UNKNOWN


def _position(given: str | float | None, column: MetadataColumn) -> float | None:
    """The number that the input `metadata` takes; None for unknown."""
    if not _is_known(given):
        return None
    if column.values:
        words = [value.lower() for value in column.values]
        word = str(given).strip().lower()
        return float(words.index(word)) if word in words else None
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{column.name} must be a number. Received: {given}")
    low, high = column.range
    return number if low <= number <= high else None
