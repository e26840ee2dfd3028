"""The embedded synthetic set of psoriasis and eczema: large photographs in which one small lesion tells the label.

Synthetic: no patient, no photograph. Redness, area, place, skin tone, region and background are drawn without regard to
the label, which only the morphology of the lesion shows. A score on it says nothing clinical.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfderm.clinical.pasi import REGIONS
from tfderm.datasets.synthetic.anatomy import Frame
from tfderm.datasets.synthetic.coco import cluster_annotation, write_lesions
from tfderm.datasets.synthetic.distractors import paint_hair, paint_marks, paint_sunburn_and_cream
from tfderm.datasets.synthetic.folder import describe, render_all, synthetic_folder
from tfderm.datasets.synthetic.lesions import make_lesion_mask, paint_eczema, paint_psoriasis
from tfderm.datasets.synthetic.lighting import make_lighting
from tfderm.datasets.synthetic.noise import box_blur, generator, pick, uniform, whole
from tfderm.datasets.synthetic.patients import Patient, make_patient
from tfderm.datasets.synthetic.plaques import scale_planes
from tfderm.datasets.synthetic.png import write_png
from tfderm.datasets.synthetic.scene import photograph
from tfderm.datasets.synthetic.skin import blend, hair_planes, skin_planes
from tfderm.datasets.synthetic.views import Site, view
from tfderm.files import write_csv

VERSION = 1  # goes up with every change of the rendered bytes
LABELS = ("psoriasis", "eczema")
COLUMNS = ("image", "patient_id", "label", "age", "sex", "fitzpatrick", "region")
PHOTOGRAPH_WEIGHTS = (0.4, 0.35, 0.25)
REGION_WEIGHTS = (0.15, 0.25, 0.3, 0.3)
_AREA = 0.022, 0.115  # of the picture
_STREAM = 2_000  # beyond any visit's number
_TEXT = """\
Every image in this folder is SYNTHETIC: rendered by tfderm ({patients} patients, {photographs} photographs of
{height}x{width} pixels, seed {seed}). No person was photographed; results on it say nothing about clinical use.

- `manifest.csv`: one row per photograph; `label` is psoriasis or eczema, the same for all photographs of a patient.
- `lesions.json`: the lesion, or the cluster of lesions, of each photograph as one box and mask in COCO format.
  `masks/`: the same as binary images. An eczema fades: its mask ends where half of it has faded.
"""


@dataclass(frozen=True)
class Photograph:
    """Args: image: (H, W, 3) uint8 RGB; mask: (H, W) bool, the lesion; label: of `LABELS`; region: of the body;
    erythema: 1..4.
    """

    image: np.ndarray
    mask: np.ndarray
    label: str
    region: str
    erythema: int


def generate(
    folder: Path | str, *, num_patients: int = 400, image_size: tuple[int, int] = (216, 324), seed: int = 0
) -> Path:
    """Render a synthetic set; the folder appears when it is complete, replacing an older synthetic set there.

    The same arguments give the same bytes on every machine.

    Args:
        folder: where to write; must not exist, be empty, or hold an earlier synthetic set.
        num_patients: patients with one disease and one to three photographs each, 1.85 on average.
        image_size: height, width in pixels; the shape of the default is that of Lunding Jensen and Knudsen Brun's.
        seed: whole number from 0.

    Returns:
        The path of manifest.csv, with the columns of `COLUMNS`.

    Raises:
        InputError: an argument is out of range, or the folder holds something else.
    """
    folder = Path(folder)
    with synthetic_folder(folder, num_patients, image_size, seed) as target:
        patients = [make_patient(seed, number) for number in range(num_patients)]
        tasks = [(patient, number) for patient in patients for number in range(1, _photographs(seed, patient) + 1)]
        (target / "masks").mkdir()
        rendered = render_all(lambda task: _write(target, seed, image_size, *task), tasks)
        write_csv(target / "manifest.csv", COLUMNS, [row for row, _ in rendered])
        found = [(row["image"], lesions) for row, lesions in rendered]
        write_lesions(target / "lesions.json", "psoriasis and eczema", image_size, found)
        height, width = image_size
        text = _TEXT.format(patients=num_patients, photographs=len(tasks), height=height, width=width, seed=seed)
        describe(target, "psoriasis and eczema", "photographs", seed, text)
    return folder / "manifest.csv"


def _photographs(seed: int, patient: Patient) -> int:
    return 1 + pick(generator(seed, patient.number, _STREAM), PHOTOGRAPH_WEIGHTS)


def _write(
    target: Path, seed: int, image_size: tuple[int, int], patient: Patient, number: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    picture = render(seed, patient, number, image_size)
    name = f"{patient.name}_{number}.png"
    write_png(target / "images" / name, picture.image)
    write_png(target / "masks" / name, picture.mask)
    values = (
        f"images/{name}", patient.name, picture.label, patient.age, patient.sex, patient.fitzpatrick, picture.region,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True)), cluster_annotation(picture.mask)


def render(
    seed: int, patient: Patient, number: int, image_size: tuple[int, int], label: str | None = None
) -> Photograph:
    """Photograph number 1, 2, ... of a patient.

    Args:
        seed: of the set.
        patient: who; skin tone, sex and disease are taken from there.
        number: which photograph; region, lesion, light and camera differ.
        image_size: height, width in pixels.
        label: paint this disease instead of the patient's own, everything else being equal.
    """
    frame = Frame(image_size)
    own = LABELS[whole(generator(seed, patient.number, _STREAM + 1), 0, 1)]
    label = label or own
    rng = generator(seed, patient.number, _STREAM, number)
    region = REGIONS[pick(rng, REGION_WEIGHTS)]
    erythema = whole(rng, 1, 4)
    area = uniform(rng, *_AREA) * frame.shape[0] * frame.shape[1]
    reach = 0.6 * math.sqrt(area)
    place = tuple(
        uniform(rng, min(1.1 * reach, 0.5 * side), max(side - 1.1 * reach, 0.5 * side)) for side in image_size
    )
    body = view(rng, region, frame, uniform(rng, 1.15, 1.8), place, reach)
    centre = place[0] / frame.unit, place[1] / frame.unit
    mask = make_lesion_mask(rng, frame, body.skin, centre, area / (frame.unit * frame.unit))

    lighting = make_lighting(rng)
    site = Site(frame, body.skin, patient.tone, lighting.toward)
    bare = skin_planes(rng, frame, patient.tone)
    scale = scale_planes(rng, bare, patient.tone)
    planes = paint_marks(rng, frame, bare, patient.tone)
    planes = paint_sunburn_and_cream(rng, frame, planes, mask, patient.tone, scale)
    lesion_rng = generator(seed, patient.number, _STREAM, number, 1)
    if label == "psoriasis":
        planes = paint_psoriasis(lesion_rng, site, planes, mask, erythema, scale)
    else:
        planes = paint_eczema(lesion_rng, site, planes, mask, erythema)
    hairy = uniform(rng, 0.0, 1.0 if patient.sex == "male" else 0.4)
    planes = paint_hair(rng, frame, planes, 0.2 * hairy if region == "head" else hairy)
    planes = blend(planes, hair_planes(rng, frame), box_blur(body.scalp, frame.pixels(0.8)))
    image = photograph(rng, frame, body, planes, bare, scale, patient.tone, lighting)
    return Photograph(image, mask, label, region, erythema)
