"""One lesion, as psoriasis or as eczema: the same place, outline, area and redness can be painted as either.

Psoriasis is sharply bordered, raised and covered by silvery lamellae. Eczema fades into the skin and has some of
papules and vesicles, excoriations, crusts, lichenification and a fine scale.
"""

import numpy as np

from tfderm.datasets.synthetic.anatomy import Frame
from tfderm.datasets.synthetic.elements import dome, furrows, highlight, nearness, points, strokes
from tfderm.datasets.synthetic.noise import (
    box_blur,
    direction,
    fractal,
    smoothstep,
    uniform,
    upper_quantile,
    value_noise,
    whole,
)
from tfderm.datasets.synthetic.plaques import REDNESS, lesion_mask, paint_plaques, redden, relief_shading
from tfderm.datasets.synthetic.skin import Planes, absorb, blend, darkness, reflectance
from tfderm.datasets.synthetic.views import Site

_PIGMENT = (0.42, 0.50, 0.46)  # grey-brown, which inflammation leaves on dark skin
_CRUSTS = ((186, 142, 92), (142, 98, 64), (98, 54, 42))


def make_lesion_mask(
    rng: np.random.Generator, frame: Frame, skin: np.ndarray, place: tuple[float, float], area: float
) -> np.ndarray:
    """A lesion, sometimes with satellites, about `place` (y, x in units), covering `area` square units: (H, W) bool."""
    y, x = frame.grid()
    radius = float(np.sqrt(area / 3.14159))
    field = np.full(frame.shape, -30.0)
    for part in range(whole(rng, 1, 4)):
        shift = 0.0 if part == 0 else 0.95
        dy = y - place[0] - shift * radius * uniform(rng, -1, 1)
        dx = x - place[1] - shift * radius * uniform(rng, -1, 1)
        cos, sin = direction(rng)
        stretch = uniform(rng, 0.7, 1.0)
        along, across = (dx * cos + dy * sin) * stretch, (dy * cos - dx * sin) / stretch
        size = radius * (1.0 if part == 0 else uniform(rng, 0.3, 0.7))
        field = np.maximum(field, (size - np.sqrt(along * along + across * across)) / radius)
    field = field + 0.35 * fractal(rng, frame.shape, 0.8 * radius * frame.unit)
    field = field + 0.08 * value_noise(rng, frame.shape, 0.2 * radius * frame.unit)
    visible = int(skin.sum()) / (frame.unit * frame.unit)
    return lesion_mask(field, frame, skin, min(60.0, 100.0 * area / max(visible, 1.0)))


def paint_psoriasis(
    rng: np.random.Generator, site: Site, planes: Planes, mask: np.ndarray, erythema: int, scale: Planes
) -> Planes:
    """A plaque with a sharp border and silvery lamellae; arguments as `paint_eczema`, and the scales' reflectance."""
    frame, unit = site.frame, site.frame.unit
    levels = (erythema, whole(rng, 2, 4), 0)
    planes = _pigment(rng, site, planes, box_blur(mask, frame.pixels(0.8)))
    planes = paint_plaques(rng, frame, planes, mask, levels, site.tone, site.toward, scale)
    field = fractal(rng, frame.shape, uniform(rng, 7, 13) * unit, 2) + 0.35 * value_noise(rng, frame.shape, 3.0 * unit)
    cracks = np.abs(fractal(rng, frame.shape, 8.0 * unit, 2))
    inner = box_blur(mask, frame.pixels(1.2))
    threshold = upper_quantile(field[mask], uniform(rng, 0.2, 0.75))
    lamellae = smoothstep(field, threshold - 0.06, threshold + 0.16) * (0.35 + 0.65 * smoothstep(cracks, 0.0, 0.09))
    lamellae = lamellae * smoothstep(inner, 0.55, 0.95)
    shine = 1.0 + 0.16 * value_noise(rng, frame.shape, 2.2 * unit)
    planes = blend(planes, [plane * shine for plane in scale], lamellae * uniform(rng, 0.5, 0.9))
    shade = relief_shading(0.7 * lamellae, frame, site.toward)
    return [plane * shade for plane in planes]


def paint_eczema(rng: np.random.Generator, site: Site, planes: Planes, mask: np.ndarray, erythema: int) -> Planes:
    """A patch that fades into the skin, with at least two of the signs of eczema.

    Args:
        rng: stream of the photograph.
        site: where it lies.
        planes: linear R, G, B reflectances.
        mask: (H, W) bool, the lesion to half of its fading border.
        erythema: 1..4.

    Returns:
        New planes of reflectance; relief is already shaded.
    """
    frame, unit = site.frame, site.frame.unit
    blurred = box_blur(mask, frame.pixels(uniform(rng, 9.0, 13.0)))
    straying = 0.2 * fractal(rng, frame.shape, 14 * unit, 3) * smoothstep(blurred, 0.0, 0.3)
    fading = smoothstep(blurred + straying, 0.05, 0.85) * site.skin
    mottling = 1.0 + 0.16 * fractal(rng, frame.shape, 12 * unit, 2) + 0.12 * value_noise(rng, frame.shape, 2.2 * unit)
    planes = _pigment(rng, site, planes, fading)
    redness = (0.85 * REDNESS[erythema] + uniform(rng, -0.04, 0.04)) * fading * mottling
    planes = redden(planes, redness, site.tone)
    relief = np.zeros(frame.shape)
    signs = _signs(rng)
    if "scale" in signs:
        planes = _fine_scale(rng, site, planes, fading)
    if "lichenification" in signs:
        thick = smoothstep(fading + 0.4 * fractal(rng, frame.shape, 16 * unit, 2), 0.4, 0.9)
        lines = furrows(rng, frame, uniform(rng, 4.5, 6.5)) * thick
        planes = absorb(planes, uniform(rng, 0.2, 0.4) * lines, (0.8, 0.9, 0.9))
        relief = relief - 0.35 * lines
    if "papules" in signs:
        planes, bumps = _papules(rng, site, planes, fading, REDNESS[erythema])
        relief = relief + bumps
    if "crusts" in signs:
        planes, rough = _crusts(rng, site, planes, fading)
        relief = relief + rough
    if "excoriations" in signs:
        planes = _excoriations(rng, site, planes, mask)
    shade = relief_shading(relief, frame, site.toward)
    return [plane * shade for plane in planes]


