"""What a classifier's answer rests on, found by covering parts of the photograph."""

from collections.abc import Mapping
from typing import Any

import numpy as np

_CELLS = 12  # Along the shorter side; as many places are covered one after another.
_COVERED = 0.25  # Of either side.
_NEGLIGIBLE = 1e-3  # A largest fall of less is rounding, or next to nothing.


def occlusion_map(model: Any, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """How much the most probable class loses where a part of the image is covered.

    A quarter of either side is covered with the image's mean colour, centred on each cell in turn, and what the
    probability falls by is the cell's value (occlusion sensitivity, Zeiler and Fergus, ECCV 2014). Unlike a
    class-activation map it does not depend on how small the network's last maps are.

    Args:
        model: classifier in use with the output `probabilities` (B, K).
        inputs: of one photograph, by name: `image` (1, height, width, 3) uint8 RGB, and others (1, ...) that stay.

    Returns:
        (h, w, 1) float32, 0..1, 12 cells on the shorter side, as a share of the largest fall; all zeros where that is
        below 0.001.
    """
    from tfderm import models

    (image,) = inputs["image"]
    height, width, _ = image.shape
    rows, columns = (round(_CELLS * side / min(height, width)) for side in (height, width))
    colour = np.rint(image.mean(axis=(0, 1))).astype(image.dtype)
    (answer,) = models.predict(model, inputs)["probabilities"]
    first, fall = int(np.argmax(answer)), np.empty((rows, columns, 1), np.float32)
    others = {name: np.repeat(value, columns, axis=0) for name, value in inputs.items() if name != "image"}
    for row in range(rows):
        covered = np.repeat(image[None], columns, axis=0)
        for column in range(columns):
            covered[column][_part(row, rows, height), _part(column, columns, width)] = colour
        fall[row, :, 0] = answer[first] - models.predict(model, {"image": covered, **others})["probabilities"][:, first]
    fall = np.maximum(fall, 0)
    return fall / fall.max() if fall.max() >= _NEGLIGIBLE else np.zeros_like(fall)


def _part(cell: int, cells: int, side: int) -> slice:
    """The pixels that a cover centred on a cell hides, of a side of the image."""
    centre, half = (cell + 0.5) * side / cells, _COVERED * side / 2
    return slice(max(0, round(centre - half)), min(side, round(centre + half)))
