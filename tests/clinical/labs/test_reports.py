"""Single lines and small reports, with what must come of them."""

import pytest

from tfderm.clinical.labs import parse
from tfderm.errors import InputError

ONE_LINE = [
    # line, value, comparator, unit, low, high, flag, derived flag
    ("Hemoglobin 11.7 g/dL 12.0-16.0 L", 11.7, None, "g/dL", 12.0, 16.0, "L", "L"),
    ("Hemoglobin  11.7  g/dL  12.0 - 16.0", 11.7, None, "g/dL", 12.0, 16.0, None, "L"),
    ("Emoglobina  *11,7  g/dl  [12,0 - 16,0]", 11.7, None, "g/dL", 12.0, 16.0, None, "L"),
    ("WBC 11.67H x10E3/uL 3.4-10.8", 11.67, None, "10*3/uL", 3.4, 10.8, "H", "H"),
    ("WBC H 11.67 10^3/µL (3.4 to 10.8)", 11.67, None, "10*3/uL", 3.4, 10.8, "H", "H"),
    ("WBC 11.67 ↑ 10^3/µL 3.4–10.8", 11.67, None, "10*3/uL", 3.4, 10.8, "H", "H"),
    ("Leucociti 8.500 /mmc 4.000-10.000", 8500.0, None, "/mm3", 4000.0, 10000.0, None, None),
    ("Platelets 250,000 /µL 150,000-400,000", 250000.0, None, "/uL", 150000.0, 400000.0, None, None),
    ("Platelets 250 000 /µL 150 000 - 400 000", 250000.0, None, "/uL", 150000.0, 400000.0, None, None),
    ("CRP <0.5 mg/L < 5", 0.5, "<", "mg/L", None, 5.0, None, None),
    ("PCR 12,3 mg/L fino a 5,0 H", 12.3, None, "mg/L", None, 5.0, "H", "H"),
    ("eGFR 55 mL/min/1.73 m2 >60 LOW", 55.0, None, "mL/min/{1.73_m2}", 60.0, None, "L", "L"),
    ("MCH 29.0 pg 27-33 Normal", 29.0, None, "pg", 27.0, 33.0, None, None),
    ("TSH 2.345 mIU/L 0.270 - 4.200", 2.345, None, "m[IU]/L", 0.27, 4.2, None, None),
    ("Potassium (mmol/L)  4.1  3.5-5.1", 4.1, None, "mmol/L", 3.5, 5.1, None, None),
    ("Hb: 135 g/L (Ref: 120-160)", 135.0, None, "g/L", 120.0, 160.0, None, None),
    ("INR 1.1 0.9-1.2", 1.1, None, None, 0.9, 1.2, None, None),
    ("718-7  Hb  13.5  g/dL  12-16", 13.5, None, "g/dL", 12.0, 16.0, None, None),
    ("M.C.V.  78,1  fl  80,0-99,0  (LL)", 78.1, None, "fL", 80.0, 99.0, "L", "L"),
    ("V.E.S.  18  mm (1 h)  fino a 15  Elevato", 18.0, None, "mm/h", None, 15.0, "H", "H"),
    ("WBC¹  12.8  x E9/L  4.0-11.0  Above normal", 12.8, None, "10*9/L", 4.0, 11.0, "H", "H"),
    ("Platelets 250 10⁹ cells/L 150-400", 250.0, None, "10*9/L", 150.0, 400.0, None, None),
    ("CONTENUTO MEDIO Hb (MCH)  25,7  pg  27,0-33,0  ▾", 25.7, None, "pg", 27.0, 33.0, "L", "L"),
    ("Serum total 25-hydroxy vitamin D level 116 nmol/L 50-150", 116.0, None, "nmol/L", 50.0, 150.0, None, None),
    ("HbA1c 56 mmol/mol Hb (20 - 41) [High]", 56.0, None, "mmol/mol", 20.0, 41.0, "H", "H"),
    ("Ferritina 10 ng/mL oltre 15 Inferiore", 10.0, None, "ng/mL", 15.0, None, "L", "L"),
]


