"""Which number is the result, which sign its flag and which limits its range, by where they stand."""

import pytest

from tfderm.clinical.labs import parse

BESIDE = {
    "the ends of a scale below the range": (
        """
        Hemoglobin
        Normal range: 11.7 - 15.5 g/dL
        11.7
        15.5
        Value
        13.2

        Sodium
        Normal range: 136 - 145 mmol/L
        136
        145
        128
        Low
        """,
        [("Hemoglobin", 13.2, "g/dL", 11.7, 15.5, None), ("Sodium", 128, "mmol/L", 136, 145, "L")],
    ),
    "share and count in one line, units above them": (
        """
        ESAME                  RISULTATO     UNITA'         VALORI DI RIFERIMENTO
        PIASTRINE                   250     migl/uL        150-400
        FORMULA LEUCOCITARIA        %                          migl/uL
        NEUTROFILI                 53,6 * % [40,0-75,0]        8,50 * [1,80-7,50]
        CHIMICA CLINICA
        GLUCOSIO                     92 * mg/dL            70-99
        """,
        [
            ("Platelet Count", 250, "10*3/uL", 150, 400, None),
            ("Neutrophils", 53.6, "%", 40, 75, None),
            ("Neutrophils, Absolute", 8.5, "10*3/uL", 1.8, 7.5, None),
            ("Glucose", 92, "mg/dL", 70, 99, None),
        ],
    ),
    "more and less than, alone, before a range": (
        """
        Esame         Valore   F.R.  Intervallo     Unità
        Emoglobina     22,0     >    12,0 - 16,0    g/dL
        Sodio           128     <    136 - 145      mmol/L
        """,
        [("Hemoglobin", 22, "g/dL", 12, 16, "H"), ("Sodium", 128, "mmol/L", 136, 145, "L")],
    ),
    "more and less than before limits in two columns": (
        """
        Esame         Valore   Flag  Min    Max    Unità
        Emoglobina     22,0     >    12,0   16,0   g/dL
        Sodio           128     <    136    145    mmol/L
        """,
        [("Hemoglobin", 22, "g/dL", 12, 16, "H"), ("Sodium", 128, "mmol/L", 136, 145, "L")],
    ),
    "more and less than before a unit": (
        """
        Esame         Valore   F.R.  Unità    Da     A
        Emoglobina     22,0     >    g/dL    12,0   16,0
        Sodio           128     <    mmol/L   136    145
        """,
        [("Hemoglobin", 22, "g/dL", 12, 16, "H"), ("Sodium", 128, "mmol/L", 136, 145, "L")],
    ),
    "plus and minus in a column of their own": (
        """
        Test            Result   +/-   Unit     Range
        Hemoglobin       10.5     -    g/dL     12.0-16.0
        Sodium            150     +    mmol/L   136-145
        """,
        [("Hemoglobin", 10.5, "g/dL", 12, 16, "L"), ("Sodium", 150, "mmol/L", 136, 145, "H")],
    ),
    "stars before letters": (
        """
        Test            Result       Unit     Range
        Hemoglobin       10.5*L      g/dL     12.0-16.0
        Sodium            150 *H     mmol/L   136-145
        Magnesium         3.1  **H   mg/dL    1.6-2.6
        """,
        [
            ("Hemoglobin", 10.5, "g/dL", 12, 16, "L"),
            ("Sodium", 150, "mmol/L", 136, 145, "H"),
            ("Magnesium", 3.1, "mg/dL", 1.6, 2.6, "H"),
        ],
    ),
    "a dash where an older result is missing": (
        """
        Test              14.09.24   02.12.24   22.03.25   Units   Range
        ALT                     16          -         19   U/L     <33
        Sodium                 137          -        141   mmol/L  133-146
        """,
        [("Alanine Aminotransferase", 19, "U/L", None, 33, None), ("Sodium", 141, "mmol/L", 133, 146, None)],
    ),
    "a change with a minus": (
        """
        Test         Previous   Current   Change   Unit     Reference
        Hemoglobin       12.5      13.4     -0.9   g/dL     12.0-16.0
        """,
        [("Hemoglobin", 13.4, "g/dL", 12, 16, None)],
    ),
    "names side by side, units and ranges below": (
        """
        Date               WBC        Hemoglobin   Platelets
        Units              K/uL       g/dL         K/uL
        Ref                4.0-11.0   11.7-15.5    150-400
        03/22/2025 08:15   8.2        14.5         133 L
        """,
        [
            ("White Blood Cell Count", 8.2, "10*3/uL", 4, 11, None),
            ("Hemoglobin", 14.5, "g/dL", 11.7, 15.5, None),
            ("Platelet Count", 133, "10*3/uL", 150, 400, "L"),
        ],
    ),
    "range and unit in one bracket": (
        """
        Haemoglobin (120-160 g/L)                        95 L
        Platelet count (150-400 10^9/L)                 212
        """,
        [("Hemoglobin", 95, "g/L", 120, 160, "L"), ("Platelet Count", 212, "10*9/L", 150, 400, None)],
    ),
    "the same quantity in two units": (
        """
        Test          Result  Unit    Ref. Range    Result  Unit     Ref. Range
        Glucose       105 H   mg/dL   70-99         5.8 H   mmol/L   3.9-5.5
        """,
        [("Glucose", 105, "mg/dL", 70, 99, "H")],
    ),
}
NO_RESULTS = {
    "older results alone": """
        Test              22.03.25   02.12.24   14.09.24   Units   Range
        Sodium                   -        137        139   mmol/L  133-146
        Ferritin                 -         40         88   ug/L    13-150
        """,
    "pending, with an older result": """
        Test           Result   Previous Result   Units    Range
        Sodium         pending  141               mmol/L   136-145
        Potassium               4.1               mmol/L   3.5-5.1
        """,
    "dates with months' names": """
        INR   collected 22 Mar 2025
        Ca    23 maggio 1962
        eGFR  Mar 22, 2025
        """,
    "a dose": "She takes methotrexate 15 mg once weekly with folic acid 5 mg.",
}


