"""Morphologies with relief: acne, pustules, crusts, ulcers, wheals. Painters as in `flat`."""

import math

import numpy as np

from tfderm.datasets.synthetic.elements import dome, highlight, nearness, patches, points
from tfderm.datasets.synthetic.flat import Painted, inner
from tfderm.datasets.synthetic.noise import fractal, smoothstep, uniform, value_noise, whole
from tfderm.datasets.synthetic.plaques import redden, relief_shading
from tfderm.datasets.synthetic.skin import Planes, absorb, blend, darkness, reflectance
from tfderm.datasets.synthetic.views import Site

_BLACKHEAD, _WHITEHEAD = (58, 42, 34), (236, 216, 190)
_PUS = ((240, 222, 176), (230, 208, 150), (238, 226, 200))
_CRUSTS = ((206, 158, 88), (164, 112, 62), (110, 68, 42), (62, 38, 30), (92, 34, 30))
_GRANULATION, _SLOUGH, _NECROSIS = (152, 62, 58), (192, 170, 122), (58, 44, 40)


def paint_acne(rng: np.random.Generator, site: Site, planes: Planes) -> Painted:
    """Comedones, open and closed, among papules and some pustules; red and brown marks of those that have healed."""
    frame = site.frame
    field = inner(site, 4) & (fractal(rng, frame.shape, 60 * frame.unit, 2) > uniform(rng, -0.5, -0.1))
    marks, _ = _spots(rng, site, field, whole(rng, 3, 12), (1.5, 5.0))
    planes = absorb(planes, uniform(rng, 0.1, 0.5) * smoothstep(marks, -0.2, 0.5), (0.25, 0.5, 0.5))
    black, black_mask = _spots(rng, site, field, whole(rng, 10, 36), (0.9, 1.6))
    planes = _cover(planes, _BLACKHEAD, 0.85 * smoothstep(black, 0.0, 0.6))
    white, white_mask = _spots(rng, site, field, whole(rng, 5, 22), (1.2, 2.2))
    planes = _cover(planes, _tinged(_WHITEHEAD, site), 0.4 * smoothstep(white, 0.0, 0.6))
    papules, papule_mask = _spots(rng, site, field, whole(rng, 6, 18), (3.2, 7.0))
    planes = redden(planes, uniform(rng, 0.5, 0.9) * smoothstep(papules, -0.9, 0.5), site.tone)
    height = 1.2 * dome(white) + 2.0 * dome(papules)
    planes, pustule_mask, bumps = _pustules(rng, site, planes, field, whole(rng, 0, 6), (3.0, 5.5))
    planes = _raise(planes, height + bumps, site)
    return planes, black_mask | white_mask | papule_mask | pustule_mask


def paint_pustules(rng: np.random.Generator, site: Site, planes: Planes) -> Painted:
    """Discrete bumps full of yellow-white pus, each on a red base; papules that have none yet between them."""
    frame = site.frame
    field = inner(site, 8) & (fractal(rng, frame.shape, 60 * frame.unit, 2) > uniform(rng, -0.6, 0.0))
    papules, papule_mask = _spots(rng, site, field, whole(rng, 0, 8), (2.0, 4.5))
    planes = redden(planes, uniform(rng, 0.4, 0.8) * smoothstep(papules, -0.6, 0.4), site.tone)
    low = uniform(rng, 3.2, 5.0)
    planes, mask, height = _pustules(rng, site, planes, field, whole(rng, 5, 20), (low, 1.6 * low))
    return _raise(planes, height + 1.5 * dome(papules), site), mask | papule_mask


