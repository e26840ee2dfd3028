"""Decoded, resized images of a corpus: one reader for training, evaluation, calibration and verification."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil

from tfderm.contract import ImageInput, ModelContract
from tfderm.datasets.corpus import Corpus, Record
from tfderm.pipeline.metadata import encoded
from tfderm.runtime import preprocess

_THREADS = 4
_MEMORY_SHARE = 0.25


class ImageStore:
    """Images by position, decoded once and kept while all of them fit in a quarter of the free memory.

    Args:
        corpus: where the files lie.
        records: photographs in order.
        target: the model's input.
    """

    def __init__(self, corpus: Corpus, records: Sequence[Record], target: ImageInput):
        self._corpus = corpus
        self._records = records
        self._target = target
        shape = (len(records), *target.image_size, 3)
        fits = np.prod(shape, dtype=np.int64) < _MEMORY_SHARE * psutil.virtual_memory().available
        self._images = np.empty(shape, np.uint8) if fits else None
        self._present = np.zeros(len(records), bool)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> np.ndarray:
        """(height, width, 3) uint8 RGB. Raises `InputError` naming a file that cannot be read."""
        if self._present[index]:
            return self._images[index]
        record = self._records[index]
        image = preprocess.load(self._corpus.path(record), self._target, name=record.image)
        if self._images is not None:
            self._images[index] = image
            self._present[index] = True
        return image


def image_batches(
    corpus: Corpus, records: Sequence[Record], target: ImageInput, batch_size: int = 16
) -> Iterator[np.ndarray]:
    """Yield (b, height, width, 3) uint8 RGB in the order of `records`, b = `batch_size` but for the last."""
    with ThreadPoolExecutor(_THREADS) as pool:

        def read(record: Record) -> np.ndarray:
            return preprocess.load(corpus.path(record), target, name=record.image)

        for start in range(0, len(records), batch_size):
            yield np.stack(list(pool.map(read, records[start : start + batch_size])))


def input_batches(
    corpus: Corpus,
    records: Sequence[Record],
    contract: ModelContract,
    batch_size: int = 16,
    withheld: np.ndarray | None = None,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield the inputs of a model by name, in the order of `records`: the images, and what is known beside them.

    Args:
        corpus: where the files lie.
        records: photographs.
        contract: of the model.
        batch_size: of all but the last.
        withheld: (N, number of columns) bool, metadata that the model shall do without; None for none.
    """
    metadata = encoded(records, contract.metadata)
    if metadata and withheld is not None:
        metadata["metadata_known"] = metadata["metadata_known"] * ~withheld
    for index, images in enumerate(image_batches(corpus, records, contract.image, batch_size)):
        rows = slice(index * batch_size, index * batch_size + len(images))
        yield {contract.image.name: images, **{name: values[rows] for name, values in metadata.items()}}


def load_images(corpus: Corpus, records: Sequence[Record], target: ImageInput) -> np.ndarray:
    """All images at once: (n, height, width, 3) uint8 RGB."""
    if not records:
        return np.empty((0, *target.image_size, 3), np.uint8)
    return np.concatenate(list(image_batches(corpus, records, target)))