def _signs(rng: np.random.Generator) -> set[str]:
    chances = {"papules": 0.7, "excoriations": 0.65, "crusts": 0.5, "lichenification": 0.5, "scale": 0.5}
    draws = {name: float(rng.random()) / chance for name, chance in chances.items()}
    likeliest = sorted(draws, key=draws.__getitem__)
    return set(likeliest[:2]) | {name for name, draw in draws.items() if draw < 1.0}


def _pigment(rng: np.random.Generator, site: Site, planes: Planes, coverage: np.ndarray) -> Planes:
    return absorb(planes, uniform(rng, 0.0, 0.8) * darkness(site.tone) * coverage, _PIGMENT)


def _fine_scale(rng: np.random.Generator, site: Site, planes: Planes, fading: np.ndarray) -> Planes:
    """Dry bran-like dust, no lamellae."""
    unit = site.frame.unit
    dust = value_noise(rng, site.frame.shape, 2.0 * unit) + 0.8 * fractal(rng, site.frame.shape, 10 * unit, 2)
    amount = uniform(rng, 0.3, 0.55) * fading * smoothstep(dust, 0.0, 0.9)
    pale = reflectance((226, 212, 196))
    dim = 1.0 - 0.45 * darkness(site.tone)
    return blend(planes, [np.full(site.frame.shape, value * dim) for value in pale], amount)


def _papules(
    rng: np.random.Generator, site: Site, planes: Planes, fading: np.ndarray, redness: float
) -> tuple[Planes, np.ndarray]:
    """Red papules over the patch and its surroundings, some of them vesicles with a moist highlight."""
    frame = site.frame
    count = int(uniform(rng, 0.012, 0.028) * int((fading > 0.1).sum()) / (frame.unit * frame.unit))
    centres = points(rng, frame, (fading > 0.12) & site.skin, max(8, min(count, 160)), 2.6)
    radii = 1.3 + 1.3 * rng.random(len(centres))
    near = nearness(frame, centres, radii)
    planes = redden(planes, (0.15 + 0.3 * redness) * smoothstep(near, -0.3, 0.5), site.tone)
    height = 0.9 * dome(near)
    if rng.random() < 0.55:
        wet = highlight(height, frame, site.toward, 0.3) * smoothstep(near, 0.0, 0.3)
        planes = [plane + wet * (0.06 + 0.4 * plane) for plane in planes]
    return planes, height


def _crusts(rng: np.random.Generator, site: Site, planes: Planes, fading: np.ndarray) -> tuple[Planes, np.ndarray]:
    """Honey-coloured to brown crusts where the patch oozed."""
    frame, unit = site.frame, site.frame.unit
    field = fractal(rng, frame.shape, 9 * unit, 3)
    core = fading > 0.5
    if not core.any():
        return planes, np.zeros(frame.shape)
    threshold = upper_quantile(field[core], uniform(rng, 0.12, 0.3)) or 1.0
    crust = smoothstep(field, threshold - 0.06, threshold + 0.12) * smoothstep(fading, 0.35, 0.7)
    colour = reflectance(_CRUSTS[whole(rng, 0, 2)])
    dim = 1.0 - 0.4 * darkness(site.tone)
    grain = dim * (1.0 + 0.35 * value_noise(rng, frame.shape, 2.0 * unit))
    planes = blend(planes, [value * grain for value in colour], uniform(rng, 0.6, 0.85) * crust)
    return planes, 0.9 * crust * (1.0 + 0.5 * value_noise(rng, frame.shape, 2.5 * unit))


def _excoriations(rng: np.random.Generator, site: Site, planes: Planes, mask: np.ndarray) -> Planes:
    """Scratches of the fingernails: thin, nearly parallel, dark red, some of them going beyond the patch."""
    frame = site.frame
    cos, sin = direction(rng)
    lines = []
    for y, x in points(rng, frame, mask, whole(rng, 5, 14), 2.0):
        length, lean = uniform(rng, 6, 22), uniform(rng, -0.25, 0.25)
        along_y, along_x = sin + lean * cos, cos - lean * sin
        bend = uniform(rng, -0.12, 0.12) * length
        t = np.array([-0.5, -0.25, 0.0, 0.25, 0.5])
        bow = bend * (1.0 - 4.0 * t * t)
        down, right = y + along_y * length * t + along_x * bow, x + along_x * length * t - along_y * bow
        lines.append(np.stack([down, right], axis=1))
    gaps = smoothstep(value_noise(rng, frame.shape, 4 * frame.unit), -0.75, -0.35)
    cover = strokes(frame, lines, uniform(rng, 0.5, 0.9)) * gaps * site.skin
    colour = reflectance((112, 26, 24)) if site.tone < 4.5 else reflectance((66, 22, 22))
    return blend(planes, [np.full(frame.shape, value) for value in colour], uniform(rng, 0.65, 0.9) * cover)