def report(folder, text):
    path = folder / "report.txt"
    path.write_text("\n".join(line[8:] if line.startswith(" " * 8) else line for line in text.split("\n")))
    return parse(path)


@pytest.mark.parametrize("place", BESIDE)
def test_what_stands_where_is_understood(tmp_path, place):
    text, expected = BESIDE[place]
    results = report(tmp_path, text).results
    found = [(r.analyte, r.value, r.unit, r.reference_low, r.reference_high, r.flag) for r in results]
    assert found == expected
    assert not any(result.marked for result in results)


@pytest.mark.parametrize("kind", NO_RESULTS)
def test_what_is_no_result_now_gives_none(tmp_path, kind):
    found = report(tmp_path, NO_RESULTS[kind])
    assert found.results == () and found.unread


def test_a_minus_beside_normal_values_is_no_flag(tmp_path):
    """Where a minus means that there is nothing to say, it stands beside values within their ranges too."""
    text = """
        Test            Result   +/-   Unit     Range
        Hemoglobin       13.5     -    g/dL     12.0-16.0
        Potassium         2.8     -    mmol/L   3.5-5.1
        Sodium            150     +    mmol/L   136-145
        """
    hemoglobin, potassium, sodium = report(tmp_path, text).results
    assert (hemoglobin.flag, potassium.flag, sodium.flag) == (None, None, "H")
    assert (hemoglobin.marked, potassium.marked, sodium.marked) == (False, True, False)


def test_a_bare_second_number_marks_the_first(tmp_path):
    text = """
        Test           Result   Unit     Reference
        Neutrophils     53.6    %        40.0-75.0   8.50
        """
    [result] = report(tmp_path, text).results
    assert (result.value, result.unit, result.marked) == (53.6, "%", True)


@pytest.mark.parametrize("sign, marked", [("►", True), ("‼", True), ("#", True), (":", False), ("(a)", False)])
def test_an_unknown_sign_beside_an_abnormal_value_marks_it(tmp_path, sign, marked):
    low, normal = report(
        tmp_path, f"Hemoglobin  10.5  {sign}  g/dL  12.0-16.0\nSodium  140  {sign}  mmol/L  136-145"
    ).results
    assert (low.flag, low.marked, normal.marked) == (None, marked, False)
