"""What skin shows besides psoriasis: nevi, birthmarks, port-wine stains, sunburn, cream, body hair.

Sunburn and cream have the colours of plaques and scales, and are drawn without regard to severity; what they lack is
relief, flakes and a border.
"""

import cv2
import numpy as np

from tfderm.datasets.synthetic.anatomy import UNITS, Frame
from tfderm.datasets.synthetic.noise import box_blur, fractal, smoothstep, uniform, whole
from tfderm.datasets.synthetic.plaques import redden, soft_patch
from tfderm.datasets.synthetic.skin import Planes, absorb, blend, darkness

PORT_WINE_CHANCE = 0.6
BROWN_CHANCE = 0.35
SUNBURN_CHANCE = 0.35
CREAM_CHANCE = 0.3


def paint_marks(rng: np.random.Generator, frame: Frame, skin: Planes, tone: float) -> Planes:
    """Port-wine stains, brown patches and nevi: flat, soft-edged, the same for the same `rng`."""
    dark = darkness(tone)
    if rng.random() < PORT_WINE_CHANCE:
        amount = uniform(rng, 0.35, 0.95) * _patch(rng, frame, 15, 75)
        skin = absorb(skin, amount, (0.14 + 0.26 * dark, 0.72 - 0.06 * dark, 0.66 - 0.26 * dark))
    if rng.random() < BROWN_CHANCE:
        skin = absorb(skin, uniform(rng, 0.3, 0.8) * _patch(rng, frame, 12, 50), (0.45, 0.62, 0.75))
    return paint_nevi(rng, frame, skin, 9)


def paint_nevi(rng: np.random.Generator, frame: Frame, skin: Planes, most: int) -> Planes:
    """Up to `most` small dark moles."""
    for _ in range(whole(rng, 0, most)):
        skin = _nevus(rng, frame, skin)
    return skin


def paint_sunburn_and_cream(
    rng: np.random.Generator, frame: Frame, skin: Planes, mask: np.ndarray, tone: float, cream: Planes
) -> Planes:
    """Smooth red and smooth white areas of any extent, with the skin next to the lesions in `mask` left as it is."""
    clear = 1.0 - smoothstep(box_blur(mask, frame.pixels(4.0)), 0.0, 0.3)
    burnt = uniform(rng, 0.3, 0.9) * _sheet(rng, frame, 55, SUNBURN_CHANCE)
    smeared = uniform(rng, 0.3, 0.7) * _sheet(rng, frame, 40, CREAM_CHANCE)
    return blend(redden(skin, burnt * clear, tone), cream, smeared * clear)


def _sheet(rng: np.random.Generator, frame: Frame, feature: float, chance: float) -> np.ndarray:
    """Coverage 0..1 by soft-edged areas `feature` units large, (H, W); with 1 - chance it is nowhere."""
    threshold = uniform(rng, -0.1, 0.5) if rng.random() < chance else 2.0
    return smoothstep(fractal(rng, frame.shape, feature * frame.unit, 2), threshold, threshold + 0.25)


def _patch(rng: np.random.Generator, frame: Frame, low: float, high: float) -> np.ndarray:
    centre = uniform(rng, 20, UNITS - 20), uniform(rng, 40, frame.width - 40)
    return soft_patch(rng, frame, centre, uniform(rng, low, high))


def _nevus(rng: np.random.Generator, frame: Frame, skin: Planes) -> Planes:
    centre_y, centre_x = uniform(rng, 0, UNITS), uniform(rng, 0, frame.width)
    radius, depth = uniform(rng, 0.8, 2.6), uniform(rng, 0.5, 0.9)
    y, x = frame.grid()
    dy, dx = y - centre_y, x - centre_x
    amount = depth * smoothstep(1.5 - np.sqrt(dx * dx + dy * dy) / radius)
    return absorb(skin, amount, (0.75, 0.88, 0.92))


def paint_hair(rng: np.random.Generator, frame: Frame, skin: Planes, density: float) -> Planes:
    """Strands of body hair, roughly in one direction; density 0..1."""
    strands = np.zeros(frame.shape, np.uint8)
    lean = uniform(rng, -1, 1)
    for start_y, start_x, length, bend in rng.random((int(140 * density), 4)):
        x, y = start_x * frame.width, start_y * UNITS
        reach = 4.0 + 10.0 * length
        points = [(x + reach * t * (lean + (bend - 0.5) * 2.0 * t), y + reach * t) for t in (0.0, 0.25, 0.5, 0.75, 1.0)]
        corners = np.array([[int(px * frame.unit), int(py * frame.unit)] for px, py in points], np.int32)
        cv2.polylines(strands, [corners], False, 1, frame.pixels(0.5), cv2.LINE_8)
    amount = strands * uniform(rng, 0.45, 0.8)
    return [plane * (1.0 - amount) for plane in skin]
