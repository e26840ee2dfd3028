"""Psoriasis plaques: where they are, and how erythema, induration and desquamation look.

- Erythema: redness relative to the surrounding skin; violaceous on dark skin.
- Induration: a raised surface, seen by light and dark rims on the sides toward and away from the light.
- Desquamation: silvery-white scales, which cover more of the plaque and shine more as the level rises.
"""

import cv2
import numpy as np

from tfderm.datasets.synthetic.anatomy import Frame
from tfderm.datasets.synthetic.noise import box_blur, fractal, smoothstep, top_fraction, uniform, value_noise
from tfderm.datasets.synthetic.skin import Planes, blend, darkness

REDNESS = (0.0, 0.36, 0.58, 0.79, 1.0)
_RELIEF = (0.0, 0.36, 0.68, 1.0, 1.35)
_SCALE_COVER = (0.0, 0.14, 0.30, 0.50, 0.74)
_SCALE_ALPHA = (0.0, 0.60, 0.70, 0.80, 0.90)
_MIN_LESION = 14.0  # square units: smaller islands would be no lesion a rater counts
_MAX_SITES = 18


def lesion_field(rng: np.random.Generator, frame: Frame, skin: np.ndarray, sites: int) -> np.ndarray:
    """Where plaques grow first: irregular hills around `sites` points on the skin, (H, W) float64."""
    y, x = frame.grid()
    rows, columns = np.nonzero(skin)
    draws = rng.random((_MAX_SITES, 4))
    hills = np.full(frame.shape, -30.0)
    for chance, size, stretch, slant in draws[:sites]:
        index = int(chance * rows.size)
        dy = y - (rows[index] + 0.5) / frame.unit
        dx = x - (columns[index] + 0.5) / frame.unit
        radius = 6.0 + 22.0 * size * size
        sheared = dx + (slant - 0.5) * dy
        distance = (sheared * sheared * (0.6 + 0.8 * stretch) + dy * dy) / (radius * radius)
        hills = np.maximum(hills, 1.0 - np.sqrt(distance))
    return hills + 0.55 * fractal(rng, frame.shape, 16 * frame.unit)


def lesion_mask(field: np.ndarray, frame: Frame, skin: np.ndarray, percent: float) -> np.ndarray:
    """The most affected `percent` of the skin, without islands and holes too small to be lesions: (H, W) bool."""
    if percent <= 0:
        return np.zeros(frame.shape, bool)
    mask = top_fraction(field, skin, percent / 100.0)
    minimum = int(_MIN_LESION * frame.unit * frame.unit)
    large = _without_small_parts(mask, minimum)
    if large.any():
        mask = large
    return skin & ~_without_small_parts(~mask, minimum)


def _without_small_parts(mask: np.ndarray, minimum: int) -> np.ndarray:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    keep = stats[:, cv2.CC_STAT_AREA] >= minimum
    keep[0] = False
    return keep[labels]


def paint_plaques(
    rng: np.random.Generator,
    frame: Frame,
    skin: Planes,
    mask: np.ndarray,
    levels: tuple[int, int, int],
    tone: float,
    light: tuple[float, float, float],
    scale: Planes,
) -> Planes:
    """Lay plaques on the skin.

    Args:
        rng: stream of the photograph.
        frame: pixel grid.
        skin: linear R, G, B reflectances.
        mask: (H, W) bool, where the plaques are.
        levels: erythema, induration, desquamation, each 0..4.
        tone: Fitzpatrick type as a real number.
        light: unit vector toward the light; x to the right, y down, z to the camera.
        scale: reflectance of the scales in this photograph, from `scale_planes`.

    Returns:
        New planes of reflectance; relief is already shaded.
    """
    erythema, induration, desquamation = levels
    unit = frame.unit
    soft = box_blur(mask, frame.pixels(0.8))
    grain = value_noise(rng, frame.shape, 2.2 * unit)
    patches = fractal(rng, frame.shape, 12 * unit, 2)
    redness = soft * (REDNESS[erythema] + uniform(rng, -0.04, 0.04)) * (1.0 + 0.12 * patches + 0.10 * grain)
    planes = redden(skin, redness, tone)
    crust = value_noise(rng, frame.shape, 3.0 * unit)
    cover = _SCALE_COVER[desquamation] * uniform(rng, 0.9, 1.1)
    scales = top_fraction(0.8 * patches + 0.7 * crust + 0.5 * grain, mask & (soft > 0.5), cover)
    if desquamation:
        flakes = box_blur(scales, frame.pixels(0.3), 1) if unit >= 2 else scales.astype(np.float64)
        shine = 1.0 + 0.18 * grain
        planes = blend(planes, [plane * shine for plane in scale], flakes * _SCALE_ALPHA[desquamation])
    thickness = box_blur(mask, frame.pixels(1.6)) * (1.0 + 0.22 * crust + 0.12 * grain)
    height = _RELIEF[induration] * 2.4 * thickness
    if desquamation:
        height = height + 0.4 * box_blur(scales, frame.pixels(0.6))
    shade = relief_shading(height, frame, light)
    return [plane * shade for plane in planes]


def redden(skin: Planes, redness: np.ndarray | float, tone: float) -> Planes:
    """Erythema of the given strength, 0..1: red on light skin, violaceous on dark skin."""
    dark = darkness(tone)
    absorption = (0.14 + 0.34 * dark, 0.72 + 0.04 * dark, 0.66 - 0.26 * dark)
    return [plane * (1.0 - share * redness) for plane, share in zip(skin, absorption, strict=True)]


def scale_planes(rng: np.random.Generator, skin: Planes, tone: float) -> Planes:
    """Colour of the scales in one photograph: from silver-white over yellowish to a grey tinged by the skin."""
    bright = uniform(rng, 0.75, 1.05) * (1.0 - 0.42 * darkness(tone))
    yellow, tinge = uniform(rng, 0.0, 0.7), uniform(rng, 0.0, 0.35)
    colour = (0.82 * bright, (0.79 - 0.07 * yellow) * bright, (0.75 - 0.27 * yellow) * bright)
    return [plane * tinge + value * (1.0 - tinge) for plane, value in zip(skin, colour, strict=True)]


def relief_shading(height: np.ndarray, frame: Frame, light: tuple[float, float, float]) -> np.ndarray:
    """Factor by which a height field (in units) brightens slopes that face the light and darkens the others."""
    slope_y, slope_x = np.zeros_like(height), np.zeros_like(height)
    slope_y[1:-1] = (height[2:] - height[:-2]) * (0.5 * frame.unit)
    slope_x[:, 1:-1] = (height[:, 2:] - height[:, :-2]) * (0.5 * frame.unit)
    lit = -(slope_x * light[0] + slope_y * light[1])
    return np.minimum(np.maximum(1.0 + 1.4 * lit, 0.2), 2.4)


def soft_patch(rng: np.random.Generator, frame: Frame, centre: tuple[float, float], radius: float) -> np.ndarray:
    """Coverage 0..1 of a smooth patch without a sharp border, (H, W): the form of a birthmark."""
    y, x = frame.grid()
    dy, dx = y - centre[0], (x - centre[1]) * uniform(rng, 0.6, 1.3)
    distance = np.sqrt(dx * dx + dy * dy) / radius
    return smoothstep(1.0 - distance + 0.45 * fractal(rng, frame.shape, 30 * frame.unit, 2), -0.1, 0.45)
