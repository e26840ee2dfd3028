"""One synthetic photograph, from a patient's region at a visit to pixels and the label that the pixels have."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tfderm.clinical.pasi import REGIONS, area_score, region_score
from tfderm.datasets.synthetic.anatomy import Body, Frame, make_body
from tfderm.datasets.synthetic.cloth import cloth_planes
from tfderm.datasets.synthetic.distractors import paint_hair, paint_marks, paint_sunburn_and_cream
from tfderm.datasets.synthetic.lighting import Lighting, expose, illuminate, make_lighting
from tfderm.datasets.synthetic.noise import box_blur, generator, uniform, whole
from tfderm.datasets.synthetic.patients import Patient
from tfderm.datasets.synthetic.plaques import lesion_field, lesion_mask, paint_plaques, scale_planes
from tfderm.datasets.synthetic.skin import Planes, blend, hair_planes, skin_planes

_ANATOMY_STREAM = 1_000  # beyond any visit's number


@dataclass(frozen=True)
class Photograph:
    """Args: image: (H, W, 3) uint8 RGB; mask: (H, W) bool, lesions; skin: (H, W) bool, visible skin;
    erythema, induration, desquamation: 0..4; area: 0..6, the area score of mask over skin.
    """

    image: np.ndarray
    mask: np.ndarray
    skin: np.ndarray
    erythema: int
    induration: int
    desquamation: int
    area: int

    @property
    def severity(self) -> int:
        return region_score(self.erythema, self.induration, self.desquamation, self.area)


def render(seed: int, patient: Patient, visit: int, region: str, image_size: tuple[int, int]) -> Photograph:
    """Photograph one region of a patient at a visit (1, 2, ...).

    Body, marks and sites of plaques belong to the patient and stay; light, camera, cloth and severity belong to
    the visit.
    """
    frame = Frame(image_size)
    place = REGIONS.index(region)
    lasting = generator(seed, patient.number, _ANATOMY_STREAM, place)
    rng = generator(seed, patient.number, visit, place)
    body = make_body(lasting, region, frame)
    severity = patient.visits[visit - 1][region]
    sites = whole(lasting, 2, 9) + int(severity.percent / 12.0)
    field = lesion_field(lasting, frame, body.skin, sites)
    mask = lesion_mask(field, frame, body.skin, severity.percent)
    area = area_score(Fraction(100 * int(mask.sum()), max(1, int(body.skin.sum()))))
    levels = (severity.erythema, severity.induration, severity.desquamation) if area else (0, 0, 0)

    lighting = make_lighting(rng)
    bare = skin_planes(rng, frame, patient.tone)
    scale = scale_planes(rng, bare, patient.tone)
    planes = paint_marks(lasting, frame, bare, patient.tone)
    planes = paint_sunburn_and_cream(rng, frame, planes, mask, patient.tone, scale)
    if area:
        planes = paint_plaques(rng, frame, planes, mask, levels, patient.tone, lighting.toward, scale)
    hairy = uniform(lasting, 0.0, 1.0 if patient.sex == "male" else 0.4)
    planes = paint_hair(rng, frame, planes, 0.2 * hairy if region == "head" else hairy)
    planes = blend(planes, hair_planes(rng, frame), box_blur(body.scalp, frame.pixels(0.8)))
    image = photograph(rng, frame, body, planes, bare, scale, patient.tone, lighting)
    return Photograph(image, mask, body.skin, *levels, area)


def photograph(
    rng: np.random.Generator,
    frame: Frame,
    body: Body,
    planes: Planes,
    bare: Planes,
    scale: Planes,
    tone: float,
    lighting: Lighting,
) -> np.ndarray:
    """Dress the painted body, light it, put it before a background and take the picture: (H, W, 3) uint8 RGB.

    Args:
        rng: stream of the photograph.
        frame: pixel grid.
        body: what is skin, scalp and cloth.
        planes: reflectance of the body.
        bare, scale: unmarked skin and scales of the photograph, which some cloth is coloured like.
        tone: Fitzpatrick type as a real number.
        lighting: light and camera.
    """
    covered = box_blur(body.inside & ~body.skin & ~body.scalp, frame.pixels(0.4))
    planes = blend(planes, cloth_planes(rng, frame, bare, scale, tone), covered)
    planes = illuminate(planes, body, lighting, frame)
    outside = box_blur(~body.inside, frame.pixels(0.4))
    planes = blend(planes, cloth_planes(rng, frame, bare, scale, tone), outside)
    return expose(rng, planes, lighting, frame)
