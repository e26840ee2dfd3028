"""Light and camera: direction of the light, exposure, white balance, sensor noise, and the display curve."""

import math
from dataclasses import dataclass

import numpy as np

from tfderm.datasets.synthetic.anatomy import Body, Frame
from tfderm.datasets.synthetic.noise import direction, uniform, value_noise
from tfderm.datasets.synthetic.skin import Planes


@dataclass(frozen=True)
class Lighting:
    """Args: toward: unit vector to the light; ambient: share of light without direction; exposure: factor;
    gains: white balance, factors of R, G, B; falloff: change of brightness along x and y over half the frame.
    """

    toward: tuple[float, float, float]
    ambient: float
    exposure: float
    gains: tuple[float, float, float]
    falloff: tuple[float, float]


def make_lighting(rng: np.random.Generator) -> Lighting:
    """Draw how one photograph was lit."""
    x, y = direction(rng)
    side = 1.0 if rng.random() < 0.5 else -1.0
    depth = uniform(rng, 0.9, 1.6)
    norm = math.sqrt(1.0 + depth * depth)
    gains = (uniform(rng, 0.76, 1.30), 1.0, uniform(rng, 0.72, 1.34))
    return Lighting(
        toward=(side * x / norm, y / norm, depth / norm),
        ambient=uniform(rng, 0.35, 0.6),
        exposure=uniform(rng, 0.62, 1.25),
        gains=gains,
        falloff=(uniform(rng, -0.25, 0.25), uniform(rng, -0.2, 0.2)),
    )


def illuminate(planes: Planes, body: Body, lighting: Lighting, frame: Frame) -> Planes:
    """Multiply the body's reflectance by the light that reaches it."""
    nx, ny, nz = body.normal
    lx, ly, lz = lighting.toward
    lambert = np.maximum(nx * lx + ny * ly + nz * lz, 0.0)
    light = lighting.ambient + (1.0 - lighting.ambient) * 1.15 * lambert
    light = np.where(body.inside, light, 0.9)
    return [plane * light for plane in planes]


def expose(rng: np.random.Generator, planes: Planes, lighting: Lighting, frame: Frame) -> np.ndarray:
    """The camera: falloff, exposure, colour cast, noise and display curve (square root); (H, W, 3) uint8."""
    y, x = frame.grid()
    falloff = 1.0 + lighting.falloff[0] * (x / frame.width * 2.0 - 1.0) + lighting.falloff[1] * (y / 100.0 - 1.0)
    noise = 0.02 * value_noise(rng, frame.shape, max(1.0, 0.7 * frame.unit))
    image = np.empty((*frame.shape, 3), np.uint8)
    for channel, (plane, gain) in enumerate(zip(planes, lighting.gains, strict=True)):
        linear = np.maximum(plane * falloff * (lighting.exposure * gain), 0.0)
        display = np.sqrt(linear) + noise
        image[:, :, channel] = np.rint(np.minimum(np.maximum(display, 0.0), 1.0) * 255.0).astype(np.uint8)
    return image
