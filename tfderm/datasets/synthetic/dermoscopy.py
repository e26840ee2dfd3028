"""The embedded synthetic dermoscopy set: drawn lesions with known structures, to learn to see by before photographs.

Synthetic: no lesion, no patient, and no diagnosis, because which structures come together is chance.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tfderm.datasets.synthetic.anatomy import UNITS, Frame
from tfderm.datasets.synthetic.folder import describe, render_all, synthetic_folder, write_jpeg
from tfderm.datasets.synthetic.noise import generator, pick, smoothstep, uniform, whole
from tfderm.datasets.synthetic.structures import STRUCTURES, Lesion, curves, field, make_lesion, scattered_dots
from tfderm.files import write_csv

VERSION = 1  # goes up with every change of the pictures
NONE = "none"
SCALARS = ("extent", "border", "waviness", "elongation", "colours", "hairs")
COLUMNS = ("image", "patient_id", "label", *STRUCTURES, *SCALARS)
# Ranges of red, of green as a share of red, and of blue as a share of red.
COLOURS = {
    "skin": ((0.45, 0.95), (0.62, 0.90), (0.50, 0.88)),
    "brown": ((0.18, 0.75), (0.50, 0.80), (0.30, 0.75)),
    "dark": ((0.05, 0.30), (0.60, 1.00), (0.50, 1.10)),
    "red": ((0.50, 0.90), (0.30, 0.60), (0.30, 0.65)),
    "white": ((0.75, 1.00), (0.80, 1.00), (0.75, 1.00)),
    "blue": ((0.25, 0.60), (1.05, 1.30), (1.10, 1.60)),
    "grey": ((0.12, 0.38), (1.00, 1.20), (1.05, 1.40)),
}
_MOST_STRUCTURES = 5
_LEAST_CHANGE = 5e-4  # of the image's mean brightness, for a structure to count as shown
_TEXT = """\
Every image in this folder is SYNTHETIC: drawn by tfderm ({count} images of {height}x{width} pixels, seed
{seed}). They show no person and no disease; results on them say nothing about clinical use.

- `manifest.csv`: one row per image. `label`: the structure that changes the image most, or none; a column per structure
  says whether it shows; extent (share of the image), border (its width, in radii), waviness, elongation, colours and
  hairs are as drawn.
"""


def generate(
    folder: Path | str, *, num_patients: int = 24_000, image_size: tuple[int, int] = (200, 200), seed: int = 0
) -> Path:
    """Draw a synthetic set; the folder appears when it is complete, replacing an older synthetic set there.

    The same arguments give the same images with the same versions of NumPy and OpenCV on the same kind of CPU.

    Args:
        folder: where to write; must not exist, be empty, or hold an earlier synthetic set.
        num_patients: number of images; every lesion is its own patient.
        image_size: height, width in pixels.
        seed: whole number from 0.

    Returns:
        The path of manifest.csv, with the columns of `COLUMNS`.

    Raises:
        InputError: an argument is out of range, or the folder holds something else.
    """
    folder = Path(folder)
    with synthetic_folder(folder, num_patients, image_size, seed) as target:
        rows = render_all(lambda number: _write(target, seed, number, image_size), range(num_patients))
        write_csv(target / "manifest.csv", COLUMNS, rows)
        height, width = image_size
        text = _TEXT.format(count=num_patients, height=height, width=width, seed=seed)
        describe(target, "dermoscopy", "images", seed, text)
    return folder / "manifest.csv"


def _write(target: Path, seed: int, number: int, image_size: tuple[int, int]) -> dict[str, Any]:
    image, facts = render(seed, number, image_size)
    name = f"images/lesion_{number:06d}.jpg"
    write_jpeg(target / name, image)
    return {"image": name, "patient_id": f"D{number:06d}", **facts}


def render(seed: int, number: int, image_size: tuple[int, int]) -> tuple[np.ndarray, dict[str, Any]]:
    """Draw one image.

    Returns:
        (H, W, 3) uint8 RGB, and the columns of `COLUMNS` from `label` on.
    """
    rng, frame = generator(seed, number), Frame(image_size)
    image = np.broadcast_to(_colour(rng, "skin"), (*image_size, 3)) * _mottling(rng, frame)
    lesion = make_lesion(rng, frame)
    colours = _paint_lesion(rng, image, lesion)
    change = _paint_structures(rng, image, lesion)
    hairs = _paint_surroundings(rng, image, lesion)
    shown = [name for name, amount in change.items() if amount > _LEAST_CHANGE]
    facts = {
        "label": max(shown, key=change.__getitem__, default=NONE),
        **{name: "yes" if name in shown else "no" for name in STRUCTURES},
        **{name: round(value, 4) for name, value in lesion.scalars.items()},
        "colours": colours,
        "hairs": hairs,
    }
    return _photographed(rng, image), facts


def _paint(image: np.ndarray, colour: np.ndarray, coverage: np.ndarray) -> None:
    image += (colour - image) * coverage[..., None]


def _colour(rng: np.random.Generator, name: str) -> np.ndarray:
    red, green, blue = (uniform(rng, low, high) for low, high in COLOURS[name])
    return np.array([red, red * green, red * blue])


def _mottling(rng: np.random.Generator, frame: Frame) -> np.ndarray:
    """Factor (H, W, 1) about 1."""
    mottling = 1 + uniform(rng, 0.01, 0.08) * field(rng, frame, uniform(rng, 30, 120), 2)
    if rng.random() < 0.5:
        mottling = mottling * (1 + uniform(rng, 0.01, 0.06) * field(rng, frame, uniform(rng, 3, 10)))
    return mottling[..., None]


def _paint_lesion(rng: np.random.Generator, image: np.ndarray, lesion: Lesion) -> int:
    """The lesion's colours without its structures. Returns how many."""
    _paint(image, _colour(rng, "brown"), uniform(rng, 0.25, 1.0) * lesion.mask)
    colours = whole(rng, 1, 4)
    for _ in range(colours - 1):
        name = ("brown", "brown", "dark", "red", "skin")[whole(rng, 0, 4)]
        threshold = uniform(rng, -0.3, 1.2)
        hills = field(rng, lesion.frame, uniform(rng, 15, 60), 2)
        part = smoothstep(hills, threshold, threshold + uniform(rng, 0.1, 1.0))
        _paint(image, _colour(rng, name), uniform(rng, 0.4, 1.0) * lesion.mask * part)
    grain = uniform(rng, 0, 0.12) * lesion.mask * field(rng, lesion.frame, uniform(rng, 3, 12), 2)
    image *= 1 + grain[..., None]
    return colours


