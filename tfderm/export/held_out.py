"""The images of a run that export needs: held-out ones to judge by, training ones to calibrate by."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.selection import true_values
from tfderm.errors import InputError
from tfderm.export.parity import HeldOut, Inputs, one_by_one
from tfderm.pipeline.metadata import encoded
from tfderm.run import Run


@dataclass(frozen=True)
class RunImages:
    """A run's corpus, opened again, and its records by split."""

    run: Run
    corpus: Corpus
    records: tuple[Record, ...]

    @classmethod
    def open(cls, run: Run, source: str | Path | None = None) -> "RunImages":
        """Load the data the run was trained on, or `source` in its place.

        Raises:
            InputError: the source is absent or unreadable.
        """
        from tfderm import datasets

        corpus = datasets.load(source or run.environment["data"]["source"])
        return cls(run, corpus, tuple(datasets.select(corpus, run.recipe).records))

    def held_out(self, split: str = "test", limit: int | None = None) -> HeldOut:
        """Images of `split`, at most `limit`, spread evenly; one that the run never saw counts as of the test split.

        Raises:
            InputError: there is none.
        """
        from tfderm.pipeline import ImageStore

        chosen = self.of_split(split)
        if not chosen:
            raise InputError(f"{self.corpus.name} has no image of the split {split!r} of {self.run.path}.")
        if limit is not None:
            chosen = _spread(chosen, limit)
        target = self.run.contract.image
        metadata = encoded(chosen, self.run.contract.metadata)
        images = ImageStore(self.corpus, chosen, target)  # Read several times: once per attempt at quantisation.
        step = _batch_size(target.image_size)
        rows = [slice(start, min(start + step, len(chosen))) for start in range(0, len(chosen), step)]
        return HeldOut(
            batches=lambda: (
                {
                    "image": np.stack([images[i] for i in range(part.start, part.stop)]),
                    **{name: values[part] for name, values in metadata.items()},
                }
                for part in rows
            ),
            y_true=true_values(chosen, self.run.recipe),
            groups=tuple(record.group or record.image for record in chosen),
            lesions=np.array(
                [bool(record.boxes) if record.boxes is not None else bool(record.severity) for record in chosen]
            ),
            split=split,
            synthetic=self.corpus.synthetic,
        )

    def of_split(self, split: str) -> list[Record]:
        """The records that `held_out` takes, in its order."""
        return [record for record in self.records if self.run.splits.get(record.image, "test") == split]

    def calibration(self, limit: int) -> dict[str, Inputs]:
        """Up to `limit` images of the training split, spread evenly over it, with what is known beside them.

        Returns:
            Name of the image -> inputs of the model by name, `image` (H, W, 3) uint8.
        """
        from tfderm.pipeline import input_batches

        training = [record for record in self.records if self.run.splits.get(record.image) == "train"]
        chosen = _spread(training, limit)
        batches = input_batches(self.corpus, chosen, self.run.contract)
        samples = (one for inputs in batches for one in one_by_one(inputs))
        return {record.image: inputs for record, inputs in zip(chosen, samples, strict=True)}


def _spread(records: list[Record], limit: int) -> list[Record]:
    """Up to `limit` records at equal distances."""
    positions = np.unique(np.linspace(0, len(records) - 1, min(limit, len(records))).round().astype(int))
    return [records[position] for position in positions] if records else []


def _batch_size(image_size: tuple[int, int]) -> int:
    """Small enough that one pass of a large network stays within a gigabyte or so."""
    return int(np.clip(1_000_000 // (image_size[0] * image_size[1]), 1, 32))
