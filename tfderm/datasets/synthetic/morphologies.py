"""The embedded synthetic set of mixed morphologies: close-ups of normal skin or of up to three kinds of lesion at once.

Synthetic: no patient, no photograph. Labels are those of Mishra et al.; a score on it says nothing clinical.
"""

from pathlib import Path

from tfderm.datasets.synthetic import morphology
from tfderm.datasets.synthetic.coco import annotations
from tfderm.datasets.synthetic.labelled import Photograph, write_labelled
from tfderm.datasets.synthetic.morphology import ALOPECIA, NORMAL, STREAM
from tfderm.datasets.synthetic.noise import generator, pick
from tfderm.datasets.synthetic.patients import Patient

VERSION = 1  # goes up with every change of the rendered bytes
WEIGHTS = {label: weight for label, weight in morphology.WEIGHTS.items() if label not in (ALOPECIA, NORMAL)}
COUNT_WEIGHTS = (0.1, 0.4, 0.35, 0.15)
"""Of photographs with no, one, two and three kinds of lesion."""

_TEXT = """\
- `manifest.csv`: one row per photograph; `label` is Normal or up to three of eight morphologies, with semicolons
  between, the same for all photographs of a patient.
- `lesions.json`: every lesion as box and mask in COCO format; none for Normal. `masks/`: the same as binary images.
"""


def generate(
    folder: Path | str, *, num_patients: int = 800, image_size: tuple[int, int] = (128, 128), seed: int = 0
) -> Path:
    """Render a synthetic set; arguments, files and errors as `tfderm.datasets.synthetic.morphology.generate`."""
    return write_labelled(folder, "morphologies", num_patients, image_size, seed, STREAM, render, annotations, _TEXT)


def labels_of(seed: int, patient: Patient) -> tuple[str, ...]:
    """The patient's morphologies in alphabetical order, drawn one after another in proportion to `WEIGHTS`."""
    rng, weights, drawn = generator(seed, patient.number, STREAM + 2), dict(WEIGHTS), []
    for _ in range(pick(rng, COUNT_WEIGHTS)):
        drawn.append(list(weights)[pick(rng, tuple(weights.values()))])
        del weights[drawn[-1]]
    return tuple(sorted(drawn)) or (NORMAL,)


def render(seed: int, patient: Patient, number: int, image_size: tuple[int, int]) -> Photograph:
    """Photograph number 1, 2, ... of a patient, as `tfderm.datasets.synthetic.morphology.render`."""
    return morphology.render(seed, patient, number, image_size, ";".join(labels_of(seed, patient)))
