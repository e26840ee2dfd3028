"""A scalp at close range: hair that flows, parts and thins, and alopecia, which leaves smooth round bald patches."""

import math

import numpy as np

from tfderm.datasets.synthetic.anatomy import Body, Frame
from tfderm.datasets.synthetic.elements import flow_noise, highlight, patches, points, strokes
from tfderm.datasets.synthetic.flat import Painted, inner
from tfderm.datasets.synthetic.noise import box_blur, direction, fractal, pick, smoothstep, uniform, value_noise, whole
from tfderm.datasets.synthetic.skin import Planes, blend, reflectance
from tfderm.datasets.synthetic.views import Site

_BLACK, _BROWN, _BLOND, _GREY = (44, 34, 30), (92, 62, 42), (176, 136, 86), (178, 174, 168)
_CURLY_FROM = 5.2  # Fitzpatrick type
_WHOLE = 3.0  # hairiness where no skin shows through


def make_scalp(rng: np.random.Generator, frame: Frame) -> Body:
    """A dome that fills the picture or most of it."""
    y, x = frame.grid()
    radius = uniform(rng, 110, 220)
    down = (y - uniform(rng, 85, 115)) / radius
    right = (x - frame.width / 2 - uniform(rng, -15, 15)) / radius
    dy, dx = np.broadcast_arrays(down, right)
    square = dx * dx + dy * dy
    inside = square < 1.0 + 0.04 * fractal(rng, frame.shape, 50 * frame.unit, 2)
    facing = np.sqrt(np.maximum(1.0 - 0.85 * square, 0.02))
    nothing = np.zeros(frame.shape, bool)
    return Body(inside, inside, nothing, (0.92 * dx, 0.92 * dy, facing))


def paint_hairy_scalp(rng: np.random.Generator, site: Site, planes: Planes, age: int) -> Planes:
    """A scalp or temple covered by hair, whole, parted, or up to the hairline."""
    hairiness = np.full(site.frame.shape, _WHOLE)
    kind = pick(rng, (0.4, 0.25, 0.35))
    if kind:
        y, x = site.frame.grid()
        cos, sin = direction(rng)
        sign = 1.0 if rng.random() < 0.5 else -1.0
        across = sign * ((x - uniform(rng, 0.35, 0.65) * site.frame.width) * cos + (y - uniform(rng, 70, 130)) * sin)
        across = across + 9.0 * fractal(rng, site.frame.shape, 40 * site.frame.unit, 2)
        parting = np.abs(across) - uniform(rng, 1.5, 4.0)
        hairiness = 0.35 * parting if kind == 1 else 0.09 * across
    return _comb(rng, site, planes, np.minimum(hairiness, _WHOLE), age)


def paint_alopecia(rng: np.random.Generator, site: Site, planes: Planes, age: int) -> Painted:
    """One to three round, smooth, sharply bordered bald patches in the hair, with short broken hairs on some."""
    frame = site.frame
    count = 1 + pick(rng, (0.6, 0.3, 0.1))
    centres = points(rng, frame, inner(site, 35), count, 50)
    radii = uniform(rng, 30, 65) / math.sqrt(count) * (0.7 + 0.6 * rng.random(len(centres)))
    distance = patches(rng, frame, centres, radii, 0.22, 24)
    bare = smoothstep(distance, -1.0, 3.0)
    sheen = highlight(6.0 * fractal(rng, frame.shape, 50 * frame.unit, 1), frame, site.toward, 0.9) * bare
    shine = uniform(rng, 0.02, 0.12)
    planes = [plane * (1.0 + 0.1 * bare) + shine * sheen for plane in planes]
    hairiness = np.minimum(-distance / uniform(rng, 3.0, 8.0), _WHOLE)
    planes = _comb(rng, site, planes, hairiness, age)
    stubs = points(rng, frame, (distance > -2.0) & (distance < uniform(rng, 3, 30)), whole(rng, 0, 40), 3.0)
    lines = [np.array([stub, stub + 2.5 * (rng.random(2) - 0.5)]) for stub in stubs]
    dark = [np.full(frame.shape, value) for value in reflectance(_BLACK)]
    return blend(planes, dark, 0.6 * strokes(frame, lines, 0.6)), (distance > 0.0) & site.skin


def paint_hairline(rng: np.random.Generator, site: Site, planes: Planes, scalp: np.ndarray, age: int) -> Planes:
    """Hair on the part of the head that `scalp`, (H, W) bool, marks."""
    hairiness = 6.0 * box_blur(scalp, site.frame.pixels(5.0)) - 2.4
    return _comb(rng, site, planes, hairiness, age) if scalp.any() else planes


def _comb(rng: np.random.Generator, site: Site, planes: Planes, hairiness: np.ndarray, age: int) -> Planes:
    """Lay hair over the skin. Hairiness, (H, W): 0 at the border of hair, below 0 where it is bare, 3 where dense."""
    frame = site.frame
    y, x = frame.grid()
    cos, sin = direction(rng, -3.0, 3.0)
    if site.tone > _CURLY_FROM:
        strands = 0.6 * value_noise(rng, frame.shape, 2.4 * frame.unit)
        strands = strands + 0.5 * value_noise(rng, frame.shape, 4.5 * frame.unit)
    else:
        wave = uniform(rng, 6, 20) * fractal(rng, frame.shape, uniform(rng, 45, 90) * frame.unit, 2)
        across, along = x * cos + y * sin + wave, y * cos - x * sin
        strands = 0.7 * flow_noise(rng, across / uniform(rng, 1.6, 2.2), along / 40.0)
        strands = strands + 0.5 * flow_noise(rng, across / 6.0, along / 60.0)
    locks = 1.0 + 0.3 * fractal(rng, frame.shape, 35 * frame.unit, 2)
    colour = [value * locks * np.maximum(0.75 + 0.75 * strands, 0.12) for value in reflectance(_hair(rng, site, age))]
    cover = smoothstep(hairiness + 1.1 * strands, -0.35, 0.55) * (0.94 + 0.06 * strands)
    shadow = 0.25 * smoothstep(hairiness, -1.5, 0.5)
    return blend([plane * (1.0 - shadow) for plane in planes], colour, cover)


def _hair(rng: np.random.Generator, site: Site, age: int) -> tuple[float, ...]:
    """Light hair on light skin only; grey with age."""
    fair = uniform(rng, 0.0, 1.0) * min(max((4.0 - site.tone) / 2.5, 0.0), 1.0)
    low, high, share = (_BLACK, _BROWN, 2.0 * fair) if fair < 0.5 else (_BROWN, _BLOND, 2.0 * fair - 1.0)
    grey = min(max((age - 42 + uniform(rng, -15, 15)) / 45.0, 0.0), 0.9)
    dyed = [a + (b - a) * share for a, b in zip(low, high, strict=True)]
    return tuple(value + (old - value) * grey for value, old in zip(dyed, _GREY, strict=True))