def _pustules(
    rng: np.random.Generator, site: Site, planes: Planes, field: np.ndarray, count: int, radii: tuple[float, float]
) -> tuple[Planes, np.ndarray, np.ndarray]:
    """Colour, mask and height of pustules."""
    near, mask = _spots(rng, site, field, count, radii)
    planes = redden(planes, uniform(rng, 0.55, 0.95) * smoothstep(near, -1.3, 0.1), site.tone)
    pus = _tinged(_PUS[whole(rng, 0, 2)], site)
    planes = _cover(planes, pus, uniform(rng, 0.75, 0.95) * smoothstep(near, 0.12, 0.45))
    height = 0.32 * radii[1] * dome(near)
    wet = 0.25 * highlight(height, site.frame, site.toward, 0.3) * smoothstep(near, 0.1, 0.3)
    return [plane * (1.0 + wet) + 0.1 * wet for plane in planes], mask, height


def paint_crust(rng: np.random.Generator, site: Site, planes: Planes) -> Painted:
    """Dried adherent plaques, honey-yellow to black, cracked and rough; the thinnest are nearly flat."""
    frame, unit = site.frame, site.frame.unit
    count = whole(rng, 1, 6)
    centres = points(rng, frame, inner(site, 12), count, 22)
    radii = uniform(rng, 12, 42) / (0.7 + 0.3 * count) * (0.6 + 0.8 * rng.random(len(centres)))
    distance = patches(rng, frame, centres, radii, 0.7, 16)
    planes = redden(planes, uniform(rng, 0.0, 0.6) * smoothstep(distance, -9.0, 0.0) * site.skin, site.tone)
    cover = smoothstep(distance, -0.8, 1.0) * site.skin
    first, second = whole(rng, 0, 4), whole(rng, 0, 4)
    mixing = smoothstep(fractal(rng, frame.shape, 12 * unit, 3), -0.25, 0.35)
    grain = 1.0 + 0.3 * value_noise(rng, frame.shape, 2.5 * unit)
    dim = 1.0 - 0.4 * darkness(site.tone)
    shades = zip(reflectance(_CRUSTS[first]), reflectance(_CRUSTS[second]), strict=True)
    crust = [(a + (b - a) * mixing) * grain * dim for a, b in shades]
    cracks = 1.0 - smoothstep(np.abs(fractal(rng, frame.shape, 11 * unit, 2)), 0.0, 0.08)
    planes = blend(planes, crust, uniform(rng, 0.75, 0.95) * cover)
    planes = absorb(planes, 0.5 * cracks * cover, (0.7, 0.9, 0.9))
    thickness = uniform(rng, 0.3, 1.6)
    rough = 1.0 + 0.5 * value_noise(rng, frame.shape, 3.5 * unit) + 0.4 * fractal(rng, frame.shape, 10 * unit, 2)
    rise = smoothstep(distance, -1.0, 5.0)
    return _raise(planes, thickness * rise * (rough - 0.5 * cracks), site), (cover > 0.5) & site.skin


def paint_ulcer(rng: np.random.Generator, site: Site, planes: Planes) -> Painted:
    """A deep defect as if punched out: raised border, moist bed of red granulation, yellow slough, black necrosis."""
    frame, unit = site.frame, site.frame.unit
    count = 2 if rng.random() < 0.25 else 1
    centres = points(rng, frame, inner(site, 28), count, 55)
    radii = uniform(rng, 16, 44) / math.sqrt(count) * (0.75 + 0.5 * rng.random(len(centres)))
    distance = patches(rng, frame, centres, radii, 0.35, 24)
    reach = uniform(rng, 8, 22)
    around = smoothstep(distance, -reach, 0.0) * site.skin
    planes = redden(planes, uniform(rng, 0.2, 0.7) * around, site.tone)
    planes = absorb(planes, uniform(rng, 0.0, 0.5) * around, (0.4, 0.5, 0.5))
    bed = smoothstep(distance, -0.5, 1.2) * site.skin
    tissue = fractal(rng, frame.shape, 16 * unit, 3)
    grain = (1.0 + 0.2 * value_noise(rng, frame.shape, 3.0 * unit)) * (1.0 - 0.35 * darkness(site.tone))
    planes = _cover(planes, _GRANULATION, bed, grain)
    slough, necrosis = uniform(rng, -0.4, 0.4), uniform(rng, 0.25, 0.9)
    planes = _cover(planes, _SLOUGH, 0.85 * bed * smoothstep(tissue, slough, slough + 0.5), grain)
    planes = _cover(planes, _NECROSIS, bed * smoothstep(-tissue, necrosis, necrosis + 0.3), grain)
    rim = smoothstep(distance, -7.0, -1.5) * (1.0 - smoothstep(distance, -1.5, 1.0))
    depth = uniform(rng, 1.2, 2.6) * smoothstep(distance, -1.5, 4.5)
    lumps = value_noise(rng, frame.shape, 3.5 * unit)
    height = uniform(rng, 1.0, 2.5) * rim - depth + 0.7 * bed * lumps
    planes = _raise(planes, height, site)
    planes = absorb(planes, 0.35 * bed * (1.0 - smoothstep(distance, 0.0, 7.0)), (1.0, 1.0, 1.0))
    wet = highlight(0.8 * bed * lumps, frame, site.toward, 0.25) * bed * uniform(rng, 0.2, 0.8)
    return [plane * (1.0 + wet) + 0.1 * wet for plane in planes], (distance > -1.5) & site.skin


