"""The embedded synthetic set of psoriasis and eczema seen closely, each patient with blood reports.

Synthetic: no patient, no photograph, no blood. Morphology shows the disease; what laboratories often find beside each
(eosinophils and immunoglobulin E in eczema, C-reactive protein and uric acid in psoriasis) is drawn to agree with it
more often than not, so that reading it beside the picture pays. Haemoglobin, age and sex say nothing.
"""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tfderm.datasets.lab_results import attach
from tfderm.datasets.synthetic import psoriasis_eczema
from tfderm.datasets.synthetic.folder import describe, render_all, synthetic_folder, write_jpeg
from tfderm.datasets.synthetic.labelled import photographs
from tfderm.datasets.synthetic.noise import bell, generator, whole
from tfderm.datasets.synthetic.patients import Patient, make_patient
from tfderm.files import write_csv, write_text

VERSION = 1  # goes up with every change of the pictures, the patients or their reports
COLUMNS = ("image", "patient_id", "label", "date", "age", "sex", "site")
WINDOW = 60
_STREAM = 3_000  # beyond any visit's number
_WHOLE_PHOTOGRAPH = (216, 324)
_MARGIN = 0.35  # of the lesion, around it
_UNKNOWN, _WITHOUT_REPORT, _NOT_MEASURED = 0.08, 0.15, 0.12
_FIRST_DAY = date(2024, 1, 8)
# English and Italian name; unit of the table, another unit and its factor; median in psoriasis and in eczema; spread of
# the logarithm; reference range in the first unit.
_ANALYTES = (
    ("Hemoglobin", "Emoglobina", ("g/dL", "g/L", 10.0), (14.0, 14.0), 0.09, (12.0, 17.0)),
    ("Eosinophils, Absolute", "Eosinofili", ("10^3/uL", "10^9/L", 1.0), (0.19, 0.46), 0.55, (0.0, 0.5)),
    ("C-Reactive Protein", "Proteina C reattiva", ("mg/L", "mg/dL", 0.1), (4.6, 1.9), 0.8, (0.0, 5.0)),
    ("Uric Acid", "Acido urico", ("mg/dL", "umol/L", 59.48), (6.4, 5.2), 0.2, (2.5, 7.0)),
    ("Immunoglobulin E, Total", "IgE totali", ("IU/mL", "kU/L", 1.0), (60.0, 380.0), 1.1, (0.0, 100.0)),
)
_TEXT = """\
Every image and every report in this folder is SYNTHETIC: drawn by tfderm ({patients} patients, {photographs}
photographs of {height}x{width} pixels, seed {seed}). They show no person, no disease and nobody's blood; results on
them say nothing about clinical use.

- `photographs.csv`: one row per photograph; `label` is psoriasis or eczema; `age` and `sex` are unknown for
  {unknown:.0%} of the photographs each, whatever the label.
- `reports/`: blood reports as text, of two invented laboratories; some patients have none, some two.
- `reports.csv`: whose report each is.
- `manifest.csv`: made by
  `tfderm labs attach photographs.csv --reports reports.csv --window {window} --dates day-first -o manifest.csv`.
"""


def generate(
    folder: Path | str, *, num_patients: int = 400, image_size: tuple[int, int] = (96, 128), seed: int = 0
) -> Path:
    """Draw a synthetic set; the folder appears when it is complete, replacing an older synthetic set there.

    Args:
        folder: where to write; must not exist, be empty, or hold an earlier synthetic set.
        num_patients: patients with one disease and one to three photographs each, 1.85 on average.
        image_size: height, width in pixels.
        seed: whole number from 0.

    Returns:
        The path of manifest.csv, with the columns of `COLUMNS` and one, `lab_...`, of each analyte.

    Raises:
        InputError: an argument is out of range, or the folder holds something else.
    """
    folder = Path(folder)
    with synthetic_folder(folder, num_patients, image_size, seed) as target:
        rows = render_all(
            lambda task: _write_photograph(target, seed, *task, image_size), photographs(seed, num_patients, _STREAM)
        )
        write_csv(target / "photographs.csv", COLUMNS, rows)
        (target / "reports").mkdir()
        patients = (make_patient(seed, number) for number in range(num_patients))
        reports = [row for patient in patients for row in _write_reports(target, seed, patient)]
        write_csv(target / "reports.csv", ("file", "patient_id"), reports)
        tables = (target / f"{name}.csv" for name in ("photographs", "reports", "manifest"))
        attach(*tables, window=WINDOW, day_first=True)
        height, width = image_size
        text = _TEXT.format(
            patients=num_patients, photographs=len(rows), height=height, width=width, seed=seed, unknown=_UNKNOWN,
            window=WINDOW,
        )  # fmt: skip
        describe(target, "inflammatory", "photographs", seed, text)
    return folder / "manifest.csv"


