"""Ground-truth location maps from lesion boxes (paper 1, equation 4)."""

from collections.abc import Sequence

import numpy as np


def location_maps(
    boxes: Sequence[Sequence[float]], image_size: tuple[int, int], strides: Sequence[int] = (8, 16, 32, 64, 128)
) -> list[np.ndarray]:
    """One map per stride: 1 at the cell of a box's centre, falling off inside the box, 0 outside all boxes.

    With p the centre of a box in pixels and S the stride, p' = floor(p / S); a cell (row i, column j) whose centre
    lies in the box gets exp(-(|p'_x - j| + |p'_y - i|) / sigma^2), sigma = diagonal / (6 S). Where boxes overlap the
    larger value counts.

    Args:
        boxes: (n, 4) x, y, width, height in pixels; n may be 0.
        image_size: height, width in pixels.
        strides: input pixels per cell.

    Returns:
        float32 arrays (ceil(height / stride), ceil(width / stride)) in 0..1.

    Raises:
        ValueError: a box has no extent.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    if np.any(boxes[:, 2:] <= 0):
        raise ValueError(f"A box needs positive width and height. Received: boxes={boxes.tolist()}")
    height, width = image_size
    maps = []
    for stride in strides:
        rows, columns = np.arange(-(-height // stride)), np.arange(-(-width // stride))
        target = np.zeros((len(rows), len(columns)), np.float32)
        for x, y, box_width, box_height in boxes:
            row = min(max(int((y + box_height / 2) // stride), 0), len(rows) - 1)
            column = min(max(int((x + box_width / 2) // stride), 0), len(columns) - 1)
            sigma = np.hypot(box_width, box_height) / stride / 6
            distance = np.abs(rows - row)[:, None] + np.abs(columns - column)[None, :]
            inside_rows = ((rows + 0.5) * stride >= y) & ((rows + 0.5) * stride < y + box_height)
            inside_columns = ((columns + 0.5) * stride >= x) & ((columns + 0.5) * stride < x + box_width)
            gaussian = np.where(inside_rows[:, None] & inside_columns[None, :], np.exp(-distance / sigma**2), 0)
            gaussian[row, column] = 1
            np.maximum(target, gaussian, out=target, casting="same_kind")
        maps.append(target)
    return maps