def read(tmp_path, text, name="report.txt"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return parse(path)


@pytest.mark.parametrize(
    "line, value, comparator, unit, low, high, flag, derived", ONE_LINE, ids=[c[0] for c in ONE_LINE]
)
def test_one_line(tmp_path, line, value, comparator, unit, low, high, flag, derived):
    [result] = read(tmp_path, line).results
    assert (result.value, result.comparator, result.unit) == (value, comparator, unit)
    assert (result.reference_low, result.reference_high) == (low, high)
    assert (result.flag, result.derived_flag, result.marked) == (flag, derived, False)


def test_sex_decides_the_range(tmp_path):
    text = "Sex: F\nHemoglobin 12.8 g/dL M: 13.5-17.5 F: 12.0-16.0\n"
    [result] = read(tmp_path, text).results
    assert (result.reference_low, result.reference_high) == (12.0, 16.0)
    [result] = read(tmp_path, text.replace("Sex: F\n", "")).results
    assert result.reference_low is None and result.derived_flag is None
    [result] = read(tmp_path, text.replace("Sex: F", "Age/Sex : 63 Y / M")).results
    assert result.reference_low == 13.5


def test_share_and_count_in_one_line(tmp_path):
    results = read(tmp_path, "Neutrofili  55,2 %  40-75  3,45 10^3/uL  1,5-7,0\n").results
    assert [(r.loinc, r.value, r.reference_high) for r in results] == [("770-8", 55.2, 75.0), ("751-8", 3.45, 7.0)]


def test_the_unit_decides_the_analyte_and_its_code(tmp_path):
    text = "Glucose 5.1 mmol/L 3.9-5.6\nGlucose 92 mg/dL 70-99\nMCHC 33 g/dL\nMean Corpuscular Hemoglob 29 pg\n"
    assert [result.loinc for result in read(tmp_path, text).results] == ["14749-6", "2345-7", "786-4", "785-6"]


def test_previous_results_are_not_current_ones(tmp_path):
    text = "Test         Result  Previous  Units  Range\nHemoglobin   13.5    12.1      g/dL   12-16\n"
    [result] = read(tmp_path, text).results
    assert result.value == 13.5 and not result.marked
    text = "Test        01/02/2025  03/09/2024  Units  Range\nHemoglobin  13.5        12.1        g/dL   12-16\n"
    assert [result.value for result in read(tmp_path, text).results] == [13.5]


def test_two_numbers_without_a_header_are_marked(tmp_path):
    [result] = read(tmp_path, "Hemoglobin  13.5  12.1  g/dL  12-16\n").results
    assert result.marked and "several numbers" in result.doubts


@pytest.mark.parametrize(
    "line, doubt",
    [
        ("Hemoglobin 135 g/dL 12-16", "impossible in a living patient"),
        ("Hemoglobin 13.5 12-16", "no unit"),
        ("Hemoglobin 13.5 mm/h", "unexpected unit"),
        ("Hemoglobin 10.1 g/dL 12-16 H", "flag contradicts the range"),
        ("Hemoglobin 13.5 g/dL 16-12", "range upside down"),
        ("Creatinine (IDMS traceable) 1.0 mg/dL", "name not wholly understood"),
    ],
)
def test_doubts_are_told(tmp_path, line, doubt):
    [result] = read(tmp_path, line).results
    assert result.marked and doubt in result.doubts


def test_one_analyte_with_two_values_is_marked(tmp_path):
    results = read(tmp_path, "Glucose 92 mg/dL 70-99\nGlucose 120 mg/dL 70-99\n").results
    assert len(results) == 2 and all(result.marked for result in results)
    assert len(read(tmp_path, "Glucose 92 mg/dL 70-99\nGlucose 92 mg/dL 70-99\n").results) == 1


def test_what_cannot_be_read_is_listed(tmp_path):
    text = (
        "Test  Result  Unit  Range\nHemoglobin  13.5  g/dL  12-16\nZonulin  12.5  ng/mL  0-40\nANA  Positive  1:160\n"
    )
    text += "Glucose  see note\n"
    report = read(tmp_path, text)
    assert [result.analyte for result in report.results] == ["Hemoglobin"]
    assert [line.text.split()[0] for line in report.unread] == ["Zonulin", "ANA", "Glucose"]


def test_urine_is_no_blood(tmp_path):
    report = read(tmp_path, "URINALYSIS\nGlucose  90  mg/dL  0-15\n\nCHEMISTRY\nGlucose  91  mg/dL  70-99\n")
    assert [result.value for result in report.results] == [91.0] and len(report.unread) >= 1


def test_a_name_in_two_lines(tmp_path):
    text = "Mean Corpuscular Hemoglobin     33.1  g/dL  32-36\nConcentration\n"
    [result] = read(tmp_path, text).results
    assert result.loinc == "786-4"
    [result] = read(tmp_path, "Colesterolo\n  Totale      210  mg/dL  <200\n").results
    assert result.loinc == "2093-3" and result.value == 210


@pytest.mark.parametrize(
    "line, units, value, unit",
    [
        ("Hemoglobin 13.5 g/dL", ["g/L"], 135.0, "g/L"),
        ("WBC 5.5 10^9/L", ["g/L", "10*3/uL"], 5.5, "10*3/uL"),
        ("Glucose 90 mg/dL", ["mmol/L"], 5.0, "mmol/L"),
        ("MCV 90 um3", ["g/L"], 90.0, "fL"),
        ("INR 1.2", [], 1.2, "{INR}"),
    ],
)
def test_converted_values(tmp_path, line, units, value, unit):
    path = tmp_path / "report.txt"
    path.write_text(line)
    [result] = parse(path, units=units).results
    assert (round(result.converted_value, 2), result.converted_unit) == (value, unit)


def test_evidence_and_place(tmp_path):
    [result] = read(tmp_path, "\n\nHemoglobin  11.7  g/dL  12-16  L\n").results
    assert result.evidence == "Hemoglobin 11.7 g/dL 12-16 L" and result.page == 1
    left, top, right, bottom = result.box
    assert left == 0 and top == 24 and right > left and bottom > top


@pytest.mark.parametrize(
    "text, day",
    [
        ("Collected: 2025-03-04", "2025-03-04"),
        ("Data prelievo: 25/03/2025", "2025-03-25"),
        ("Collection Date: March 4, 2025", "2025-03-04"),
        ("DOB: 12/25/1980\nCollected: 03/04/2025", "2025-03-04"),
        ("Date of birth: 04/03/1980", None),
        ("SMITH, JANE | 02/27/1975 | F", None),
        ("Reported: 2025-03-09  Collected: 2025-03-04", "2025-03-04"),
    ],
)
def test_the_day_of_collection(tmp_path, text, day):
    report = read(tmp_path, f"{text}\nHemoglobin 13.5 g/dL\n")
    assert (report.collected and report.collected.isoformat()) == day


def test_a_day_that_may_be_two(tmp_path):
    path = tmp_path / "report.txt"
    path.write_text("Collected: 03/04/2025\nHemoglobin 13.5 g/dL\n")
    report = parse(path)
    assert report.collected is None
    assert [str(day) for day in report.collected_candidates] == ["2025-04-03", "2025-03-04"]
    assert str(parse(path, day_first=True).collected) == "2025-04-03"


TABLES = {
    "results in two columns": (
        """
Test Name             In Range    Out Of Range    Reference Range      Lab
HDL CHOLESTEROL       55                          > OR = 46 mg/dL      MI
LDL-CHOLESTEROL                   166 H           <130 mg/dL (calc)    MI
SODIUM                140                         135-146 mmol/L       MI
""",
        [("2085-9", 55.0, 46.0, None, None), ("2089-1", 166.0, None, 130.0, "H"),
         ("2951-2", 140.0, 135.0, 146.0, None)],
    ),
    "comments and categories below": (
        """
   TESTS                 RESULT     FLAG     UNITS         REFERENCE INTERVAL    LAB
   Hemoglobin A1c        6.1        High     %             4.8-5.6               01
                         Prediabetes: 5.7 - 6.4
                         Diabetes: >6.4
   eGFR                  >60                 mL/min/1.73   >59                   01
""",
        [("4548-4", 6.1, 4.8, 5.6, "H"), ("69405-9", 60.0, 59.0, None, None)],
    ),
    "asterisks apart": (
        """
ESAME                     RISULTATO     U.M.      VALORI DI RIFERIMENTO
S-GLUCOSIO             *  112           mg/dL     [ 60 - 100 ]
NEUTROFILI                55,2          %         [ 40,0 - 75,0 ]
NEUTROFILI                4,11          10^3/uL   [ 1,80 - 7,50 ]
P-TEMPO DI PROTROMBINA (PT)
  Attività                98            %         [ 70 - 120 ]
  INR                     1,02                    [ 0,80 - 1,20 ]
""",
        [("2345-7", 112.0, 60.0, 100.0, None), ("770-8", 55.2, 40.0, 75.0, None), ("751-8", 4.11, 1.8, 7.5, None),
         ("5894-1", 98.0, 70.0, 120.0, None), ("6301-6", 1.02, 0.8, 1.2, None)],
    ),
    "one below the other": (
        """
Test: Hemoglobin
Result: 13.5 g/dL
Reference: 12.0-16.0
Flag: Normal

Test: Glucose
Result: 130 mg/dL
Reference: 70-99
Flag: High
""",
        [("718-7", 13.5, 12.0, 16.0, None), ("2345-7", 130.0, 70.0, 99.0, "H")],
    ),
    "plus and minus": (
        """
Test            Value    Units   Range
Hemoglobin      17.9 +   g/dl    12.0 - 16.0
Glucose         55 -     mg/dl   70 - 99
Sodium          140      mmol/l  135 - 145
""",
        [("718-7", 17.9, 12.0, 16.0, "H"), ("2345-7", 55.0, 70.0, 99.0, "L"), ("2951-2", 140.0, 135.0, 145.0, None)],
    ),
    "days side by side": (
        """
Test            Units      Ref Range    12/01/2025   14/06/2025   20/11/2025
Hemoglobin      g/dL       12-16        13.1         12.8         11.4
""",
        [("718-7", 11.4, 12.0, 16.0, None)],
    ),
    "a table in signs": (
        """
| Test | Result | Unit | Range | Flag |
|------|--------|------|-------|------|
| Hemoglobin | 11.2 | g/dL | 12.0-16.0 | L |
""",
        [("718-7", 11.2, 12.0, 16.0, "L")],
    ),
    "an export": (
        """patient_id,patient_name,test_name,loinc,result_value,units,ref_low,ref_high,abnormal_flag,collected_date
100354,Smith John,Hemoglobin,718-7,13.5,g/dL,12.0,16.0,,2025-03-01
100354,Smith John,Glucose,2345-7,130,mg/dL,70,99,H,2025-03-01
""",
        [("718-7", 13.5, 12.0, 16.0, None), ("2345-7", 130.0, 70.0, 99.0, "H")],
    ),
    "a title that is not understood": (
        """
Test          Current Result and Flag    Units    Reference Interval
Hemoglobin    11.2          Low          g/dL     12.0-16.0
""",
        [("718-7", 11.2, 12.0, 16.0, "L")],
    ),
    "limits in columns of their own": (
        """
Esame         Risultato   U.M.    Valore minimo   Valore massimo   Note
Glicemia      130         mg/dl   70              99               H
""",
        [("2345-7", 130.0, 70.0, 99.0, "H")],
    ),
    "dates above the table": (
        """
Report date 23-Mar-2025   Collected 22-Mar-2025
Haemoglobin    125 g/L   (115 - 165)
""",
        [("718-7", 125.0, 115.0, 165.0, None)],
    ),
    "units as titles": (
        """
Test          %       Ref.     10^3/uL   Ref.
Neutrophils   55.2    40-75    3.45      1.8-7.7
""",
        [("770-8", 55.2, 40.0, 75.0, None), ("751-8", 3.45, 1.8, 7.7, None)],
    ),
    "a portal's cards": (
        """
Hemoglobin
Normal range: 11.7 - 15.7 g/dL
Value
8.3 Low

CHOLESTEROL, TOTAL   Reference Range: <200 mg/dL
262 HIGH
""",
        [("718-7", 8.3, 11.7, 15.7, "L"), ("2093-3", 262.0, None, 200.0, "H")],
    ),
    "a name above and below its value": (
        """
Haemoglobin         125   g/L   115-165

Mean Corpuscular
Haemoglobin         335   g/L   315-345
Concentration
""",
        [("718-7", 125.0, 115.0, 165.0, None), ("786-4", 335.0, 315.0, 345.0, None)],
    ),
    "a comment and a table of categories": (
        """
Test               Result    Units    Reference
Hemoglobin A1c     5.5       %        4.8-5.6
Triglycerides      144       mg/dL    0-149

HbA1c 6.5% or above on two occasions is diagnostic of diabetes.
Category           LDL Cholesterol    Triglycerides
Optimal            <100 mg/dL         <150 mg/dL
Borderline         130-159 mg/dL      150-199 mg/dL
High               160-189 mg/dL      200-499 mg/dL
""",
        [("4548-4", 5.5, 4.8, 5.6, None), ("2571-8", 144.0, 0.0, 149.0, None)],
    ),
    "one row a day": (
        """date,Hemoglobin (g/dL),Glucose (mg/dL),Platelets (10^3/uL)
2025-03-01,13.5,92,250
""",
        [("718-7", 13.5, None, None, None), ("2345-7", 92.0, None, None, None), ("777-3", 250.0, None, None, None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_common_tables(tmp_path, name):
    text, expected = TABLES[name]
    results = read(tmp_path, text.lstrip("\n")).results
    assert [(r.loinc, r.value, r.reference_low, r.reference_high, r.flag) for r in results] == expected
    assert not any(result.marked for result in results)


def test_a_scale_is_not_converted_to_another(tmp_path):
    [result] = read(tmp_path, "HbA1c 56 mmol/mol").results
    assert (result.loinc, result.converted_value, result.converted_unit) == ("59261-8", 56.0, "mmol/mol")


def test_a_value_after_a_load_is_marked(tmp_path):
    for line in ("Glucose 120 min  145 mg/dL  <140", "Insulin 2 hours  55 uIU/mL"):
        [result] = read(tmp_path, line).results
        assert result.marked


@pytest.mark.parametrize(
    "text, reason",
    [
        ("patient_id,test,value,unit\nA1,Glucose,92,mg/dL\nA2,Glucose,130,mg/dL\n", "rows of 2 patients"),
        ("Date,Glucose (mg/dL),Sodium,Potassium\n2025-01-01,92,140,4\n2025-02-01,95,141,4\n", "2 rows of results"),
    ],
)
def test_several_reports_in_one_table_are_refused(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        read(tmp_path, text, "export.csv")
