"""Who is photographed and how ill: patients, their visits, and the severity of each region at each visit.

Latent bell-shaped numbers stand for the tendency of a patient, a region and a component; what erythema, induration and
desquamation share makes them correlate at about one half, and the affected area follows its own tendency.
"""

from dataclasses import dataclass

import numpy as np

from tfderm.clinical.pasi import REGIONS
from tfderm.datasets.synthetic.noise import bell, generator, pick, uniform, whole

FITZPATRICK_WEIGHTS = (0.10, 0.22, 0.26, 0.20, 0.13, 0.09)
VISIT_WEIGHTS = (0.70, 0.16, 0.07, 0.04, 0.02, 0.01)
_AREA_LATENT = (-1.55, -1.30, -0.60, 0.00, 0.60, 1.20, 1.80, 2.40, 3.00)
_AREA_PERCENT = (0.0, 1.5, 6.0, 12.0, 22.0, 40.0, 62.0, 84.0, 97.0)


@dataclass(frozen=True)
class Severity:
    """What one region shows at one visit: components 0..4 and the percentage of skin to cover with plaques."""

    erythema: int
    induration: int
    desquamation: int
    percent: float


@dataclass(frozen=True)
class Patient:
    """One synthetic patient; `visits[v][region]` is what is seen at visit v + 1."""

    number: int
    age: int
    sex: str
    fitzpatrick: int
    tone: float
    visits: tuple[dict[str, Severity], ...]

    @property
    def name(self) -> str:
        return f"p{self.number:04d}"


def make_patient(seed: int, number: int) -> Patient:
    """Draw a patient; the same (seed, number) gives the same one, whatever others there are."""
    rng = generator(seed, number)
    fitzpatrick = 1 + pick(rng, FITZPATRICK_WEIGHTS)
    tone = fitzpatrick + uniform(rng, -0.45, 0.45)
    age = whole(rng, 18, 82)
    sex = "female" if rng.random() < 0.47 else "male"
    course = _course(rng, 1 + pick(rng, VISIT_WEIGHTS))
    tendency, area_tendency = bell(rng), bell(rng)
    regions = {region: _Region(rng, tendency, area_tendency) for region in REGIONS}
    visits = tuple({region: regions[region].at(change, rng) for region in REGIONS} for change in course)
    return Patient(number, age, sex, fitzpatrick, tone, visits)


def _course(rng: np.random.Generator, num_visits: int) -> list[float]:
    """Change of the latent severity since the first visit: mostly improvement, sometimes a relapse."""
    course = [0.0]
    for _ in range(num_visits - 1):
        relapse = rng.random() < 0.2
        course.append(course[-1] + (uniform(rng, 0.2, 0.8) if relapse else -uniform(rng, 0.2, 0.9)))
    return course


class _Region:
    """Tendencies of one region of one patient, constant over the visits."""

    def __init__(self, rng: np.random.Generator, tendency: float, area_tendency: float):
        shared = 0.7 * tendency + 0.7 * bell(rng)
        self.components = [0.70 * shared + 0.72 * bell(rng) for _ in range(3)]
        self.area = 0.15 * shared + 0.45 * area_tendency + 0.85 * bell(rng)

    def at(self, change: float, rng: np.random.Generator) -> Severity:
        percent = _interpolate(self.area + 0.7 * change + 0.15 * bell(rng))
        if percent == 0.0:
            return Severity(0, 0, 0, 0.0)
        levels = [
            min(4, max(0, round(centre + 1.25 * (latent + change) + 0.15 * bell(rng))))
            for centre, latent in zip((2.1, 1.7, 1.7), self.components, strict=True)
        ]
        return Severity(max(1, levels[0]), levels[1], levels[2], percent)


def _interpolate(latent: float) -> float:
    if latent <= _AREA_LATENT[0]:
        return 0.0
    for x0, x1, y0, y1 in zip(_AREA_LATENT, _AREA_LATENT[1:], _AREA_PERCENT, _AREA_PERCENT[1:], strict=False):
        if latent <= x1:
            return y0 + (y1 - y0) * (latent - x0) / (x1 - x0)
    return _AREA_PERCENT[-1]
