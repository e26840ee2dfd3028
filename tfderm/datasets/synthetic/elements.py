"""What lesions are made of: bumps, furrows, strokes, patches with a border, moist highlights.

Lengths are in units of 1/200 of the image's height; coverages and heights are (H, W) float64.
"""

from collections.abc import Iterable

import cv2
import numpy as np

from tfderm.datasets.synthetic.anatomy import Frame
from tfderm.datasets.synthetic.noise import direction, fractal, smoothstep, uniform, value_noise

_OVERSAMPLING = 3  # of strokes, which are thinner than a pixel
_LATTICE = 64
_FAR = -3.0


def points(rng: np.random.Generator, frame: Frame, where: np.ndarray, count: int, apart: float) -> np.ndarray:
    """Up to `count` places y, x in units, (N, 2), among the pixels of a bool mask and `apart` units from each other."""
    places = (np.argwhere(where) + 0.5) / frame.unit
    chosen = np.empty((0, 2))
    for chance in rng.random(3 * count) if len(places) else ():
        place = places[int(chance * len(places))]
        away = chosen - place
        if len(chosen) < count and (away[:, 0] * away[:, 0] + away[:, 1] * away[:, 1] >= apart * apart).all():
            chosen = np.vstack([chosen, place])
    return chosen


def nearness(frame: Frame, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """1 in the middle of round spots, 0 on their outlines, falling on outside as (1 - distance / radius) to -3."""
    y, x = frame.grid()
    near = np.full(frame.shape, _FAR)
    for (centre_y, centre_x), radius in zip(centres, radii, strict=True):
        reach = (1.0 - _FAR) * radius
        rows, columns = _span(frame, centre_y, reach, 0), _span(frame, centre_x, reach, 1)
        dy, dx = y[rows] - centre_y, x[:, columns] - centre_x
        spot = 1.0 - np.sqrt(dy * dy + dx * dx) / radius
        near[rows, columns] = np.maximum(near[rows, columns], spot)
    return near


def _span(frame: Frame, centre: float, reach: float, axis: int) -> slice:
    low, high = (centre - reach) * frame.unit, (centre + reach) * frame.unit
    return slice(max(0, int(low)), max(0, min(frame.shape[axis], int(high) + 1)))


def dome(near: np.ndarray) -> np.ndarray:
    """Height 0..1 of rounded bumps over the spots of `nearness`."""
    t = np.maximum(near, 0.0)
    return t * (2.0 - t)


def patches(
    rng: np.random.Generator, frame: Frame, centres: np.ndarray, radii: Iterable[float], roughness: float, cell: float
) -> np.ndarray:
    """Signed distance in units to the outline of irregular patches, positive inside.

    Args:
        rng: stream of the photograph.
        frame: pixel grid.
        centres: y, x of each, (N, 2) units.
        radii: of each, units.
        roughness: how far the outline strays, as a share of the radius.
        cell: feature size of the outline, units.
    """
    y, x = frame.grid()
    distance = np.full(frame.shape, -1e3)
    straying = roughness * fractal(rng, frame.shape, cell * frame.unit, 3)
    straying = straying + 0.3 * roughness * fractal(rng, frame.shape, 8 * frame.unit, 2)
    for (centre_y, centre_x), radius in zip(centres, radii, strict=True):
        cos, sin = direction(rng)
        stretch = uniform(rng, 0.7, 1.35)
        dy, dx = y - centre_y, x - centre_x
        along, across = (dy * cos - dx * sin) * stretch, (dy * sin + dx * cos) / stretch
        distance = np.maximum(distance, radius * (1.0 + straying) - np.sqrt(along * along + across * across))
    return distance


def strokes(frame: Frame, lines: Iterable[np.ndarray], width: float) -> np.ndarray:
    """Coverage 0..1 of polylines, each (N, 2) of y, x in units, `width` units wide."""
    canvas = np.zeros((frame.shape[0] * _OVERSAMPLING, frame.shape[1] * _OVERSAMPLING), np.uint8)
    scale = frame.unit * _OVERSAMPLING
    for line in lines:
        corners = [[int(x * scale), int(y * scale)] for y, x in line]
        cv2.polylines(canvas, [np.array(corners, np.int32)], False, 1, max(1, round(width * scale)), cv2.LINE_8)
    cells = canvas.reshape(frame.shape[0], _OVERSAMPLING, frame.shape[1], _OVERSAMPLING)
    return cells.sum(axis=(1, 3), dtype=np.int64) / float(_OVERSAMPLING * _OVERSAMPLING)


def flow_noise(rng: np.random.Generator, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Smooth noise -1..1 read at arbitrary places, given in lattice spacings, (H, W) each; repeats after 64."""
    lattice = rng.random((_LATTICE, _LATTICE)) * 2.0 - 1.0
    row, column = np.floor(down), np.floor(right)
    row_weight, column_weight = smoothstep(down - row), smoothstep(right - column)
    top, left = row.astype(np.int64) % _LATTICE, column.astype(np.int64) % _LATTICE
    bottom, rest = (top + 1) % _LATTICE, (left + 1) % _LATTICE
    upper = lattice[top, left] + (lattice[top, rest] - lattice[top, left]) * column_weight
    lower = lattice[bottom, left] + (lattice[bottom, rest] - lattice[bottom, left]) * column_weight
    return upper + (lower - upper) * row_weight


def furrows(rng: np.random.Generator, frame: Frame, period: float) -> np.ndarray:
    """Two crossing families of wavy lines `period` units apart, as lichenified skin has them: depth 0..1."""
    y, x = frame.grid()
    cos, sin = direction(rng)
    cell = period * frame.unit
    wave = 0.9 * fractal(rng, frame.shape, 5.0 * cell, 2)
    depth = np.zeros(frame.shape)
    for slant in (uniform(rng, 0.35, 0.6), -uniform(rng, 0.35, 0.6)):
        phase = (x * (cos - slant * sin) + y * (sin + slant * cos)) / period + wave
        phase = phase + 0.45 * value_noise(rng, frame.shape, 1.3 * cell)
        line = smoothstep(np.abs(phase - np.floor(phase) - 0.5), 0.26, 0.5)
        depth = np.maximum(
            depth, line * (0.35 + 0.65 * smoothstep(value_noise(rng, frame.shape, 2.0 * cell), -0.7, 0.3))
        )
    return depth


def highlight(
    height: np.ndarray, frame: Frame, toward: tuple[float, float, float], width: float = 0.22, tilt: float = 0.55
) -> np.ndarray:
    """Where a moist surface of the given height (units) mirrors the light: 0..1, on slopes that lean towards it."""
    slope_y, slope_x = np.zeros_like(height), np.zeros_like(height)
    slope_y[1:-1] = (height[2:] - height[:-2]) * (0.5 * frame.unit)
    slope_x[:, 1:-1] = (height[:, 2:] - height[:, :-2]) * (0.5 * frame.unit)
    miss_x, miss_y = slope_x + tilt * toward[0], slope_y + tilt * toward[1]
    return smoothstep(1.0 - (miss_x * miss_x + miss_y * miss_y) / (width * width))
