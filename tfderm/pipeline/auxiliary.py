"""Auxiliary targets: what the metadata says of a photograph, as classes that a network learns beside its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfderm.datasets.corpus import Record

_RANGES = 5
UNKNOWN = -1


@dataclass(frozen=True)
class AuxiliaryTarget:
    """One column of metadata as classes.

    Args:
        column: its name in the manifest.
        values: the classes of a column of words; empty for numbers.
        edges: where the ranges of a column of numbers divide it, ascending; a number on an edge is in the range above.
    """

    column: str
    values: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def output(self) -> str:
        """Name of the output that learns it."""
        return f"auxiliary_{self.column}"

    @property
    def num_classes(self) -> int:
        return len(self.values) or len(self.edges) + 1

    def classes(self, records: Sequence[Record]) -> np.ndarray:
        """(N,) int32, `UNKNOWN` where the column is empty, no number, or a value the training photographs lack."""
        return np.array([self._class(record.metadata.get(self.column)) for record in records], np.int32)

    def _class(self, text: str | None) -> int:
        if self.values:
            return self.values.index(text) if text in self.values else UNKNOWN
        number = number_of(text)
        return UNKNOWN if number is None else int(np.searchsorted(self.edges, number, side="right"))


def auxiliary_targets(records: Sequence[Record], columns: Sequence[str]) -> list[AuxiliaryTarget]:
    """The columns as classes: every value of a column of words, five equally filled ranges of a column of numbers.

    Args:
        records: the training photographs.
        columns: names of metadata columns.

    Returns:
        In the order of `columns`, without those in which the photographs do not differ (or that they lack).
    """
    targets = []
    for column in columns:
        known = [record.metadata[column] for record in records if column in record.metadata]
        numbers = [number_of(text) for text in known]
        if known and None not in numbers:
            inner = np.quantile(numbers, np.arange(1, _RANGES) / _RANGES)
            target = AuxiliaryTarget(column, edges=tuple(float(edge) for edge in np.unique(inner)))
        else:
            target = AuxiliaryTarget(column, values=tuple(sorted(set(known))))
        if len(set(target.classes(records)) - {UNKNOWN}) > 1:
            targets.append(target)
    return targets


def number_of(text: str | None) -> float | None:
    """The finite number that a text is; None where it is none."""
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
