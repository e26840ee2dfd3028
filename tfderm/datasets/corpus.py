"""The record format that every source of data is read into."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Record:
    """One photograph.

    Args:
        image: path relative to the corpus' root, the photograph's name everywhere (splits.csv, predictions.csv).
        patient_id: groups photographs that must stay in one split; None where the publisher gives none.
        lesion_id: the group where there is no patient_id.
        label: class label, or several with semicolons between; None where the task is severity.
        severity: region score (E + I + D) * A, 0..72; None where the task is classification.
        boxes: lesion boxes x, y, width, height in pixels of the upright image; None where nobody drew any,
            an empty tuple where somebody looked and found no lesion.
        image_size: height, width in pixels that `boxes` refer to; None without boxes.
        mask: path of a lesion mask relative to the root, or None.
        metadata: further columns as text, by the manifest's names (visit region age sex site ...); unknown is absent.
    """

    image: str
    patient_id: str | None = None
    lesion_id: str | None = None
    label: str | None = None
    severity: float | None = None
    boxes: tuple[Box, ...] | None = None
    image_size: tuple[int, int] | None = None
    mask: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of a photograph that may show several."""
        return tuple(part for text in (self.label or "").split(";") if (part := text.strip()))

    @property
    def group(self) -> str:
        """What a split must not divide: the patient, or the lesion where there is no patient."""
        return self.patient_id or self.lesion_id or ""


@dataclass(frozen=True)
class Corpus:
    """Photographs with their labels, as read from one source.

    Args:
        name: how reports call it.
        root: folder that `Record.image` is relative to.
        records: in the order of the source.
        synthetic: True where the images were rendered, not photographed.
        licence: terms of the images, as their publisher states them.
    """

    name: str
    root: Path
    records: tuple[Record, ...]
    synthetic: bool = False
    licence: str = "unspecified"

    def path(self, record: Record) -> Path:
        return self.root / record.image

    @property
    def fingerprint(self) -> str:
        """sha256 over all records (not over pixels): changes when a label, a group or a box does."""
        text = json.dumps([asdict(record) for record in self.records], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
