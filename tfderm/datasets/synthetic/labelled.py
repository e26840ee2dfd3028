"""Sets of photographs with one label per patient, as files: images, masks, a manifest and boxes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfderm.datasets.synthetic.coco import write_lesions
from tfderm.datasets.synthetic.folder import describe, render_all, synthetic_folder
from tfderm.datasets.synthetic.noise import generator, pick
from tfderm.datasets.synthetic.patients import Patient, make_patient
from tfderm.datasets.synthetic.png import write_png
from tfderm.files import write_csv

COLUMNS = ("image", "patient_id", "label", "age", "sex", "fitzpatrick", "region")
PHOTOGRAPH_WEIGHTS = (0.4, 0.35, 0.25)
_HEADING = """\
Every image in this folder is SYNTHETIC: rendered by tfderm ({patients} patients, {photographs} photographs of
{height}x{width} pixels, seed {seed}). No person was photographed; results on it say nothing about clinical use.

"""


@dataclass(frozen=True)
class Photograph:
    """Args: image: (H, W, 3) uint8 RGB; mask: (H, W) bool, the lesions; label: what they are; region: of the body."""

    image: np.ndarray
    mask: np.ndarray
    label: str
    region: str


def photographs(seed: int, num_patients: int, stream: int) -> list[tuple[Patient, int]]:
    """Patients with the numbers 1, 2, 3 of their photographs, 1.85 on average.

    Args:
        seed: of the set.
        num_patients: how many.
        stream: of the set's own random numbers, beyond any visit's number.
    """
    patients = [make_patient(seed, number) for number in range(num_patients)]
    return [
        (patient, number)
        for patient in patients
        for number in range(1, 2 + pick(generator(seed, patient.number, stream), PHOTOGRAPH_WEIGHTS))
    ]


def write_labelled(
    folder: Path | str,
    name: str,
    num_patients: int,
    image_size: tuple[int, int],
    seed: int,
    stream: int,
    render: Callable[[int, Patient, int, tuple[int, int]], Photograph],
    annotate: Callable[[np.ndarray], list[dict[str, Any]]],
    text: str,
) -> Path:
    """Render a set into a folder that appears when it is complete.

    Args:
        folder: where to write; must not exist, be empty, or hold an earlier synthetic set.
        name: of the set, as README.md and dataset.json give it.
        num_patients, image_size, seed: as the set's `generate`.
        stream: as in `photographs`.
        render: seed, patient, number of the photograph, image size -> photograph.
        annotate: mask -> COCO annotations.
        text: what README.md says of the files.

    Returns:
        The path of manifest.csv, with the columns of `COLUMNS`.

    Raises:
        InputError: an argument is out of range, or the folder holds something else.
    """
    folder = Path(folder)

    def write(task: tuple[Patient, int]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        patient, number = task
        picture = render(seed, patient, number, image_size)
        file = f"{patient.name}_{number}.png"
        write_png(target / "images" / file, picture.image)
        write_png(target / "masks" / file, picture.mask)
        values = (
            f"images/{file}", patient.name, picture.label, patient.age, patient.sex, patient.fitzpatrick,
            picture.region,
        )  # fmt: skip
        return dict(zip(COLUMNS, values, strict=True)), annotate(picture.mask)

    with synthetic_folder(folder, num_patients, image_size, seed) as target:
        (target / "masks").mkdir()
        rendered = render_all(write, photographs(seed, num_patients, stream))
        write_csv(target / "manifest.csv", COLUMNS, [row for row, _ in rendered])
        write_lesions(target / "lesions.json", name, image_size, [(row["image"], found) for row, found in rendered])
        height, width = image_size
        heading = _HEADING.format(
            patients=num_patients, photographs=len(rendered), height=height, width=width, seed=seed
        )
        describe(target, name, "photographs", seed, heading + text)
    return folder / "manifest.csv"
