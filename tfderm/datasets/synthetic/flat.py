"""Morphologies that change the colour of the skin and not its surface: erythema, leukoderma, pigmented maculae.

Each painter takes the stream of the photograph, the site and the linear reflectances of the skin, and returns new
reflectances and the lesions' mask, (H, W) bool.
"""

import numpy as np

from tfderm.datasets.synthetic.elements import nearness, patches, points
from tfderm.datasets.synthetic.noise import box_blur, fractal, smoothstep, uniform, value_noise, whole
from tfderm.datasets.synthetic.plaques import redden
from tfderm.datasets.synthetic.skin import Planes, absorb, blend, darkness, reflectance
from tfderm.datasets.synthetic.views import Site

Painted = tuple[Planes, np.ndarray]
_FADED_BY_HALF = 0.5


def paint_erythema(rng: np.random.Generator, site: Site, planes: Planes) -> Painted:
    """Diffuse flat redness with a fading border, violaceous on dark skin; sometimes a blanched halo round it."""
    frame = site.frame
    count = whole(rng, 1, 3)
    centres = points(rng, frame, inner(site, 30), count, 30)
    radii = uniform(rng, 32, 72) / (0.7 + 0.3 * count) * (0.8 + 0.4 * rng.random(len(centres)))
    distance = patches(rng, frame, centres, radii, 0.45, 40)
    border = uniform(rng, 5, 16)
    cover = smoothstep(distance, -border, border) * site.skin
    mottling = 1.0 + 0.18 * fractal(rng, frame.shape, 18 * frame.unit, 2)
    mottling = mottling + 0.08 * value_noise(rng, frame.shape, 3 * frame.unit)
    blanched = smoothstep(distance, -3.0 * border, -border) * (1.0 - smoothstep(distance, -border, 0.0))
    pale = uniform(rng, 0.0, 0.14) * blanched * site.skin
    planes = [plane * (1.0 + pale) for plane in planes]
    return redden(planes, np.minimum(uniform(rng, 0.4, 0.9) * cover * mottling, 1.1), site.tone), cover > _FADED_BY_HALF


def paint_leukoderma(rng: np.random.Generator, site: Site, planes: Planes) -> Painted:
    """Milk-white patches with a sharp scalloped border; brown dots of repigmentation and a darker rim on some."""
    frame = site.frame
    count = whole(rng, 1, 5)
    centres = points(rng, frame, inner(site, 15), count, 25)
    radii = uniform(rng, 18, 48) / (0.8 + 0.2 * count) * (0.5 + rng.random(len(centres)))
    distance = patches(rng, frame, centres, radii, 0.6, 22)
    border = uniform(rng, 0.6, 2.0)
    cover = smoothstep(distance, -border, border)
    if rng.random() < 0.4:
        follicles = points(rng, frame, (distance > 2) & site.skin, whole(rng, 5, 40), 4)
        cover = cover * (1.0 - 0.8 * smoothstep(nearness(frame, follicles, np.full(len(follicles), 1.8)), -0.2, 0.4))
    rim = smoothstep(distance, -14.0, -border) * (1.0 - cover)
    planes = absorb(planes, uniform(rng, 0.0, 0.35) * rim * site.skin, (0.5, 0.6, 0.65))
    texture = 1.0 + 0.07 * value_noise(rng, frame.shape, 2.0 * frame.unit)
    texture = texture + 0.10 * fractal(rng, frame.shape, 20 * frame.unit)
    dim = 1.0 - 0.3 * darkness(site.tone)
    white = [value * texture * dim for value in reflectance((246, 226, 211))]
    faded = uniform(rng, 0.55, 0.95) * cover * site.skin
    return blend(planes, white, faded), (cover > _FADED_BY_HALF) & site.skin


def paint_maculae(rng: np.random.Generator, site: Site, planes: Planes) -> Painted:
    """Several flat brown spots of like colour: lentigines or cafe-au-lait patches, without relief."""
    frame = site.frame
    large = rng.random() < 0.4
    count = whole(rng, 2, 5) if large else whole(rng, 5, 30)
    centres = points(rng, frame, inner(site, 5), count, 20 if large else 9)
    typical = uniform(rng, 9, 22) if large else uniform(rng, 2.5, 6.0)
    distance = patches(rng, frame, centres, typical * (0.5 + rng.random(len(centres))), 0.4, 2.0 * typical)
    border = uniform(rng, 0.4, 1.4)
    cover = smoothstep(distance, -border, border) * site.skin
    shade = 1.0 + 0.22 * fractal(rng, frame.shape, 10 * frame.unit, 2)
    dark = darkness(site.tone)
    depth = uniform(rng, 0.45, 0.95) * shade * cover
    red = uniform(rng, 0.42, 0.62) + 0.12 * dark
    planes = absorb(planes, np.minimum(depth, 1.0), (red, red + 0.16, red + 0.27))
    return planes, cover > _FADED_BY_HALF


def inner(site: Site, margin: float) -> np.ndarray:
    """The skin's pixels `margin` units or more from its border and the picture's, or all skin where there are none."""
    pixels = site.frame.pixels(margin)
    framed = np.zeros(site.frame.shape, bool)
    framed[pixels:-pixels, pixels:-pixels] = True
    deep = (box_blur(site.skin, pixels, 1) > 0.98) & framed
    return deep if deep.any() else site.skin