def _write_photograph(
    target: Path, seed: int, patient: Patient, number: int, image_size: tuple[int, int]
) -> dict[str, Any]:
    picture = psoriasis_eczema.render(seed, patient, number, _WHOLE_PHOTOGRAPH)
    name = f"images/{patient.name}_{number}.jpg"
    close = cv2.resize(_close(picture.image, picture.mask), image_size[::-1], interpolation=cv2.INTER_AREA)
    write_jpeg(target / name, close)
    rng = generator(seed, patient.number, _STREAM, number, 2)
    day = _first_visit(seed, patient) + timedelta(days=30 * (number - 1))
    known = {"age": str(patient.age), "sex": patient.sex}
    return {
        "image": name,
        "patient_id": patient.name,
        "label": picture.label,
        "date": day.isoformat(),
        **{name: value if rng.random() >= _UNKNOWN else "" for name, value in known.items()},
        "site": picture.region,
    }


def _close(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The part of a photograph around its lesion, in the photograph's own proportions where they fit."""
    height, width = mask.shape
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    extent = max((rows[-1] - rows[0] + 1) / height, (columns[-1] - columns[0] + 1) / width) * (1 + 2 * _MARGIN)
    sides = [min(side, math.ceil(extent * side)) for side in (height, width)]
    starts = [
        min(max((found[0] + found[-1] + 1 - side) // 2, 0), whole - side)
        for found, side, whole in zip((rows, columns), sides, (height, width), strict=True)
    ]
    return image[starts[0] : starts[0] + sides[0], starts[1] : starts[1] + sides[1]]


def _first_visit(seed: int, patient: Patient) -> date:
    return _FIRST_DAY + timedelta(days=whole(generator(seed, patient.number, _STREAM + 2), 0, 600))


def _write_reports(target: Path, seed: int, patient: Patient) -> Iterator[dict[str, str]]:
    rng = generator(seed, patient.number, _STREAM + 3)
    if rng.random() < _WITHOUT_REPORT:
        return
    ill = psoriasis_eczema.LABELS.index(psoriasis_eczema.label_of(seed, patient))
    for number in range(1, 2 + (rng.random() < 0.2)):
        collected = _first_visit(seed, patient) + timedelta(days=whole(rng, -20, 30) + 120 * (number - 1))
        name = f"reports/{patient.name}_{number}.txt"
        write_text(target / name, _report(rng, ill, collected, italian=rng.random() < 0.5))
        yield {"file": name, "patient_id": patient.name}


def _report(rng: np.random.Generator, ill: int, collected: date, italian: bool) -> str:
    """One report: the second laboratory writes Italian, decimal commas and its own units."""
    day = collected.strftime("%d/%m/%Y") if italian else collected.isoformat()
    lines = [f"Data prelievo: {day}" if italian else f"Collected: {day}", ""]
    heads = ("Esame", "Risultato", "Unità", "Valori di riferimento") if italian else ("Test", "Result", "Unit", "Range")
    lines.append(_line(*heads))
    for english, its_italian, (unit, other, factor), medians, spread, limits in _ANALYTES:
        value = medians[ill] * math.exp(spread * bell(rng))
        if rng.random() < _NOT_MEASURED:
            continue
        scale, places = (factor, 3 if factor < 1 else 2) if italian else (1.0, 2)
        printed = [f"{number * scale:.{places}f}" for number in (value, *limits)]
        if italian:
            printed = [text.replace(".", ",") for text in printed]
        name, its_unit = (its_italian, other) if italian else (english, unit)
        lines.append(_line(name, printed[0], its_unit, f"{printed[1]} - {printed[2]}"))
    return "\n".join(lines) + "\n"


def _line(name: str, result: str, unit: str, limits: str) -> str:
    return f"{name:<28}{result:>10}   {unit:<10}{limits}".rstrip()
