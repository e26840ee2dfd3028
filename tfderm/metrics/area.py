"""Where an area of interest lies in its image."""

import numpy as np
from numpy.typing import ArrayLike


def area_corners(transforms: ArrayLike) -> np.ndarray:
    """Corners of areas of interest, as `tfderm.layers.affine_grid` understands a transform.

    Args:
        transforms: (..., 2, 3), from the area's coordinates to the image's, both from -1 to 1.

    Returns:
        (..., 2, 4) float64, x and y of the corners in the order in which an outline is drawn: -1 to 1 over the image.
    """
    return np.asarray(transforms, np.float64) @ np.array([[-1, 1, 1, -1], [-1, -1, 1, 1], [1, 1, 1, 1]], np.float64)
