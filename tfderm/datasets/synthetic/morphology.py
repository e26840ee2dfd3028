"""The embedded synthetic set of primary morphologies: close-ups of nine, in uneven numbers, and of normal skin.

Synthetic: no patient, no photograph. Labels are those of Mishra et al.; a score on it says nothing clinical.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfderm.clinical.pasi import REGIONS
from tfderm.datasets.synthetic.anatomy import Body, Frame
from tfderm.datasets.synthetic.coco import annotations
from tfderm.datasets.synthetic.distractors import paint_hair, paint_nevi
from tfderm.datasets.synthetic.flat import Painted, paint_erythema, paint_leukoderma, paint_maculae
from tfderm.datasets.synthetic.labelled import Photograph, write_labelled
from tfderm.datasets.synthetic.lighting import make_lighting
from tfderm.datasets.synthetic.noise import generator, pick, smoothstep, uniform, value_noise
from tfderm.datasets.synthetic.patients import Patient
from tfderm.datasets.synthetic.plaques import scale_planes
from tfderm.datasets.synthetic.raised import paint_acne, paint_crust, paint_pustules, paint_ulcer, paint_wheals
from tfderm.datasets.synthetic.scalp import make_scalp, paint_alopecia, paint_hairline, paint_hairy_scalp
from tfderm.datasets.synthetic.scene import photograph
from tfderm.datasets.synthetic.skin import Planes, skin_planes
from tfderm.datasets.synthetic.views import Site, view

VERSION = 1  # goes up with every change of the rendered bytes
NORMAL, ACNE, ALOPECIA = "Normal", "Acne", "Alopecia"
WEIGHTS = {
    ACNE: 16, ALOPECIA: 8, "Crust": 10, "Erythema": 16, "Leukoderma": 6, "Pigmented Maculae": 14, "Pustule": 7,
    "Ulcer": 4, "Wheal": 9, NORMAL: 10,
}  # fmt: skip
LABELS = tuple(WEIGHTS)
SCALP = "scalp"
_PAINTERS: dict[str, Callable[[np.random.Generator, Site, Planes], Painted]] = {
    "Leukoderma": paint_leukoderma, "Erythema": paint_erythema, "Pigmented Maculae": paint_maculae,
    "Wheal": paint_wheals, ACNE: paint_acne, "Pustule": paint_pustules, "Crust": paint_crust, "Ulcer": paint_ulcer,
}  # fmt: skip
"""In the order in which one is painted over another."""
_REGION_WEIGHTS = {ACNE: (0.75, 0.25, 0.0, 0.0), "Ulcer": (0.05, 0.1, 0.2, 0.65)}
_ANY_REGION = (0.3, 0.25, 0.25, 0.2)
_SCALP_CHANCES = {NORMAL: 0.4, ALOPECIA: 1.0}
_SEBUM_CHANCE = 0.3
_SEBUM_CHANCES = {ACNE: 0.8}
STREAM = 3_000  # beyond any visit's number
_TEXT = """\
- `manifest.csv`: one row per photograph; `label` is one of nine morphologies or Normal, the same for all photographs of
  a patient. To leave normal skin out, leave Normal out of a recipe's labels.
- `lesions.json`: every lesion as box and mask in COCO format; none for Normal. `masks/`: the same as binary images.
"""


def generate(
    folder: Path | str, *, num_patients: int = 800, image_size: tuple[int, int] = (128, 128), seed: int = 0
) -> Path:
    """Render a synthetic set; the folder appears when it is complete, replacing an older synthetic set there.

    The same arguments give the same bytes on every machine.

    Args:
        folder: where to write; must not exist, be empty, or hold an earlier synthetic set.
        num_patients: patients with one morphology and one to three photographs each, 1.85 on average. Morphologies are
            drawn in proportion to `WEIGHTS`.
        image_size: height, width in pixels.
        seed: whole number from 0.

    Returns:
        The path of manifest.csv, with the columns of `labelled.COLUMNS`.

    Raises:
        InputError: an argument is out of range, or the folder holds something else.
    """
    return write_labelled(folder, "morphology", num_patients, image_size, seed, STREAM, render, annotations, _TEXT)


def label_of(seed: int, patient: Patient) -> str:
    """The patient's morphology, drawn in proportion to `WEIGHTS`."""
    return LABELS[pick(generator(seed, patient.number, STREAM + 1), tuple(WEIGHTS.values()))]


def render(
    seed: int, patient: Patient, number: int, image_size: tuple[int, int], label: str | None = None
) -> Photograph:
    """Photograph number 1, 2, ... of a patient.

    Args:
        seed: of the set.
        patient: who; skin tone, sex, age and morphology are taken from there.
        number: which photograph; region, light and camera differ.
        image_size: height, width in pixels.
        label: paint this morphology, or these with semicolons between, instead of the patient's own.
    """
    label = label or label_of(seed, patient)
    rng = generator(seed, patient.number, STREAM, number)
    frame = Frame(image_size)
    if rng.random() < _SCALP_CHANCES.get(label, 0.0):
        region, body = SCALP, make_scalp(rng, frame)
    else:
        region = REGIONS[pick(rng, _REGION_WEIGHTS.get(label, _ANY_REGION))]
        place = tuple(side * uniform(rng, 0.35, 0.65) for side in image_size)
        body = view(rng, region, frame, uniform(rng, 1.6, 3.0), place, 0.3 * frame.shape[0])
    lighting = make_lighting(rng)
    site = Site(frame, body.skin, patient.tone, lighting.toward)
    bare = skin_planes(rng, frame, patient.tone)
    scale = scale_planes(rng, bare, patient.tone)
    planes = paint_nevi(rng, frame, bare, 3)
    mask = np.zeros(frame.shape, bool)
    if label == ALOPECIA:
        planes, mask = paint_alopecia(rng, site, planes, patient.age)
    elif region == SCALP:
        planes = paint_hairy_scalp(rng, site, planes, patient.age)
    else:
        for name, paint in _PAINTERS.items():
            if name in label.split(";"):
                planes, painted = paint(rng, site, planes)
                mask |= painted
        if rng.random() < _SEBUM_CHANCES.get(label, _SEBUM_CHANCE):
            planes = _sheen(rng, frame, body, lighting.toward, planes)
        hairy = uniform(rng, 0.0, 1.0 if patient.sex == "male" else 0.4)
        planes = paint_hair(rng, frame, planes, 0.08 * hairy if region == "head" else 0.25 * hairy)
        planes = paint_hairline(rng, site, planes, body.scalp, patient.age)
    image = photograph(rng, frame, body, planes, bare, scale, patient.tone, lighting)
    return Photograph(image, mask & body.skin, label, region)


def _sheen(
    rng: np.random.Generator, frame: Frame, body: Body, toward: tuple[float, float, float], planes: Planes
) -> Planes:
    """Sebum or sweat: the skin mirrors the light where it leans towards it, broken up by its pores."""
    tilt = uniform(rng, 0.3, 0.7)
    miss_x, miss_y = body.normal[0] - tilt * toward[0], body.normal[1] - tilt * toward[1]
    pores = 0.7 + 0.5 * value_noise(rng, frame.shape, 2.5 * frame.unit)
    lit = smoothstep(1.0 - (miss_x * miss_x + miss_y * miss_y) / 0.12) * np.maximum(pores, 0.0)
    lit = uniform(rng, 0.1, 0.5) * lit
    return [plane + (0.25 * plane + 0.25) * lit for plane in planes]
