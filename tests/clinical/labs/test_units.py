"""Printed units and conversions, against a table worked by hand."""

import pytest

from tfderm.clinical.labs.units import convert, is_unit, misread, readings

PRINTED = {
    "10*3/uL": "K/uL k/µL 10^3/µL 10³/µL x10^3/uL x10E3/uL 10*3/uL thou/uL Thousand/uL x10(3)/uL 103/µL",
    "10*6/uL": "M/uL 10^6/µL x10E6/uL Million/uL 10⁶/μL",
    "10*9/L": "10^9/L x10^9/L 10⁹/L 10*9/L Gpt/L giga/L",
    "10*12/L": "10^12/L x10^12/L T/L 10¹²/L",
    "10*3/mm3": "10^3/mm3 mila/mmc migl/mmc 10³/mm³",
    "10*6/mm3": "milioni/mmc 10^6/mmc",
    "/mm3": "/mmc cellule/mmc",
    "/uL": "cells/uL /µL",
    "g/dL": "g/dL g/dl G/DL gr/dl g/100ml g%",
    "mg/dL": "mg/dL mg/dl MG/DL mg%",
    "ug/dL": "ug/dL µg/dL mcg/dL",
    "mmol/L": "mmol/L mmol/l",
    "umol/L": "µmol/L umol/L mcmol/L",
    "meq/L": "mEq/L meq/l",
    "[IU]/L": "IU/L UI/L",
    "m[IU]/L": "mIU/L mUI/L",
    "u[IU]/mL": "µIU/mL uIU/mL mcIU/mL µUI/mL",
    "U/L": "U/L u/l",
    "fL": "fL fl FL",
    "um3": "µm3 um^3",
    "pg": "pg Pg",
    "%": "%",
    "mm/h": "mm/h mm/hr mm/1h mm/ora",
    "s": "s sec seconds secondi",
    "mL/min/{1.73_m2}": "mL/min/1.73m2 mL/min/1.73 mL/min/1,73mq",
    "mmol/mol": "mmol/mol",
    "ng/mL{FEU}": "ng/mLFEU",
}


@pytest.mark.parametrize("unit", PRINTED)
def test_printed_forms(unit):
    assert is_unit(unit)
    for text in PRINTED[unit].split():
        assert readings(text)[0] == unit, text


@pytest.mark.parametrize("text", "Hemoglobin H L 4.5 4.5-11 Negative Dr. 2025 a/b N/A 01/02 and/or".split())
def test_other_words_are_no_units(text):
    assert readings(text) == ()


def test_giga_or_gram_is_left_to_the_analyte():
    assert readings("G/L") == ("10*9/L", "g/L") and readings("g/L") == ("g/L",)


# Value, unit, value, unit, molar mass, valence: conversion factors of clinical chemistry's textbooks.
CONVERSIONS = [
    (13.5, "g/dL", 135.0, "g/L", None, None),
    (5.5, "10*3/uL", 5.5, "10*9/L", None, None),
    (4.7, "10*6/uL", 4.7, "10*12/L", None, None),
    (250_000, "/uL", 250.0, "10*3/uL", None, None),
    (7.2, "10*3/mm3", 7200.0, "/uL", None, None),
    (0.42, "L/L", 42.0, "%", None, None),
    (90.0, "um3", 90.0, "fL", None, None),
    (5.0, "mg/L", 0.5, "mg/dL", None, None),
    (2.5, "u[IU]/mL", 2.5, "m[IU]/L", None, None),
    (40.0, "U/L", 40.0, "[IU]/L", None, None),
    (1.0, "ukat/L", 60.0, "U/L", None, None),
    (140.0, "meq/L", 140.0, "mmol/L", None, 1),
    (5.0, "meq/L", 2.5, "mmol/L", 40.078, 2),
    (90.0, "mg/dL", 4.996, "mmol/L", 180.156, None),
    (1.0, "mg/dL", 88.40, "umol/L", 113.12, None),
    (200.0, "mg/dL", 5.173, "mmol/L", 386.65, None),
    (150.0, "mg/dL", 1.694, "mmol/L", 885.4, None),
    (1.0, "mg/dL", 17.10, "umol/L", 584.66, None),
    (1.2, "ng/dL", 15.45, "pmol/L", 776.87, None),
    (10.0, "mg/dL", 2.495, "mmol/L", 40.078, 2),
    (100.0, "ug/dL", 17.91, "umol/L", 55.845, None),
    (500.0, "pg/mL", 368.9, "pmol/L", 1355.37, None),
]


@pytest.mark.parametrize("value, unit, converted, target, molar_mass, valence", CONVERSIONS)
def test_conversions_and_back(value, unit, converted, target, molar_mass, valence):
    assert convert(value, unit, target, molar_mass, valence) == pytest.approx(converted, rel=5e-4)
    assert convert(converted, target, unit, molar_mass, valence) == pytest.approx(value, rel=5e-4)


@pytest.mark.parametrize("unit, target", [("pg", "g/dL"), ("g/L", "10*9/L"), ("mg/dL", "mmol/L"), ("fL", "%")])
def test_what_measures_something_else_is_not_converted(unit, target):
    assert convert(1.0, unit, target) is None


def test_units_as_tesseract_reads_them():
    blood_count = ("10*3/uL", "10*9/L", "10*3/mm3", "g/dL", "fL", "pg", "%")
    assert misread("Kiul", blood_count) == "10*3/uL" and misread("g/d1", blood_count) == "g/dL"
    assert misread("mila/mme", blood_count) == "10*3/mm3" and misread("Negative", blood_count) is None
    assert misread("yg/dL", ("ug/dL", "mg/dL", "g/dL")) == "ug/dL"
    assert readings("1073/uL") == ("10*3/uL",) and readings("lU/L") == ("[IU]/L",)