def paint_wheals(rng: np.random.Generator, site: Site, planes: Planes) -> Painted:
    """Oedematous plaques, pale in the middle, with a red flare; some flat as erythema, some joined to polycycles."""
    frame, unit = site.frame, site.frame.unit
    count = whole(rng, 2, 9)
    centres = points(rng, frame, inner(site, 10), count, 14)
    radii = uniform(rng, 16, 40) / (0.6 + 0.2 * count) * (0.6 + 0.8 * rng.random(len(centres)))
    distance = patches(rng, frame, centres, radii, 0.25, 18)
    flare = uniform(rng, 8, 20)
    red = smoothstep(distance, -flare, 2.0) * site.skin
    middle = smoothstep(distance, -1.0, uniform(rng, 5.0, 12.0)) * site.skin
    redness = uniform(rng, 0.4, 0.8) * red * (1.0 - uniform(rng, 0.15, 0.55) * middle)
    planes = redden(planes, redness * (1.0 + 0.12 * fractal(rng, frame.shape, 14 * unit, 2)), site.tone)
    swollen = 1.0 + uniform(rng, 0.0, 0.2) * middle
    orange_peel = 1.0 - 0.08 * smoothstep(value_noise(rng, frame.shape, 3.0 * unit), 0.2, 0.9)
    height = uniform(rng, 1.5, 4.5) * smoothstep(distance, -4.0, 8.0) * orange_peel
    return _raise([plane * swollen for plane in planes], height, site), (distance > 0.0) & site.skin


def _spots(
    rng: np.random.Generator, site: Site, field: np.ndarray, count: int, radii: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """`nearness` of slightly irregular spots in `field`, and their mask."""
    frame = site.frame
    centres = points(rng, frame, field, count, 2.2 * radii[1])
    near = nearness(frame, centres, radii[0] + (radii[1] - radii[0]) * rng.random(len(centres)))
    near = near + 0.15 * value_noise(rng, frame.shape, radii[1] * frame.unit)
    near = np.where(site.skin, near, -3.0)
    return near, near > 0.0


def _tinged(colour: tuple[int, int, int], site: Site) -> tuple[float, ...]:
    dim = 1.0 - 0.3 * darkness(site.tone)
    return tuple(value * dim for value in colour)


def _cover(planes: Planes, colour: tuple[float, ...], amount: np.ndarray, grain: np.ndarray | float = 1.0) -> Planes:
    return [plane + (value * grain - plane) * amount for plane, value in zip(planes, reflectance(colour), strict=True)]


def _raise(planes: Planes, height: np.ndarray, site: Site) -> Planes:
    shade = relief_shading(height, site.frame, site.toward)
    return [plane * shade for plane in planes]
