"""The embedded synthetic set of pigmented lesions with patient data: age and site hint at the kind, sex does not.

Synthetic: no lesion and no patient. The pictures are those of the dermoscopy set; what their structures speak for, the
age and the site are drawn to agree more often than not, so that reading them beside the picture pays.
"""

from pathlib import Path
from typing import Any

import numpy as np

from tfderm.clinical.taxonomy import SPEAKS_FOR
from tfderm.datasets.synthetic import dermoscopy
from tfderm.datasets.synthetic.folder import describe, render_all, synthetic_folder, write_jpeg
from tfderm.datasets.synthetic.noise import bell, generator, pick
from tfderm.files import write_csv

VERSION = 1  # goes up with every change of the pictures or the patients
COLUMNS = ("image", "patient_id", "label", "age", "sex", "site")
SITES = ("back", "chest", "face", "lower extremity", "upper extremity")
_AGES = {"nv": (36.0, 12.0), "bkl": (64.0, 11.0), "mel": (57.0, 14.0)}
_SITE_WEIGHTS = {"nv": (4.0, 2.0, 0.5, 2.0, 1.5), "bkl": (1.0, 1.0, 5.0, 1.0, 2.0), "mel": (3.0, 0.5, 1.0, 4.0, 1.5)}
_UNKNOWN = 0.08
_TEXT = """\
Every image in this folder is SYNTHETIC: drawn by tfderm ({count} images of {height}x{width} pixels, seed
{seed}). They show no person and no disease; results on them say nothing about clinical use.

- `manifest.csv`: one row per image. `label`: what the most visible structure would speak for (nv, bkl or mel); `age`,
  `sex` and `site` of an invented patient, each unknown for {unknown:.0%} of them, whatever the label.
"""


def generate(
    folder: Path | str, *, num_patients: int = 1500, image_size: tuple[int, int] = (120, 160), seed: int = 0
) -> Path:
    """Draw a synthetic set; the folder appears when it is complete, replacing an older synthetic set there.

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
        text = _TEXT.format(count=num_patients, height=height, width=width, seed=seed, unknown=_UNKNOWN)
        describe(target, "pigmented", "images", seed, text)
    return folder / "manifest.csv"


def _write(target: Path, seed: int, number: int, image_size: tuple[int, int]) -> dict[str, Any]:
    image, label = _lesion(seed, number, image_size)
    name = f"images/lesion_{number:06d}.jpg"
    write_jpeg(target / name, image)
    return {"image": name, "patient_id": f"M{number:06d}", "label": label, **_patient(seed, number, label)}


def _lesion(seed: int, number: int, image_size: tuple[int, int]) -> tuple[np.ndarray, str]:
    """The first drawn lesion of this number whose main structure speaks for something."""
    attempt = 0
    while True:
        image, facts = dermoscopy.render(seed + 1_000_003 * attempt, number, image_size)
        if facts["label"] in SPEAKS_FOR:
            return image, SPEAKS_FOR[facts["label"]]
        attempt += 1


def _patient(seed: int, number: int, label: str) -> dict[str, str]:
    rng = generator(seed, number, 1)
    mean, deviation = _AGES[label]
    known = {
        "age": str(int(min(max(mean + deviation * bell(rng), 5.0), 95.0))),
        "sex": ("female", "male")[pick(rng, (1.0, 1.0))],
        "site": SITES[pick(rng, _SITE_WEIGHTS[label])],
    }
    return {name: value if rng.random() >= _UNKNOWN else "" for name, value in known.items()}
