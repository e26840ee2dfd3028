"""The table: codes, units, bounds, and that its names find their rows."""

from importlib import resources

import pytest

from tfderm.clinical.labs import parse
from tfderm.clinical.labs.analytes import CUT, EXACT, analytes, candidates
from tfderm.clinical.labs.units import is_unit

TABLE = analytes()


def check_digit(code: str) -> int:
    """LOINC's modulus 10: every other digit from the right doubled, the digits of all summed."""
    digits = [int(digit) for digit in reversed(code.split("-")[0])]
    total = sum(sum(divmod(2 * digit, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    return -total % 10


@pytest.mark.parametrize("analyte", TABLE, ids=lambda analyte: analyte.name)
def test_a_row_is_sound(analyte):
    for code in filter(None, (analyte.loinc, analyte.loinc_molar)):
        assert int(code.split("-")[1]) == check_digit(code), code
    assert is_unit(analyte.unit) and analyte.low < analyte.high
    assert analyte.loinc_molar is None or analyte.molar_mass or analyte.name == "Lipoprotein(a)"
    for name in (analyte.name, *analyte.synonyms):
        assert any(found.analyte == analyte and found.fit == EXACT for found in candidates(name)), name


def test_names_and_codes_are_unique():
    codes = [code for analyte in TABLE for code in (analyte.loinc, analyte.loinc_molar) if code]
    assert len(set(codes)) == len(codes) and len({analyte.name for analyte in TABLE}) == len(TABLE)


def test_one_name_for_two_analytes_needs_different_units():
    for analyte in TABLE:
        for name in analyte.synonyms:
            others = [f.analyte for f in candidates(name) if f.fit == EXACT and f.analyte != analyte]
            for other in others:
                distinct = not other.measured_in(analyte.unit) or "%" in (analyte.unit, other.unit)
                ratio = {analyte.unit, other.unit} <= {"%", "{INR}", "{ratio}", "mmol/mol"}
                assert distinct or ratio, (name, analyte.name, other.name)


@pytest.mark.parametrize(
    "printed, name",
    [
        ("Mean Corpuscular Hemoglobin Co", "Mean Corpuscular Hemoglobin Concentration"),
        ("Mean Corpuscular Hemoglobin Conc...", "Mean Corpuscular Hemoglobin Concentration"),
        ("WBC (Leucociti)", "White Blood Cell Count"),
        ("ALT (SGPT)", "Alanine Aminotransferase"),
        ("S-Glucosio", "Glucose"),
        ("γ-GT", "Gamma-Glutamyl Transferase"),
        ("Velocità di eritrosedimentazione", "Erythrocyte Sedimentation Rate"),
        ("Mean Corp. Hgb Conc.", "Mean Corpuscular Hemoglobin Concentration"),
    ],
)
def test_names_as_printed(printed, name):
    found = candidates(printed)
    assert found[0].analyte.name == name and found[0].fit <= CUT


@pytest.mark.parametrize("printed", ["Glucose, Urine", "U-Creatinine", "Hemoglobin S", "IgE, Dermatophagoides", "John"])
def test_other_things_are_not_taken_for_them(printed):
    assert not [found for found in candidates(printed) if found.fit == EXACT]


@pytest.mark.parametrize(
    "printed", ["Hemoglobin A2 2.5 %", "IgE d1 0.5 kU/L", "Complement C1q 20 mg/dL", "Total Iron Q2 9 ug/dL"]
)
def test_a_name_does_not_end_before_a_letter_with_a_figure(printed, tmp_path):
    (tmp_path / "report.txt").write_text(printed)
    assert parse(tmp_path / "report.txt").results == ()


@pytest.mark.parametrize(
    "printed", ["WBC¹", "WBC^01", "HbA1c¹", "M.C.H.C.", "I.N.R.", "Mean corpusc. haemoglobin (MCH)"]
)
def test_marks_and_points_are_no_part_of_a_name(printed):
    assert candidates(printed)[0].fit == EXACT


def test_a_cut_name_may_be_either():
    assert {found.analyte.loinc for found in candidates("Mean Corpuscular Hemoglob")} == {"785-6", "786-4"}


def test_the_notices_lie_beside_the_table():
    notice = resources.files("tfderm.clinical.labs").joinpath("NOTICE").read_text(encoding="utf-8")
    assert "This material contains content from LOINC (http://loinc.org)" in notice and "UCUM" in notice
