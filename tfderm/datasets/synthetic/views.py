"""A part of a body at close range: a window of a larger picture of its region, laid so that a given place is skin."""

from dataclasses import dataclass

import numpy as np

from tfderm.datasets.synthetic.anatomy import Body, Frame, make_body
from tfderm.datasets.synthetic.noise import box_blur

_ENOUGH_SKIN = 0.9  # of the square that a lesion lies in


@dataclass(frozen=True)
class Site:
    """Where a lesion is painted.

    Args:
        frame: pixel grid.
        skin: (H, W) bool, visible skin.
        tone: Fitzpatrick type as a real number.
        toward: unit vector to the light; x to the right, y down, z to the camera.
    """

    frame: Frame
    skin: np.ndarray
    tone: float
    toward: tuple[float, float, float]


def view(
    rng: np.random.Generator, region: str, frame: Frame, zoom: float, place: tuple[float, float], reach: float
) -> Body:
    """What a camera sees that comes `zoom` times closer than for the whole region.

    Args:
        rng: decides the body, and which of its fitting spots lies at `place`.
        region: one of the PASI's regions.
        frame: pixel grid of the picture.
        zoom: at least 1.
        place: y, x in pixels of the picture that should be skin.
        reach: half the side, in pixels, of the square around `place` that should be skin.
    """
    height, width = frame.shape
    canvas = make_body(rng, region, Frame((int(height * zoom), int(width * zoom))))
    share = box_blur(canvas.skin, max(1, int(reach)), 1)
    down, right = int(place[0]), int(place[1])
    # Of the canvas, only what leaves the window inside it.
    share = share[down : down + canvas.skin.shape[0] - height + 1, right : right + canvas.skin.shape[1] - width + 1]
    tops, lefts = np.nonzero(share >= min(_ENOUGH_SKIN, float(share.max())))
    chosen = int(float(rng.random()) * tops.size)
    window = slice(tops[chosen], tops[chosen] + height), slice(lefts[chosen], lefts[chosen] + width)
    x, y, z = (component[window] for component in canvas.normal)
    return Body(canvas.inside[window], canvas.skin[window], canvas.scalp[window], (x, y, z))
