"""Patient data as inputs: which columns there are, what training saw of them, and which give the class away."""

from collections.abc import Sequence

import numpy as np

from tfderm.contract import METADATA_INPUTS, MetadataColumn
from tfderm.datasets import lab_results
from tfderm.datasets.corpus import Record
from tfderm.errors import InputError
from tfderm.pipeline.auxiliary import number_of
from tfderm.runtime.patient_data import encode


def metadata_columns(records: Sequence[Record], names: Sequence[str]) -> tuple[MetadataColumn, ...]:
    """How the columns are encoded: a column of numbers by its mean and deviation, any other by its words.

    Args:
        records: the training photographs.
        names: columns of the metadata.

    Raises:
        InputError: no training photograph has the column, or all have the same in it.
    """
    return tuple(_column(records, name) for name in names)


def _column(records: Sequence[Record], name: str) -> MetadataColumn:
    known = [record.metadata[name] for record in records if name in record.metadata]
    if len(set(known)) < 2:
        there = sorted({column for record in records for column in record.metadata})
        seen = f"all have {known[0]!r}" if known else "none has it"
        raise InputError(
            f"`metadata` {name}: the training photographs do not differ in it ({seen}). "
            f"The data has: {', '.join(there) or 'no further column'}."
        )
    numbers = [number_of(text) for text in known]
    if None in numbers:
        return MetadataColumn(name, values=tuple(sorted(set(known))))
    return MetadataColumn(
        name,
        mean=float(np.mean(numbers)),
        std=float(np.std(numbers)),
        range=(float(min(numbers)), float(max(numbers))),
        unit="years" if name == "age" else lab_results.units().get(name, ""),
    )


def encoded(records: Sequence[Record], columns: Sequence[MetadataColumn]) -> dict[str, np.ndarray]:
    """The metadata inputs of records, (N, number of columns) float32 each; empty for a model of images alone.

    Raises:
        InputError: names the image that has no number in a column of numbers.
    """
    if not columns:
        return {}
    rows = []
    for record in records:
        try:
            rows.append(encode(record.metadata, columns))
        except InputError as error:
            raise InputError(f"{record.image}: {error}") from None
    return {
        name: np.array([row[name] for row in rows], np.float32).reshape(len(rows), len(columns))
        for name in METADATA_INPUTS
    }
