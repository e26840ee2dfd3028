"""The embedded synthetic set of psoriasis and eczema: large photographs in which one small lesion tells the label.

Synthetic: no patient, no photograph. Redness, area, place, skin tone, region and background are drawn without regard to
the label, which only the morphology of the lesion shows. A score on it says nothing clinical.
"""

import math
from pathlib import Path

from tfderm.clinical.pasi import REGIONS
from tfderm.datasets.synthetic.anatomy import Frame
from tfderm.datasets.synthetic.coco import cluster_annotation
from tfderm.datasets.synthetic.distractors import paint_hair, paint_marks, paint_sunburn_and_cream
from tfderm.datasets.synthetic.labelled import Photograph, write_labelled
from tfderm.datasets.synthetic.lesions import make_lesion_mask, paint_eczema, paint_psoriasis
from tfderm.datasets.synthetic.lighting import make_lighting
from tfderm.datasets.synthetic.noise import box_blur, generator, pick, uniform, whole
from tfderm.datasets.synthetic.patients import Patient
from tfderm.datasets.synthetic.plaques import scale_planes
from tfderm.datasets.synthetic.scene import photograph
from tfderm.datasets.synthetic.skin import blend, hair_planes, skin_planes
from tfderm.datasets.synthetic.views import Site, view

VERSION = 1  # goes up with every change of the rendered bytes
LABELS = ("psoriasis", "eczema")
REGION_WEIGHTS = (0.15, 0.25, 0.3, 0.3)
_AREA = 0.018, 0.095  # of the picture
STREAM = 2_000  # beyond any visit's number
_TEXT = """\
- `manifest.csv`: one row per photograph; `label` is psoriasis or eczema, the same for all photographs of a patient.
- `lesions.json`: the lesion, or the cluster of lesions, of each photograph as one box and mask in COCO format.
  `masks/`: the same as binary images. An eczema fades: its mask ends where half of it has faded.
"""


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
        The path of manifest.csv, with the columns of `labelled.COLUMNS`.

    Raises:
        InputError: an argument is out of range, or the folder holds something else.
    """
    return write_labelled(
        folder, "psoriasis and eczema", num_patients, image_size, seed, STREAM, render, cluster_annotation, _TEXT
    )


def label_of(seed: int, patient: Patient) -> str:
    """The patient's disease, each as likely as the other."""
    return LABELS[whole(generator(seed, patient.number, STREAM + 1), 0, 1)]


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
    label = label or label_of(seed, patient)
    rng = generator(seed, patient.number, STREAM, number)
    region = REGIONS[pick(rng, REGION_WEIGHTS)]
    erythema = whole(rng, 1, 4)
    area = uniform(rng, *_AREA) * frame.shape[0] * frame.shape[1]
    reach = min(0.6 * math.sqrt(area), 0.45 * min(image_size))
    place = tuple(reach + (side - 2.0 * reach) * float(rng.random()) for side in image_size)
    body = view(rng, region, frame, uniform(rng, 1.15, 1.8), place, reach)
    centre = place[0] / frame.unit, place[1] / frame.unit
    mask = make_lesion_mask(rng, frame, body.skin, centre, area / (frame.unit * frame.unit))

    lighting = make_lighting(rng)
    site = Site(frame, body.skin, patient.tone, lighting.toward)
    bare = skin_planes(rng, frame, patient.tone)
    scale = scale_planes(rng, bare, patient.tone)
    planes = paint_marks(rng, frame, bare, patient.tone)
    planes = paint_sunburn_and_cream(rng, frame, planes, mask, patient.tone, scale)
    lesion_rng = generator(seed, patient.number, STREAM, number, 1)
    if label == "psoriasis":
        planes = paint_psoriasis(lesion_rng, site, planes, mask, erythema, scale)
    else:
        planes = paint_eczema(lesion_rng, site, planes, mask, erythema)
    hairy = uniform(rng, 0.0, 1.0 if patient.sex == "male" else 0.4)
    planes = paint_hair(rng, frame, planes, 0.2 * hairy if region == "head" else hairy)
    planes = blend(planes, hair_planes(rng, frame), box_blur(body.scalp, frame.pixels(0.8)))
    image = photograph(rng, frame, body, planes, bare, scale, patient.tone, lighting)
    return Photograph(image, mask, label, region)
