"""The embedded synthetic psoriasis set: rendered photographs with known severity, boxes, masks and PASI.

Synthetic: no patient, no photograph. It exercises every step of the pipeline; a score on it says nothing clinical.
"""

from pathlib import Path
from typing import Any

from tfderm.clinical.pasi import REGIONS, pasi
from tfderm.datasets.synthetic.coco import annotations, write_lesions
from tfderm.datasets.synthetic.folder import describe, render_all, synthetic_folder
from tfderm.datasets.synthetic.patients import Patient, make_patient
from tfderm.datasets.synthetic.png import write_png
from tfderm.datasets.synthetic.scene import Photograph, render
from tfderm.files import write_csv

VERSION = 2  # goes up with every change of the rendered bytes
COLUMNS = (
    "image", "patient_id", "visit", "region", "age", "sex", "fitzpatrick",
    "severity", "erythema", "induration", "desquamation", "area",
)  # fmt: skip
_TEXT = """\
Every image in this folder is SYNTHETIC: rendered by tfderm ({patients} patients, {photographs} photographs of
{height}x{width} pixels, seed {seed}). No person was photographed; results on it say nothing about clinical use.

- `manifest.csv`: one row per photograph; severity = (erythema + induration + desquamation) * area, 0..72.
- `lesions.json`: lesion boxes and masks in COCO format. `masks/`: the same as binary images.
- `pasi.csv`: the PASI of each visit, from its four regions.
"""


def generate(
    folder: Path | str, *, num_patients: int = 160, image_size: tuple[int, int] = (200, 256), seed: int = 0
) -> Path:
    """Render a synthetic set; the folder appears when it is complete, replacing an older synthetic set there.

    The same arguments give the same bytes on every machine.

    Args:
        folder: where to write; must not exist, be empty, or hold an earlier synthetic set.
        num_patients: patients with one to six visits of four photographs each, about 6.2 photographs per patient.
        image_size: height, width in pixels.
        seed: whole number from 0.

    Returns:
        The path of manifest.csv, with the columns of `COLUMNS`.

    Raises:
        InputError: an argument is out of range, or the folder holds something else.
    """
    folder = Path(folder)
    with synthetic_folder(folder, num_patients, image_size, seed) as target:
        patients = [make_patient(seed, number) for number in range(num_patients)]
        tasks = [(p, visit, region) for p in patients for visit in range(1, len(p.visits) + 1) for region in REGIONS]
        (target / "masks").mkdir()
        rendered = render_all(lambda task: _photograph(target, seed, image_size, *task), tasks)
        _write_tables(target, image_size, rendered)
        height, width = image_size
        text = _TEXT.format(patients=num_patients, photographs=len(tasks), height=height, width=width, seed=seed)
        describe(target, "psoriasis", "photographs", seed, text)
    return folder / "manifest.csv"


def _photograph(
    target: Path, seed: int, image_size: tuple[int, int], patient: Patient, visit: int, region: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    photograph = render(seed, patient, visit, region, image_size)
    name = f"{patient.name}_v{visit}_{region}.png"
    write_png(target / "images" / name, photograph.image)
    write_png(target / "masks" / name, photograph.mask)
    return _row(f"images/{name}", patient, visit, region, photograph), annotations(photograph.mask)


def _row(image: str, patient: Patient, visit: int, region: str, photograph: Photograph) -> dict[str, Any]:
    values = (
        image, patient.name, visit, region, patient.age, patient.sex, patient.fitzpatrick, photograph.severity,
        photograph.erythema, photograph.induration, photograph.desquamation, photograph.area,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _write_tables(
    target: Path, image_size: tuple[int, int], rendered: list[tuple[dict[str, Any], list[dict[str, Any]]]]
) -> None:
    rows = [row for row, _ in rendered]
    write_csv(target / "manifest.csv", COLUMNS, rows)
    found = [(row["image"], lesions) for row, lesions in rendered]
    write_lesions(target / "lesions.json", "psoriasis", image_size, found, "psoriasis")
    write_csv(target / "pasi.csv", ("patient_id", "visit", "pasi"), _visits(rows))


def _visits(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    components = ("erythema", "induration", "desquamation", "area")
    visits: dict[tuple[str, int], dict[str, dict[str, int]]] = {}
    for row in rows:
        regions = visits.setdefault((row["patient_id"], row["visit"]), {})
        regions[row["region"]] = {name: row[name] for name in components}
    return [{"patient_id": p, "visit": v, "pasi": str(pasi(regions))} for (p, v), regions in visits.items()]
