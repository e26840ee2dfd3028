"""Structures that dermoscopy names, drawn on a lesion: each a coverage 0..1 of the image and a colour.

The vocabulary is that of the third consensus conference (Kittler et al., J Am Acad Dermatol 74, 2016, 1093-1106); the
shapes are caricatures, varied in size, regularity and contrast, and agree with no diagnosis. Lengths are in units of
1/200 of the image's height.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from tfderm.datasets.synthetic.anatomy import UNITS, Frame
from tfderm.datasets.synthetic.noise import fractal, smoothstep, uniform, whole

Drawing = Callable[[np.random.Generator, "Lesion"], np.ndarray]
_OVERSAMPLING = 2  # of the cells of a network, whose lines are thinner than a pixel
_SUBPIXEL_BITS = 3


@dataclass(frozen=True)
class Lesion:
    """Where a lesion lies.

    Args:
        frame: pixel grid.
        mask: (H, W) float64, 0 on skin to 1 in the lesion.
        interior: (H, W) float64, the same without the border.
        depth: (H, W) float64, 0 in the middle, 1 on the outline.
        along, across: (H, W) float64, position along the two axes, about -1..1 in the lesion.
        scalars: what is known of its shape, by name.
    """

    frame: Frame
    mask: np.ndarray
    interior: np.ndarray
    depth: np.ndarray
    along: np.ndarray
    across: np.ndarray
    scalars: dict[str, float]


def make_lesion(rng: np.random.Generator, frame: Frame) -> Lesion:
    """An ellipse with a wavy, more or less sharp outline somewhere about the middle of the image."""
    y, x = frame.grid()
    radius, elongation = uniform(rng, 25, 95), uniform(rng, 1.0, 1.9)
    waviness, border = uniform(rng, 0.0, 0.3), log_uniform(rng, 0.03, 0.8)
    angle = uniform(rng, 0, math.pi)
    dy = y - UNITS / 2 - uniform(rng, -30, 30)
    dx = x - frame.width / 2 - uniform(rng, -30, 30)
    stretch = math.sqrt(elongation)
    along = (math.cos(angle) * dx + math.sin(angle) * dy) / (stretch * radius)
    across = (math.cos(angle) * dy - math.sin(angle) * dx) * stretch / radius
    depth, bearing = np.hypot(along, across), np.arctan2(across, along)
    for waves in range(2, 9):
        height = waviness * uniform(rng, -1, 1) / math.sqrt(waves)
        depth = depth * (1 + height * np.cos(waves * bearing + uniform(rng, 0, 2 * math.pi)))
    depth = depth + 0.35 * waviness * field(rng, frame, uniform(rng, 8, 25))
    mask = 1 - smoothstep(depth, 1 - border, 1 + border)
    scalars = {"extent": float(mask.mean()), "border": border, "waviness": waviness, "elongation": elongation}
    return Lesion(frame, mask, 1 - smoothstep(depth, 0.9 - border, 1.0), depth, along, across, scalars)


def field(rng: np.random.Generator, frame: Frame, feature: float, octaves: int = 1) -> np.ndarray:
    """Smooth noise of standard deviation 1 and the given feature size: (H, W) float64."""
    values = fractal(rng, frame.shape, feature * frame.unit, octaves)
    return values / values.std()


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(uniform(rng, math.log(low), math.log(high)))


def scattered_dots(
    rng: np.random.Generator, frame: Frame, spacing: float, jitter: float, radius: float, edge: float, kept: float
) -> np.ndarray:
    """Round dots on a turned, disturbed lattice, of which the share `kept` is drawn: coverage (H, W)."""
    seeds = _lattice(rng, frame, spacing, jitter, 1, kept)
    if seeds.all():
        return np.zeros(frame.shape)
    distance = cv2.distanceTransform(seeds, cv2.DIST_L2, 5) / frame.unit
    radii = radius * (1 + 0.35 * field(rng, frame, 12))
    return 1 - smoothstep(distance, radii - edge, radii + edge)


def curves(rng: np.random.Generator, frame: Frame, count: int, length: float, width: float, bend: float) -> np.ndarray:
    """Bent lines in all directions: coverage (H, W)."""
    canvas = np.zeros(frame.shape, np.uint8)
    steps = np.linspace(0, 1, 8)
    for _ in range(count):
        start = uniform(rng, 0, 2 * math.pi)
        end = start + bend * uniform(rng, -1, 1)
        reach = length * uniform(rng, 0.6, 1.4)
        x = uniform(rng, 0, frame.width) + reach * steps * (math.cos(start) * (1 - steps) + math.cos(end) * steps)
        y = uniform(rng, 0, UNITS) + reach * steps * (math.sin(start) * (1 - steps) + math.sin(end) * steps)
        _line(canvas, frame, x, y, width * uniform(rng, 0.7, 1.3))
    return canvas / 255.0


def _line(canvas: np.ndarray, frame: Frame, x: np.ndarray, y: np.ndarray, width: float) -> None:
    points = (np.stack([x, y], axis=1) * frame.unit * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.polylines(canvas, [points], False, 255, frame.pixels(width), cv2.LINE_AA, _SUBPIXEL_BITS)


def _lattice(
    rng: np.random.Generator, frame: Frame, spacing: float, jitter: float, oversampling: int, kept: float
) -> np.ndarray:
    """0 at the points of a staggered lattice, 255 elsewhere: (H, W) uint8, times the oversampling."""
    reach = math.hypot(UNITS, frame.width) / 2
    steps = np.arange(-math.ceil(reach / spacing), math.ceil(reach / spacing) + 1)
    rows, columns = np.meshgrid(steps, steps, indexing="ij")
    y = (rows + jitter * (rng.random(rows.shape) - 0.5)) * spacing
    x = (columns + 0.5 * (rows % 2) + jitter * (rng.random(rows.shape) - 0.5)) * spacing
    angle = uniform(rng, 0, math.pi)
    scale = frame.unit * oversampling
    height, width = (side * oversampling for side in frame.shape)
    down = ((math.cos(angle) * y - math.sin(angle) * x + UNITS / 2) * scale).astype(int)
    right = ((math.sin(angle) * y + math.cos(angle) * x + frame.width / 2) * scale).astype(int)
    drawn = (down >= 0) & (down < height) & (right >= 0) & (right < width) & (rng.random(rows.shape) < kept)
    seeds = np.full((height, width), 255, np.uint8)
    seeds[down[drawn], right[drawn]] = 0
    return seeds


def _somewhere(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    """A part of the lesion, or all of it, where a structure shows: coverage (H, W)."""
    chance = rng.random()
    if chance < 0.3:
        threshold = uniform(rng, -0.6, 0.6)
        return lesion.interior * smoothstep(field(rng, lesion.frame, uniform(rng, 30, 90)), threshold, threshold + 0.4)
    if chance < 0.6:
        angle, threshold = uniform(rng, 0, 2 * math.pi), uniform(rng, -0.5, 0.4)
        side = math.cos(angle) * lesion.along + math.sin(angle) * lesion.across
        return lesion.interior * smoothstep(side, threshold, threshold + 0.25)
    if chance < 0.7:
        return lesion.mask * smoothstep(lesion.depth, 0.5, 0.75)
    return lesion.interior


def _network(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    frame, spacing = lesion.frame, log_uniform(rng, 4.5, 14)
    seeds = _lattice(rng, frame, spacing, uniform(rng, 0.2, 1.0), _OVERSAMPLING, 1.0)
    _, cells = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    lines = ((cells != np.roll(cells, 1, 0)) | (cells != np.roll(cells, 1, 1))).astype(np.float32)
    softness = (uniform(rng, 0.06, 0.14) * spacing * frame.unit + 0.3) * _OVERSAMPLING
    lines = cv2.GaussianBlur(lines, (0, 0), softness)
    lines = cv2.resize(lines, frame.shape[::-1], interpolation=cv2.INTER_AREA)
    return _somewhere(rng, lesion) * np.minimum(lines / np.quantile(lines, 0.97), 1.0)


def _negative_network(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    return 0.6 * _network(rng, lesion)


def _globules(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    spacing = log_uniform(rng, 5, 18)
    radius, jitter, kept = spacing * uniform(rng, 0.2, 0.36), uniform(rng, 0.3, 1.2), uniform(rng, 0.6, 1.0)
    return _somewhere(rng, lesion) * scattered_dots(rng, lesion.frame, spacing, jitter, radius, 0.8, kept)


def _milia_like_cysts(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    spacing, radius = uniform(rng, 14, 35), uniform(rng, 1.2, 3.5)
    return _somewhere(rng, lesion) * scattered_dots(rng, lesion.frame, spacing, 1.4, radius, 1.2, 0.7)


def _comedo_like_openings(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    spacing, radius = uniform(rng, 18, 40), uniform(rng, 3.5, 8)
    return _somewhere(rng, lesion) * scattered_dots(rng, lesion.frame, spacing, 1.4, radius, 1.5, 0.7)


def _radial_streaks(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    bearing = np.arctan2(lesion.across, lesion.along)
    waves = whole(rng, 18, 60) * bearing + 3 * field(rng, lesion.frame, 30) + uniform(rng, 0, 2 * math.pi)
    begin = uniform(rng, 0.6, 0.9)
    ring = smoothstep(lesion.depth, begin - 0.2, begin + 0.1) * (1 - smoothstep(lesion.depth, 1.05, 1.25))
    return ring * smoothstep(np.cos(waves), 0.1, 0.7)


def _parallel_lines(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    y, x = lesion.frame.grid()
    angle, period = uniform(rng, 0, math.pi), log_uniform(rng, 4, 14)
    warp = uniform(rng, 0.5, 3.8) * field(rng, lesion.frame, uniform(rng, 25, 60))
    waves = np.sin(2 * math.pi * (math.cos(angle) * x + math.sin(angle) * y) / period + warp)
    return 0.7 * _somewhere(rng, lesion) * smoothstep(waves, -0.2, 0.7)


def _blotch(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    threshold = uniform(rng, 0.0, 0.8)
    hills = field(rng, lesion.frame, uniform(rng, 15, 40), 2)
    return lesion.interior * smoothstep(hills, threshold, threshold + uniform(rng, 0.05, 0.4))


def _veil(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    threshold = uniform(rng, -0.4, 0.5)
    hills = field(rng, lesion.frame, uniform(rng, 25, 60))
    return 0.8 * lesion.interior * smoothstep(hills, threshold, threshold + 0.7)


def _peppering(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    spacing, radius = uniform(rng, 3, 4.5), uniform(rng, 0.7, 1.2)
    return _somewhere(rng, lesion) * scattered_dots(rng, lesion.frame, spacing, 1.3, radius, 0.6, 0.6)


def _vessels(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    lines = curves(rng, lesion.frame, whole(rng, 25, 90), uniform(rng, 3, 30), uniform(rng, 1, 2), uniform(rng, 0, 2.5))
    return _somewhere(rng, lesion) * lines


def _scales(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    threshold = uniform(rng, 0.4, 1.2)
    flakes = field(rng, lesion.frame, uniform(rng, 2, 4)) + 0.7 * field(rng, lesion.frame, uniform(rng, 15, 40))
    return _somewhere(rng, lesion) * smoothstep(flakes, threshold, threshold + 0.5)


def _cerebriform(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    fine = log_uniform(rng, 1.5, 5) * lesion.frame.unit
    grain = rng.standard_normal(lesion.frame.shape)
    folds = cv2.GaussianBlur(grain, (0, 0), fine) - cv2.GaussianBlur(grain, (0, 0), 1.6 * fine)
    return 0.8 * _somewhere(rng, lesion) * smoothstep(folds / folds.std(), -0.1, 0.8)


def _white_lines(rng: np.random.Generator, lesion: Lesion) -> np.ndarray:
    frame, angle = lesion.frame, uniform(rng, 0, math.pi)
    canvas = np.zeros(frame.shape, np.uint8)
    for _ in range(whole(rng, 15, 60)):
        turn = angle + (math.pi / 2 if rng.random() < 0.5 else 0.0) + uniform(rng, -0.1, 0.1)
        length = uniform(rng, 3, 14) * np.array([0.0, 1.0])
        x = uniform(rng, 0, frame.width) + length * math.cos(turn)
        y = uniform(rng, 0, UNITS) + length * math.sin(turn)
        _line(canvas, frame, x, y, 1.0)
    return _somewhere(rng, lesion) * canvas / 255.0


# name -> how it is drawn, and the colours it may have (`dermoscopy.COLOURS`)
STRUCTURES: dict[str, tuple[Drawing, tuple[str, ...]]] = {
    "network": (_network, ("dark",)),
    "negative_network": (_negative_network, ("white",)),
    "globules": (_globules, ("dark", "dark", "grey")),
    "milia_like_cysts": (_milia_like_cysts, ("white",)),
    "comedo_like_openings": (_comedo_like_openings, ("dark",)),
    "radial_streaks": (_radial_streaks, ("dark",)),
    "parallel_lines": (_parallel_lines, ("dark", "skin")),
    "blotch": (_blotch, ("dark",)),
    "veil": (_veil, ("blue",)),
    "peppering": (_peppering, ("grey",)),
    "vessels": (_vessels, ("red",)),
    "scales": (_scales, ("white",)),
    "cerebriform": (_cerebriform, ("dark",)),
    "white_lines": (_white_lines, ("white",)),
}
