"""`tfderm labs`: what it prints, writes and refuses."""

import csv
import json

import pytest

from tfderm.cli import main
from tfderm.files import write_csv

REPORT = """Laboratory
Patient: Ottoline Farthingale   DOB: 03/09/1961
Collected: {day}

Test         Result  Units    Reference  Flag
Hemoglobin   {hemoglobin}    g/dL     12-16      L
WBC          6.1     10^3/uL  4-11
IgE          <2      IU/mL    <100
Glucose      92      mg/dL    70-99
Glucose      130     mg/dL    70-99
Zonulin      12.5    ng/mL    0-40
"""


@pytest.fixture
def reports(tmp_path):
    """Three reports of two patients, and the table that says whose they are."""
    rows = [("a", "p1", "2025-03-01", "11.0"), ("b", "p1", "2025-03-11", "12.0"), ("c", "p2", "2025-06-01", "13.0")]
    (tmp_path / "reports").mkdir()
    for name, _, day, hemoglobin in rows:
        (tmp_path / "reports" / f"{name}.txt").write_text(REPORT.format(day=day, hemoglobin=hemoglobin))
    table = tmp_path / "reports" / "reports.csv"
    write_csv(table, ["file", "patient_id"], [{"file": f"{name}.txt", "patient_id": p} for name, p, *_ in rows])
    return table


def manifest(tmp_path, *rows):
    path = tmp_path / "manifest.csv"
    columns = ["image", "patient_id", "label", "date"]
    write_csv(path, columns, [dict(zip(columns, row, strict=True)) for row in rows])
    return path


def attach(manifest_path, table, tmp_path, *options):
    output = tmp_path / "with_labs.csv"
    status = main(["labs", "attach", str(manifest_path), "--reports", str(table), "-o", str(output), *options])
    return status, list(csv.DictReader(output.open())) if output.exists() else None


def test_parse_prints_and_writes(reports, tmp_path, capsys):
    output = tmp_path / "results.csv"
    files = [str(reports.parent / f"{name}.txt") for name in "ab"]
    assert main(["labs", "parse", *files, "-o", str(output)]) == 0
    printed = capsys.readouterr().out
    assert "Hemoglobin" in printed and "718-7" in printed and "Zonulin" in printed and "2025-03-01" in printed
    rows = list(csv.DictReader(output.open()))
    assert [row["analyte"] for row in rows if row["report"] == "1"][:2] == ["Hemoglobin", "White Blood Cell Count"]
    assert rows[0]["flag"] == "L" and rows[0]["unit"] == "g/dL" and rows[0]["evidence"].startswith("Hemoglobin 11.0")
    assert [row["doubts"] for row in rows if row["analyte"] == "Glucose"][0] == "another result of this analyte differs"
    unread = list(csv.DictReader((tmp_path / "results.unread.csv").open()))
    assert any(row["text"].startswith("Zonulin") for row in unread)
    everything = printed + output.read_text() + (tmp_path / "results.unread.csv").read_text()
    assert "Farthingale" not in everything and "1961" not in everything and ".txt" not in everything


def test_json_and_conversion(reports, capsys):
    assert main(["labs", "parse", str(reports.parent / "a.txt"), "--json", "--to", "g/L"]) == 0
    [report] = json.loads(capsys.readouterr().out)["reports"]
    result = report["results"][0]
    assert (result["value"], result["converted_value"], result["converted_unit"]) == (11.0, 110.0, "g/L")
    assert main(["labs", "parse", str(reports.parent / "a.txt"), "--to", "spoons"]) == 2
    assert "UCUM" in capsys.readouterr().err


def test_one_bad_file_and_nothing_is_written(reports, tmp_path, capsys):
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"%PDF-1.4 nothing")
    assert main(["labs", "parse", str(reports.parent / "a.txt"), str(bad), "-o", str(tmp_path / "o.csv")]) == 2
    assert "bad.pdf is damaged" in capsys.readouterr().err
    assert not (tmp_path / "o.csv").exists() and not (tmp_path / "o.unread.csv").exists()


