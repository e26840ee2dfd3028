"""The drawn set with blood reports: what its manifest says is what its reports print, and tells no class by absence."""

import csv
import re
from datetime import date, datetime

import numpy as np
import pytest

from tfderm import datasets
from tfderm.datasets.leaks import telling_columns
from tfderm.datasets.synthetic import inflammatory

PRINTED = {
    "lab_hemoglobin": {"Hemoglobin": 1, "Emoglobina": 0.1},
    "lab_eosinophils_absolute": {"Eosinophils, Absolute": 1, "Eosinofili": 1},
    "lab_c_reactive_protein": {"C-Reactive Protein": 1, "Proteina C reattiva": 10},
    "lab_uric_acid": {"Uric Acid": 1, "Acido urico": 1 / 59.48},
    "lab_immunoglobulin_e_total": {"Immunoglobulin E, Total": 1, "IgE totali": 1},
}
"""Column -> printed name -> factor to the table's unit."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return inflammatory.generate(tmp_path_factory.mktemp("inflammatory") / "set", num_patients=40, image_size=(48, 64))


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read(path):
    """Day and values of a report, by its columns of fixed width."""
    first, _, _, *lines = path.read_text(encoding="utf-8").splitlines()
    printed = first.partition(": ")[2]
    day = datetime.strptime(printed, "%d/%m/%Y" if "/" in printed else "%Y-%m-%d").date()
    return day, {line[:28].strip(): float(line[28:38].replace(",", ".")) for line in lines}


def test_every_value_is_that_of_the_nearest_report_in_the_window(drawn):
    reports = {}
    for row in rows_of(drawn.parent / "reports.csv"):
        reports.setdefault(row["patient_id"], []).append(read(drawn.parent / row["file"]))
    filled = 0
    for row in rows_of(drawn):
        taken = date.fromisoformat(row["date"])
        for column, names in PRINTED.items():
            found = [
                (abs((day - taken).days), values[name] * factor)
                for day, values in reports.get(row["patient_id"], [])
                for name, factor in names.items()
                if name in values and abs((day - taken).days) <= inflammatory.WINDOW
            ]
            assert bool(row[column]) == bool(found)
            if found:
                assert float(row[column]) == pytest.approx(min(found)[1], rel=1e-4)
                filled += 1
    assert filled > 100


def test_both_laboratories_and_two_reports_of_one_patient_occur(drawn):
    texts = [path.read_text(encoding="utf-8") for path in (drawn.parent / "reports").iterdir()]
    assert any("Hemoglobin" in text for text in texts) and any("Emoglobina" in text for text in texts)
    assert any(re.search(r"\d,\d", text) for text in texts)
    patients = [row["patient_id"] for row in rows_of(drawn.parent / "reports.csv")]
    assert max(patients.count(patient) for patient in patients) == 2 and len(set(patients)) < 40


def test_what_is_missing_tells_nothing_and_what_is_there_something(drawn):
    corpus = datasets.load(drawn)
    assert corpus.synthetic and not telling_columns(corpus.records)
    values = {
        label: [float(row["lab_eosinophils_absolute"]) for row in rows_of(drawn)
                if row["label"] == label and row["lab_eosinophils_absolute"]]
        for label in ("psoriasis", "eczema")
    }  # fmt: skip
    assert np.median(values["eczema"]) > 1.5 * np.median(values["psoriasis"])


def test_the_same_seed_gives_the_same_files(drawn, tmp_path):
    again = inflammatory.generate(tmp_path / "again", num_patients=40, image_size=(48, 64))
    for path in sorted(drawn.parent.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (again.parent / path.relative_to(drawn.parent)).read_bytes(), path
