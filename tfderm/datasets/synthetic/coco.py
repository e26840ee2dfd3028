"""Lesion masks as COCO annotations."""

from typing import Any

import cv2
import numpy as np


def annotations(mask: np.ndarray, image_id: int, first_id: int) -> list[dict[str, Any]]:
    """One annotation per connected lesion, ordered by its box: bbox [x, y, w, h] in pixels, uncompressed RLE."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    lesions = sorted((tuple(int(value) for value in row), label) for label, row in enumerate(stats) if label > 0)
    return [
        {
            "id": first_id + position,
            "image_id": image_id,
            "category_id": 1,
            "bbox": list(row[:4]),
            "area": row[4],
            "iscrowd": 0,
            "segmentation": {"size": list(mask.shape), "counts": run_lengths(labels == label)},
        }
        for position, (row, label) in enumerate(lesions)
    ]


def run_lengths(mask: np.ndarray) -> list[int]:
    """COCO's uncompressed RLE: lengths of runs of 0, 1, 0, 1, ... down the columns, beginning with 0s."""
    flat = mask.ravel(order="F")
    changes = np.nonzero(flat[1:] != flat[:-1])[0] + 1
    borders = [0, *changes.tolist(), flat.size]
    counts = [end - start for start, end in zip(borders, borders[1:], strict=False)]
    return [0, *counts] if flat[0] else counts
