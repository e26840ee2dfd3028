"""Skin and hair: colour and texture.

Colours are linear reflectances, (H, W) float64 planes in a list R, G, B; the display curve, a square root, comes last.
"""

import numpy as np

from tfderm.datasets.synthetic.anatomy import Frame
from tfderm.datasets.synthetic.noise import fractal, uniform, value_noise

Planes = list[np.ndarray]

_TONES = ((240, 208, 190), (228, 188, 162), (210, 164, 132), (180, 130, 98), (138, 94, 68), (94, 63, 48))


def reflectance(colour: tuple[float, ...]) -> tuple[float, ...]:
    return tuple((value / 255.0) * (value / 255.0) for value in colour)


def darkness(tone: float) -> float:
    """0 for Fitzpatrick type 1 .. 1 for type 6."""
    return min(max((tone - 1.0) / 5.0, 0.0), 1.0)


def skin_planes(rng: np.random.Generator, frame: Frame, tone: float) -> Planes:
    """Bare skin: melanin and haemoglobin each vary over large and small distances.

    Args:
        rng: stream of the photograph.
        frame: pixel grid.
        tone: Fitzpatrick type as a real number, 0.5 .. 6.5.
    """
    position = min(max(tone, 1.0), 6.0) - 1.0
    index = min(int(position), 4)
    weight = position - index
    base = [a + (b - a) * weight for a, b in zip(_TONES[index], _TONES[index + 1], strict=True)]
    unit = frame.unit
    melanin = 0.16 * fractal(rng, frame.shape, 60 * unit) + 0.10 * value_noise(rng, frame.shape, 5 * unit)
    flush = uniform(rng, 0.0, 0.45) * (0.5 + fractal(rng, frame.shape, 90 * unit, 2))
    blood = np.minimum(np.maximum(flush + 0.05 * value_noise(rng, frame.shape, 8 * unit), -0.3), 0.6)
    pores = 1.0 + 0.09 * value_noise(rng, frame.shape, 1.6 * unit)
    pores = pores + 0.05 * value_noise(rng, frame.shape, max(1.0, unit))
    red, green, blue = reflectance(tuple(base))
    return [
        red * pores * (1.0 - 0.8 * melanin) * (1.0 - 0.10 * blood),
        green * pores * (1.0 - 1.0 * melanin) * (1.0 - 0.70 * blood),
        blue * pores * (1.0 - 1.2 * melanin) * (1.0 - 0.62 * blood),
    ]


def hair_planes(rng: np.random.Generator, frame: Frame) -> Planes:
    """Scalp hair: dark and streaky."""
    strands = 1.0 + 0.4 * value_noise(rng, frame.shape, 9 * frame.unit)
    strands = strands + 0.5 * value_noise(rng, frame.shape, 1.5 * frame.unit)
    shade = uniform(rng, 0.4, 2.6)
    return [value * shade * np.maximum(strands, 0.1) for value in reflectance((62, 46, 36))]


def blend(under: Planes, over: Planes, alpha: np.ndarray) -> Planes:
    """`over` laid on `under` with coverage alpha, (H, W) 0..1."""
    return [u + (o - u) * alpha for u, o in zip(under, over, strict=True)]


def absorb(skin: Planes, amount: np.ndarray, absorption: tuple[float, float, float]) -> Planes:
    """Take the shares `absorption` of R, G, B from the skin where amount, (H, W) 0..1, is 1."""
    return [plane * (1.0 - share * amount) for plane, share in zip(skin, absorption, strict=True)]