def _paint_structures(rng: np.random.Generator, image: np.ndarray, lesion: Lesion) -> dict[str, float]:
    """Some structures in random order. Returns how much each changed the image: mean over its pixels and channels."""
    names = list(STRUCTURES)
    change = {}
    for index in rng.permutation(len(names))[: whole(rng, 0, _MOST_STRUCTURES)]:
        draw, colours = STRUCTURES[names[index]]
        colour = _colour(rng, colours[pick(rng, (1.0,) * len(colours))])
        before = image.copy()
        _paint(image, colour, uniform(rng, 0.12, 0.85) * draw(rng, lesion))
        change[names[index]] = float(np.abs(image - before).mean())
    return change


def _paint_surroundings(rng: np.random.Generator, image: np.ndarray, lesion: Lesion) -> int:
    """Freckles, hairs, the dark rim of the field of view, bubbles. Returns the number of hairs."""
    frame = lesion.frame
    if rng.random() < 0.3:
        freckles = scattered_dots(rng, frame, uniform(rng, 18, 42), 1.5, uniform(rng, 2, 8), 2.0, 0.5)
        _paint(image, _colour(rng, "brown"), uniform(rng, 0.1, 0.6) * freckles * (1 - lesion.mask))
    hairs = whole(rng, 1, 30) if rng.random() < 0.4 else 0
    if hairs:
        strands = curves(rng, frame, hairs, uniform(rng, 60, 200), uniform(rng, 1, 2), uniform(rng, 0.1, 1.2))
        _paint(image, _colour(rng, "dark" if rng.random() < 0.8 else "white"), uniform(rng, 0.5, 0.95) * strands)
    if rng.random() < 0.3:
        y, x = frame.grid()
        radius = uniform(rng, 85, 135)
        rim = smoothstep(np.hypot(y - UNITS / 2, x - frame.width / 2), radius, radius + uniform(rng, 2, 40))
        image *= 1 - uniform(rng, 0.6, 1.0) * rim[..., None]
    if rng.random() < 0.25:
        bubbles = scattered_dots(rng, frame, uniform(rng, 20, 42), 1.4, uniform(rng, 2, 6), 1.0, 0.4)
        _paint(image, _colour(rng, "white"), uniform(rng, 0.1, 0.5) * bubbles)
    return hairs


def _photographed(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Exposure, contrast curve, focus and sensor noise: (H, W, 3) uint8."""
    image = np.clip(image * uniform(rng, 0.75, 1.2), 0.0, 1.0) ** uniform(rng, 0.8, 1.25)
    if rng.random() < 0.6:
        image = cv2.GaussianBlur(image, (0, 0), uniform(rng, 0.3, 1.1) * image.shape[0] / UNITS)
    noise = uniform(rng, 0, 5) * rng.standard_normal((*image.shape[:2], 1))
    return np.clip(255 * image + noise, 0, 255).astype(np.uint8)
