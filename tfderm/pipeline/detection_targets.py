"""Lesion boxes as targets of fixed shape: what the detector's losses are computed from."""

from collections.abc import Sequence

import numpy as np


def padded_boxes(boxes: Sequence[np.ndarray], max_boxes: int) -> tuple[np.ndarray, np.ndarray]:
    """Stack the boxes of B images, padded to the same number.

    Args:
        boxes: per image (n, 4) x, y, width, height in pixels; n may be 0.
        max_boxes: M, at least the largest n.

    Returns:
        (B, M, 4) float32, and (B, M) float32, 1 for a box and 0 for padding.

    Raises:
        ValueError: an image has more than `max_boxes` boxes.
    """
    most = max((len(own) for own in boxes), default=0)
    if most > max_boxes:
        raise ValueError(f"`max_boxes` must be at least the number of boxes of an image, {most}. Received: {max_boxes}")
    padded = np.zeros((len(boxes), max_boxes, 4), np.float32)
    valid = np.zeros((len(boxes), max_boxes), np.float32)
    for index, own in enumerate(boxes):
        padded[index, : len(own)] = own
        valid[index, : len(own)] = 1
    return padded, valid
