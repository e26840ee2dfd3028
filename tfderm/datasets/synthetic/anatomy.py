"""Body regions as tubes: which pixels are skin, and which way the surface faces.

Lengths are in units of 1/200 of the image's height, so that a larger image shows the same scene in more detail.
"""

from dataclasses import dataclass

import numpy as np

from tfderm.datasets.synthetic.noise import direction, profile, uniform, value_noise

UNITS = 200.0


@dataclass(frozen=True)
class Frame:
    """The pixel grid. Args: shape: height, width in pixels."""

    shape: tuple[int, int]

    @property
    def unit(self) -> float:
        """Pixels per unit of length."""
        return self.shape[0] / UNITS

    @property
    def width(self) -> float:
        """Width in units."""
        return self.shape[1] / self.unit

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """y (height, 1) and x (1, width) of the pixel centres, in units."""
        y = (np.arange(self.shape[0], dtype=np.float64) + 0.5) / self.unit
        x = (np.arange(self.shape[1], dtype=np.float64) + 0.5) / self.unit
        return y[:, None], x[None, :]

    def pixels(self, units: float) -> int:
        """A length in whole pixels, at least one."""
        return max(1, round(units * self.unit))


@dataclass(frozen=True)
class Body:
    """Args: inside: (H, W) bool, the body; skin: (H, W) bool, the part not covered by cloth or scalp hair;
    scalp: (H, W) bool, scalp hair; normal: x, y, z components of the surface normal, each (H, W), toward the camera.
    """

    inside: np.ndarray
    skin: np.ndarray
    scalp: np.ndarray
    normal: tuple[np.ndarray, np.ndarray, np.ndarray]


_WIDTHS = {
    "head": (-30, 44, 66, 74, 74, 66, 50, 52, 96),
    "torso": (70, 96, 106, 104, 96, 90, 92, 100, 106),
    "upper_limbs": (50, 52, 50, 46, 44, 46, 42, 36, 30),
    "lower_limbs": (50, 50, 47, 40, 38, 42, 41, 34, 27),
}


def make_body(rng: np.random.Generator, region: str, frame: Frame) -> Body:
    """Draw the silhouette of a region, filling most of the frame."""
    y, x = frame.grid()
    centre = frame.width / 2 + uniform(rng, -10, 10)
    if region == "upper_limbs":
        cos, sin = direction(rng, 0.62, 1.38)  # near a quarter turn: the limb lies across the image
        tubes = [(frame.width / 2, UNITS / 2 + uniform(rng, -12, 12), cos, sin, uniform(rng, 0.85, 1.4))]
    elif region == "lower_limbs":
        gap, scale = uniform(rng, 47, 56), uniform(rng, 0.85, 1.1)
        tubes = []
        for side in (-1, 1):
            cos, sin = direction(rng, -0.05, 0.05)
            tubes.append((centre + side * gap, UNITS / 2, cos, sin, scale))
    else:
        cos, sin = direction(rng, -0.06, 0.06)
        tubes = [(centre, UNITS / 2, cos, sin, uniform(rng, 0.82, 1.15))]
    shape = frame.shape
    inside = np.zeros(shape, bool)
    nx, ny = np.zeros(shape), np.zeros(shape)
    length = UNITS if region != "upper_limbs" else frame.width
    for tube in tubes:
        across, tube_cos, tube_sin = _across(rng, tube, y, x, np.asarray(_WIDTHS[region], dtype=np.float64), length)
        here = (across > -1.0) & (across < 1.0) & ~inside
        nx = np.where(here, across * tube_cos, nx)
        ny = np.where(here, across * tube_sin, ny)
        inside |= here
    nx, ny = 0.92 * nx, 0.92 * ny
    nz = np.sqrt(np.maximum(1.0 - nx * nx - ny * ny, 0.0))
    edge = y + 5.0 * value_noise(rng, shape, 30 * frame.unit)
    scalp = inside & (edge < uniform(rng, 26, 60)) if region == "head" else np.zeros(shape, bool)
    covered = scalp
    if region in ("torso", "lower_limbs") and rng.random() < 0.6:
        covered = covered | (edge > uniform(rng, 165, 190) if region == "torso" else edge < uniform(rng, 10, 30))
    return Body(inside, inside & ~covered, scalp, (nx, ny, nz))


def _across(
    rng: np.random.Generator,
    tube: tuple[float, float, float, float, float],
    y: np.ndarray,
    x: np.ndarray,
    widths: np.ndarray,
    length: float,
) -> tuple[np.ndarray, float, float]:
    """Signed position across the tube, -1..1 inside; and the across direction's x and y."""
    centre_x, centre_y, cos, sin, scale = tube
    dx, dy = x - centre_x, y - centre_y
    along = (dy * cos - dx * sin) / length + 0.5
    offset = dx * cos + dy * sin
    wobble = 1.0 + 0.05 * (rng.random(9) * 2.0 - 1.0)
    bend = 7.0 * (rng.random(5) * 2.0 - 1.0)
    half = profile(along, widths * scale * wobble)
    across = (offset - profile(along, bend)) / np.maximum(half, 0.5)
    return np.where(half > 2.0, across, 2.0), cos, sin
