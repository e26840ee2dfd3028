"""Columns that tell the class: those that say how it was found, and those that are empty for some classes alone."""

from collections.abc import Sequence

import numpy as np

from tfderm.datasets.corpus import Record
from tfderm.errors import InputError

AFTER_THE_DIAGNOSIS = (
    *("dx_type", "diagnosis_confirm_type", "histopathology", "biopsed", "biopsied", "concomitant_biopsy"),
    *("dx", "diagnosis", "diagnostic", "label", "benign_malignant", "melanocytic", "mel_class", "mel_type"),
    *("mel_thick_mm", "mel_ulcer", "mel_mitotic_index", "nevus_type", "skin_cancer", "malignant"),
    *(f"diagnosis_{level}" for level in range(1, 6)),
)
"""Columns of HAM10000, PAD-UFES-20 and the ISIC archive that nobody has before the diagnosis."""

_ASSOCIATION = 0.2  # Cramér's V; between what is usually called a weak and a moderate one.
_CHANCE = 0.001
_PERMUTATIONS = 10_000


def telling_columns(records: Sequence[Record], seed: int = 0) -> dict[str, str]:
    """Which columns of the metadata must not be inputs of a network that tells the class, and why.

    A column leaks by missingness where, over one photograph of each patient or lesion, being empty and the label are
    associated by a Cramér's V of at least 0.2 and at most one in a thousand random orders of the labels gives as much.
    So are sex and skin type in PAD-UFES-20, which were asked for where a biopsy was taken alone.

    Args:
        records: photographs; those without a label do not count.
        seed: of the random orders.

    Returns:
        Column -> reason for people, in the order of the alphabet.
    """
    of_group = {record.group or record.image: record for record in records if record.label is not None}
    labels, classes = np.unique([record.label for record in of_group.values()], return_inverse=True)
    rng = np.random.default_rng(seed)
    reasons = {}
    for column in sorted({column for record in records for column in record.metadata}):
        if column in AFTER_THE_DIAGNOSIS:
            reasons[column] = "known only with the diagnosis"
            continue
        empty = np.array([column not in record.metadata for record in of_group.values()], bool)
        counts, shown = np.bincount(classes, minlength=len(labels)), classes[empty]
        found = np.bincount(shown, minlength=len(labels))
        association = cramers_v(found, counts)
        if association < _ASSOCIATION:
            continue
        by_chance = cramers_v(rng.multivariate_hypergeometric(counts, len(shown), size=_PERMUTATIONS), counts)
        if np.mean(by_chance >= association) <= _CHANCE:
            shares = ", ".join(f"{label} {share:.0%}" for label, share in zip(labels, found / counts, strict=True))
            reasons[column] = f"missingness leaks: empty for {shares}"
    return reasons


def cramers_v(some: np.ndarray, all_counts: np.ndarray) -> np.ndarray:
    """Association (...) of belonging to a part of a population and being of a class, 0 to 1.

    Args:
        some: (..., number of classes) of that part.
        all_counts: (number of classes,) of the population.
    """
    total, part = all_counts.sum(), some.sum(axis=-1, keepdims=True)
    expected = part * all_counts / max(total, 1)
    rest = expected * (total - part) / np.maximum(part, 1)
    squares = np.square(some - expected)
    terms = np.divide(squares, expected, out=np.zeros_like(squares), where=expected > 0)
    terms += np.divide(squares, rest, out=np.zeros_like(squares), where=rest > 0)
    return np.sqrt(terms.sum(axis=-1) / max(total, 1))


def refuse_telling(records: Sequence[Record], columns: Sequence[str]) -> None:
    """Raise `InputError` where one of `columns`, to be read by a network, tells the class (`telling_columns`)."""
    if not columns:
        return
    if found := {name: reason for name, reason in telling_columns(records).items() if name in columns}:
        name, reason = next(iter(found.items()))
        raise InputError(
            f"`metadata` {name} must not be an input: {reason}. A network would learn how photographs were collected; "
            f"take {', '.join(found)} out of `metadata`."
        )
