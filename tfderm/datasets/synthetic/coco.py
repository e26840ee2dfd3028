"""Lesion masks as COCO annotations."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tfderm.files import write_json


def write_lesions(
    path: Path,
    subject: str,
    image_size: tuple[int, int],
    found: Sequence[tuple[str, list[dict[str, Any]]]],
    category: str = "lesion",
) -> None:
    """Write (file name, annotations) of each image as one COCO file; ids run from 1.

    Args:
        path: the file.
        subject: what the photographs show, for its description.
        image_size: height, width of every image.
        found: image names and their annotations, as the functions below give them.
        category: name of the only category.
    """
    images, lesions = [], []
    for image_id, (name, items) in enumerate(found, start=1):
        images.append({"id": image_id, "file_name": name, "height": image_size[0], "width": image_size[1]})
        lesions += [{"id": len(lesions) + 1 + n, "image_id": image_id, **item} for n, item in enumerate(items)]
    info = {"description": f"Synthetic {subject} photographs rendered by tfderm", "synthetic": True}
    categories = [{"id": 1, "name": category}]
    write_json(path, {"info": info, "images": images, "annotations": lesions, "categories": categories})


def annotations(mask: np.ndarray) -> list[dict[str, Any]]:
    """One annotation per connected lesion, ordered by its box: bbox [x, y, w, h] in pixels, uncompressed RLE."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    lesions = sorted((tuple(int(value) for value in row), label) for label, row in enumerate(stats) if label > 0)
    return [_annotation(labels == label, list(row[:4])) for row, label in lesions]


def cluster_annotation(mask: np.ndarray) -> list[dict[str, Any]]:
    """All lesions as one annotation, whose box holds them all; none where the mask is empty."""
    return [_annotation(mask, list(cv2.boundingRect(mask.astype(np.uint8))))] if mask.any() else []


def _annotation(mask: np.ndarray, box: list[int]) -> dict[str, Any]:
    return {
        "category_id": 1,
        "bbox": box,
        "area": int(mask.sum()),
        "iscrowd": 0,
        "segmentation": {"size": list(mask.shape), "counts": run_lengths(mask)},
    }


def run_lengths(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed RLE: lengths of runs of 0, 1, 0, 1, ... down the columns, beginning with 0s."""
    flat = mask.ravel(order="F")
    changes = np.nonzero(flat[1:] != flat[:-1])[0] + 1
    borders = [0, *changes.tolist(), flat.size]
    counts = [end - start for start, end in zip(borders, borders[1:], strict=False)]
    return [0, *counts] if flat[0] else counts