def test_attach_takes_the_nearest_in_the_window(reports, tmp_path, capsys):
    path = manifest(
        tmp_path,
        ("1.jpg", "p1", "eczema", "2025-03-02"),
        ("2.jpg", "p1", "eczema", "2025-03-06"),  # Five days from both: the earlier.
        ("3.jpg", "p1", "eczema", "2025-03-10"),
        ("4.jpg", "p1", "eczema", "2025-05-01"),  # Nothing near.
        ("5.jpg", "p2", "psoriasis", "2025-06-08"),
        ("6.jpg", "p3", "psoriasis", "2025-06-08"),  # No report.
        ("7.jpg", "p2", "psoriasis", ""),
    )
    status, rows = attach(path, reports, tmp_path, "--window", "7")
    assert status == 0
    assert [row["lab_hemoglobin"] for row in rows] == ["11", "11", "12", "", "13", "", ""]
    assert rows[0]["lab_white_blood_cell_count"] == "6.1" and rows[0]["label"] == "eczema"
    # A bound is no value, and two values of one day are none.
    assert "lab_immunoglobulin_e_total" not in rows[0] and "lab_glucose" not in rows[0]
    printed = capsys.readouterr().out
    assert "4 of 7 rows" in printed and "6 results were left out as marked, 3 as bounds" in printed


def test_attach_json_and_marked_results_on_request(reports, tmp_path, capsys):
    path = manifest(tmp_path, ("1.jpg", "p1", "eczema", "2025-03-02"))
    status, rows = attach(path, reports, tmp_path, "--window", "7", "--min-confidence", "0", "--json")
    attached = json.loads(capsys.readouterr().out)
    assert status == 0 and rows[0]["lab_glucose"] == "" and attached["conflicts"] == 1
    assert attached["columns"]["lab_hemoglobin"] == {"unit": "g/dL", "rows": 1}


def test_the_table_may_give_the_date(reports, tmp_path):
    write_csv(reports, ["file", "patient_id", "date"], [{"file": "a.txt", "patient_id": "p1", "date": "2024-01-01"}])
    path = manifest(tmp_path, ("1.jpg", "p1", "eczema", "2024-01-02"))
    assert attach(path, reports, tmp_path, "--window", "1")[1][0]["lab_hemoglobin"] == "11"


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"options": ["--window", "-1"]}, "0 days or more"),
        ({"options": ["--date-column", "taken"]}, "column taken is missing"),
        ({"date": "1/2/2025"}, "must be a date as 2025-03-22. Received: 1/2/2025"),
        ({"day": "03/04/2025"}, "it may be 2025-04-03 or 2025-03-04"),
        ({"day": "soon"}, "it states none"),
        ({"columns": ["file", "who"]}, "patient_id is missing"),
        ({"output": "manifest.csv"}, "would overwrite"),
        ({"output": "elsewhere/with_labs.csv"}, "must lie in"),
    ],
    ids=str,
)
def test_wrong_input_is_one_line_and_nothing_is_written(reports, tmp_path, capsys, change, complaint):
    path = manifest(tmp_path, ("1.jpg", "p1", "eczema", change.get("date", "2025-03-02")))
    before = path.read_bytes()
    if "day" in change:
        (reports.parent / "a.txt").write_text(REPORT.format(day=change["day"], hemoglobin="11.0"))
    if "columns" in change:
        write_csv(reports, change["columns"], [])
    output = tmp_path / change.get("output", "with_labs.csv")
    options = ["--window", "7", *change.get("options", [])]
    assert main(["labs", "attach", str(path), "--reports", str(reports), "-o", str(output), *options]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tfderm: ")]
    assert len(errors) == 1 and complaint in errors[0]
    assert path.read_bytes() == before and not (tmp_path / "with_labs.csv").exists()


def test_attach_refuses_columns_that_are_there(reports, tmp_path, capsys):
    path = manifest(tmp_path, ("1.jpg", "p1", "eczema", "2025-03-02"))
    path.write_text(path.read_text().replace("label", "lab_hemoglobin"))
    assert attach(path, reports, tmp_path, "--window", "7")[0] == 2
    assert "already has a column lab_hemoglobin" in capsys.readouterr().err
