"""A corpus as arrays in one .npz, for training where images cannot be decoded."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfderm.clinical.pasi import COMPONENT_LIMITS
from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.selection import component_grades, true_values
from tfderm.files import atomic_path
from tfderm.pipeline.images import image_batches
from tfderm.pipeline.input_pipeline import scaled_boxes
from tfderm.recipe import Recipe


def write_arrays(corpus: Corpus, records: Sequence[Record], recipe: Recipe, path: Path | str) -> None:
    """Write what `recipe` trains on; images are streamed, so a set may be larger than memory.

    Args:
        corpus: where the images lie.
        records: those that `tfderm.datasets.select` left in.
        recipe: gives image size and labels.
        path: an uncompressed .npz with, for N records of (H, W) pixels and M boxes,
            images (N, H, W, 3) uint8 RGB; image (N,) names; group (N,) names;
            label (N,) int64, index into labels (K,), or of several labels (N, K) int64, 1 for those shown, or severity
            (N,) float32, 0..72, or for detection neither;
            where the recipe's model predicts components erythema, induration, desquamation (N,) float32, 0..4, and
            area, 0..6, NaN where nobody graded them;
            boxes (M, 4) float32 x, y, width, height in pixels of the resized image; box_record (M,) int64, the record
            a box belongs to; marked (N,) bool, whether anybody looked for lesions; synthetic () bool; licence ().
    """
    height, width = recipe.image_size
    arrays = {
        "image": np.array([record.image for record in records]),
        "group": np.array([record.group for record in records]),
        "marked": np.array([record.boxes is not None for record in records]),
        "synthetic": np.array(corpus.synthetic),
        "licence": np.array(corpus.licence),
        **_boxes(records, recipe.image_size),
    }
    if recipe.task == "severity":
        arrays["severity"] = true_values(records, recipe).astype(np.float32)
        if recipe.model_options.get("components"):
            arrays |= {name: component_grades(records, name).astype(np.float32) for name in COMPONENT_LIMITS}
    elif recipe.classes:
        arrays["labels"] = np.array(recipe.labels)
        arrays["label"] = true_values(records, recipe)
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
        with archive.open("images.npy", "w", force_zip64=True) as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(records), height, width, 3)}
            np.lib.format.write_array_header_1_0(file, header)
            for batch in image_batches(corpus, records, recipe.image):
                file.write(np.ascontiguousarray(batch).tobytes())


def _boxes(records: Sequence[Record], image_size: tuple[int, int]) -> dict[str, np.ndarray]:
    boxes = [scaled_boxes(record, image_size)[1] for record in records]
    owners = np.repeat(np.arange(len(records)), [len(own) for own in boxes])
    return {"boxes": np.concatenate(boxes).astype(np.float32), "box_record": owners}
