"""Cloth and the backgrounds a photograph is taken against."""

import math

import numpy as np

from tfderm.datasets.synthetic.anatomy import Frame
from tfderm.datasets.synthetic.noise import direction, fractal, pick, smoothstep, uniform, value_noise
from tfderm.datasets.synthetic.plaques import redden
from tfderm.datasets.synthetic.skin import Planes, blend, reflectance

_COLOURS = (
    (150, 30, 38), (190, 92, 86), (120, 52, 50), (214, 140, 128),  # reddish: what a colour histogram takes for plaques
    (52, 78, 120), (70, 110, 92), (205, 205, 200), (120, 122, 126), (42, 44, 50), (168, 140, 104), (225, 215, 200),
)  # fmt: skip
_WEIGHTS = (1.2, 1.2, 1.0, 1.4, 1.5, 1.2, 1.2, 1.0, 0.8, 1.0, 1.0)
_LESION_COLOURED = 0.3
_PATTERNED = 0.25
_SOFT_EDGE = 0.12  # of the period: printed cloth has no sharp flakes


def cloth_planes(rng: np.random.Generator, frame: Frame, skin: Planes, scale: Planes, tone: float) -> Planes:
    """Cloth or another surface with folds, often with dots or stripes; some of it in the colours of the lesions.

    Args:
        rng: stream of the photograph.
        frame: pixel grid.
        skin: bare skin of the photograph.
        scale: colour of its scales.
        tone: Fitzpatrick type as a real number.

    Returns:
        Linear R, G, B reflectances.
    """
    folds = 1.0 + 0.35 * fractal(rng, frame.shape, 45 * frame.unit)
    folds = folds + 0.10 * value_noise(rng, frame.shape, 1.5 * frame.unit)
    colour = reflectance(_COLOURS[pick(rng, _WEIGHTS)])
    planes = [np.full(frame.shape, value) for value in colour]
    if rng.random() < _LESION_COLOURED:
        planes = redden(skin, uniform(rng, 0.0, 1.1), tone)
    if rng.random() < _PATTERNED:
        planes = blend(planes, scale, _pattern(rng, frame, uniform(rng, 0.1, 0.7)))
    return [plane * np.maximum(folds, 0.2) for plane in planes]


def _pattern(rng: np.random.Generator, frame: Frame, share: float) -> np.ndarray:
    """Soft-edged stripes or round dots in rows that cover about `share` of the cloth: (H, W), 0..1."""
    y, x = frame.grid()
    cos, sin = direction(rng)
    period = uniform(rng, 14, 30)
    along = _from_middle((x * cos + y * sin) / period)
    if rng.random() < 0.5:
        distance, reach = np.abs(along), 0.5 * share
    else:
        across = _from_middle((y * cos - x * sin) / period)
        distance, reach = np.sqrt(across * across + along * along), math.sqrt(share / 3.14159)
    return 1.0 - smoothstep(distance, reach - _SOFT_EDGE, reach + _SOFT_EDGE)


def _from_middle(position: np.ndarray) -> np.ndarray:
    """Distance to the middle of the period that a position lies in, -0.5..0.5."""
    return position - np.floor(position) - 0.5
