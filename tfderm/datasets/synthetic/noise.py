"""Random fields that come out the same on every machine.

Only arithmetic whose result IEEE 754 fixes is used: float64 + - * / and sqrt element by element, comparisons, rounding,
and integer sums. No exp, sin, pow, float reductions or convolutions, whose last bits depend on the CPU and the library.
"""

import numpy as np


def generator(seed: int, *key: int) -> np.random.Generator:
    """An independent stream for each (seed, *key), so that the order of rendering does not matter."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *key])))


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(rng.random())


def whole(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return low + int(float(rng.random()) * (high - low + 1))


def bell(rng: np.random.Generator) -> float:
    """A bell-shaped number with mean 0, standard deviation 1 and range -3.46 .. 3.46: the sum of four uniforms."""
    return (sum(float(u) for u in rng.random(4)) - 2.0) * 1.7320508


def pick(rng: np.random.Generator, weights: tuple[float, ...]) -> int:
    """An index drawn in proportion to `weights`."""
    position = float(rng.random()) * sum(weights)
    for index, weight in enumerate(weights):
        position -= weight
        if position < 0:
            return index
    return len(weights) - 1


def direction(rng: np.random.Generator, low: float = -1.0, high: float = 1.0) -> tuple[float, float]:
    """A unit vector whose half-angle tangent lies in low..high; the default covers the right half circle."""
    t = uniform(rng, low, high)
    return (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)


def smoothstep(x: np.ndarray, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """0 below low, 1 above high, a cubic between."""
    t = np.minimum(np.maximum((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


def profile(t: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Smooth interpolation of evenly spaced `knots` at t in 0..1; constant outside."""
    position = np.minimum(np.maximum(t, 0.0), 1.0) * (len(knots) - 1)
    index = np.minimum(position.astype(np.int64), len(knots) - 2)
    left = knots[index]
    return left + (knots[index + 1] - left) * smoothstep(position - index)


def value_noise(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> np.ndarray:
    """Smooth noise -1..1 of the given feature size.

    Args:
        rng: source of the lattice.
        shape: height, width in pixels.
        cell: lattice spacing in pixels.

    Returns:
        (height, width) float64.
    """
    rows, row_weights = _lattice(shape[0], cell)
    columns, column_weights = _lattice(shape[1], cell)
    lattice = rng.random((int(shape[0] / cell) + 3, int(shape[1] / cell) + 3)) * 2.0 - 1.0
    left, right = lattice[:, columns], lattice[:, columns + 1]
    across = left + (right - left) * column_weights
    top, bottom = across[rows], across[rows + 1]
    return top + (bottom - top) * row_weights[:, None]


def _lattice(length: int, cell: float) -> tuple[np.ndarray, np.ndarray]:
    position = (np.arange(length, dtype=np.float64) + 0.5) / cell
    index = position.astype(np.int64)
    return index, smoothstep(position - index)


def fractal(rng: np.random.Generator, shape: tuple[int, int], cell: float, octaves: int = 3) -> np.ndarray:
    """Octaves of `value_noise`, each half the size and half the height of the one before; within -1..1."""
    total, height = np.zeros(shape), 1.0
    for octave in range(octaves):
        total = total + height * value_noise(rng, shape, cell / (1 << octave))
        height *= 0.5
    return total / (2.0 - 2.0 * height)


def box_blur(mask: np.ndarray, radius: int, passes: int = 2) -> np.ndarray:
    """Box blur of whole numbers, summed as whole numbers and divided once; edges are repeated.

    Args:
        mask: (height, width) bool or integer.
        radius: pixels to either side.
        passes: two make the kernel a pyramid.

    Returns:
        (height, width) float64 in the range of `mask`.
    """
    side = 2 * radius + 1
    values = mask.astype(np.int64)
    for _ in range(passes):
        for axis in (0, 1):
            padding = [(0, 0), (0, 0)]
            padding[axis] = (radius + 1, radius)
            sums = np.cumsum(np.pad(values, padding, mode="edge"), axis=axis)
            values = sums[side:] - sums[:-side] if axis == 0 else sums[:, side:] - sums[:, :-side]
    return values / float(side ** (2 * passes))


def top_fraction(field: np.ndarray, within: np.ndarray, fraction: float) -> np.ndarray:
    """The pixels of `within` whose `field` is among its highest `fraction`: (height, width) bool."""
    threshold = upper_quantile(field[within], fraction)
    return np.zeros_like(within) if threshold is None else within & (field >= threshold)


def upper_quantile(values: np.ndarray, fraction: float) -> float | None:
    """The least of the highest `fraction` of `values`, (N,); None where that is none of them."""
    count = int(fraction * values.size)
    return float(np.partition(values, values.size - count)[values.size - count]) if count > 0 else None
