"""Anchors: the boxes that the region proposal network refines.

Torchvision's conventions: the base anchors of a level are centred on the origin and rounded to whole pixels (halves to
even), and cell (row i, column j) of a map with stride s has them centred on (j * s, i * s).
"""

from collections.abc import Sequence

import numpy as np

ASPECT_RATIOS = (0.5, 1.0, 2.0)


def base_anchors(size: float, aspect_ratios: Sequence[float] = ASPECT_RATIOS) -> np.ndarray:
    """(len(aspect_ratios), 4) float32 x1, y1, x2, y2 of area about `size`^2; a ratio is height / width."""
    root = np.sqrt(np.asarray(aspect_ratios, np.float64))
    widths, heights = size / root, size * root
    return np.round(np.stack([-widths, -heights, widths, heights], axis=1) / 2).astype(np.float32)


def level_anchors(
    map_size: tuple[int, int], stride: int, size: float, aspect_ratios: Sequence[float] = ASPECT_RATIOS
) -> np.ndarray:
    """(rows * columns * ratios, 4) float32 x1, y1, x2, y2 in pixels of the image: row by row, cell by cell."""
    y, x = np.meshgrid(np.arange(map_size[0]) * stride, np.arange(map_size[1]) * stride, indexing="ij")
    shifts = np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4)
    return (shifts + base_anchors(size, aspect_ratios)).reshape(-1, 4).astype(np.float32)


def pyramid_anchors(
    image_size: tuple[int, int],
    strides: Sequence[int],
    sizes: Sequence[float],
    aspect_ratios: Sequence[float] = ASPECT_RATIOS,
) -> list[np.ndarray]:
    """`level_anchors` of every level, whose map has ceil(height / stride) rows and ceil(width / stride) columns.

    Raises:
        ValueError: there is not one size per stride.
    """
    if len(strides) != len(sizes):
        raise ValueError(f"Every level needs an anchor size. Received: strides={strides}, sizes={sizes}")
    map_sizes = [(-(-image_size[0] // stride), -(-image_size[1] // stride)) for stride in strides]
    return [level_anchors(*level, aspect_ratios) for level in zip(map_sizes, strides, sizes, strict=True)]
