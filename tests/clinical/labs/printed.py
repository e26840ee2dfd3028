"""Blood reports that never were: random results, printed in several layouts by two renderers, as text and as CSV.

A `Sheet` is pages of rows of (x, text, size, bold); ReportLab and Matplotlib each draw it with fonts, placement and PDF
writer of their own. Names of people in them are made up.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENT = ("MARLOWE-QUIST, THEODORA", "Theodora Marlowe-Quist", "04/17/1961", "MRN 7734521", "9 Larkspur Mews")


@dataclass(frozen=True)
class Printed:
    """One result as printed, and what a reader must make of it."""

    analyte: str
    name: str
    value: float
    value_text: str
    unit: str
    unit_text: str
    low: float | None
    high: float | None
    range_text: str
    flag: str | None
    flag_text: str


THOUSANDS = [("10^3/µL", "10*3/uL"), ("x10E3/uL", "10*3/uL"), ("K/uL", "10*3/uL"), ("10^9/L", "10*9/L"),
             ("mila/mmc", "10*3/mm3")]  # fmt: skip
MILLIONS = [("10^6/µL", "10*6/uL"), ("x10E6/uL", "10*6/uL"), ("M/uL", "10*6/uL"), ("10^12/L", "10*12/L"),
            ("milioni/mmc", "10*6/mm3")]  # fmt: skip
ENZYMES = [("IU/L", "[IU]/L"), ("U/L", "U/L")]
IONS = [("mmol/L", "mmol/L"), ("mEq/L", "meq/L")]
MILLIGRAMS = [("mg/dL", "mg/dL"), ("mg/dl", "mg/dL")]
# English name of our table, names as laboratories print them, low, high, decimals, (printed unit, UCUM) of each style.
CATALOGUE = [
    ("White Blood Cell Count", "WBC|White Blood Cells", "Leucociti|Globuli bianchi", 4.0, 10.8, 1, THOUSANDS),
    ("Red Blood Cell Count", "RBC|Red Blood Cells", "Eritrociti|Globuli rossi", 4.10, 5.80, 2, MILLIONS),
    ("Hemoglobin", "Hemoglobin|HGB|Haemoglobin", "Emoglobina|Emoglobina (Hb)", 12.0, 17.5, 1,
     [("g/dL", "g/dL"), ("g/dl", "g/dL")]),
    ("Hematocrit", "Hematocrit|HCT", "Ematocrito", 36.0, 50.0, 1, [("%", "%")]),
    ("Mean Corpuscular Volume", "MCV|Mean Cell Volume", "MCV|Volume corpuscolare medio", 80.0,
     97.0, 1, [("fL", "fL"), ("fl", "fL")]),
    ("Mean Corpuscular Hemoglobin", "MCH|Mean Cell Hemoglobin", "MCH", 26.6, 33.0, 1, [("pg", "pg")]),
    ("Mean Corpuscular Hemoglobin Concentration", "MCHC", "MCHC", 31.5, 35.7, 1, [("g/dL", "g/dL")]),
    ("Red Cell Distribution Width", "RDW|RDW-CV", "RDW", 11.6, 15.4, 1, [("%", "%")]),
    ("Platelet Count", "Platelets|Platelet Count|PLT", "Piastrine|Conta piastrine", 150, 450, 0, THOUSANDS),
    ("Neutrophils", "Neutrophils|Neutrophils %", "Neutrofili|Neutrofili %", 40.0, 74.0, 1, [("%", "%")]),
    ("Lymphocytes", "Lymphocytes|Lymphs", "Linfociti", 14.0, 46.0, 1, [("%", "%")]),
    ("Monocytes", "Monocytes", "Monociti", 4.0, 12.0, 1, [("%", "%")]),
    ("Eosinophils", "Eosinophils|Eos", "Eosinofili", 0.5, 6.0, 1, [("%", "%")]),
    ("Basophils", "Basophils", "Basofili", 0.1, 2.0, 1, [("%", "%")]),
    ("Neutrophils, Absolute", "Neutrophils (Absolute)|Absolute Neutrophils",
     "Neutrofili (valore assoluto)", 1.4, 7.0, 2, THOUSANDS),
    ("Eosinophils, Absolute", "Eos (Absolute)|Eosinophils, Absolute", "Eosinofili assoluti", 0.02,
     0.40, 2, THOUSANDS),
    ("Erythrocyte Sedimentation Rate", "ESR|Sedimentation Rate",
     "VES|Velocità di eritrosedimentazione", None, 20, 0, [("mm/h", "mm/h"), ("mm/hr", "mm/h")]),
    ("C-Reactive Protein", "C-Reactive Protein|CRP", "Proteina C reattiva|PCR", None, 5.0, 2, [("mg/L", "mg/L")]),
    ("Glucose", "Glucose", "Glucosio|Glicemia", 65, 99, 0, MILLIGRAMS),
    ("Creatinine", "Creatinine", "Creatinina", 0.57, 1.10, 2, [("mg/dL", "mg/dL")]),
    ("Urea", "Urea", "Urea|Azotemia", 15, 43, 0, [("mg/dL", "mg/dL")]),
    ("Estimated Glomerular Filtration Rate", "eGFR", "eGFR (CKD-EPI)", 60, None, 0,
     [("mL/min/1.73m2", "mL/min/{1.73_m2}"), ("mL/min/1.73 m²", "mL/min/{1.73_m2}")]),
    ("Uric Acid", "Uric Acid", "Acido urico|Uricemia", 2.6, 6.2, 1, [("mg/dL", "mg/dL")]),
    ("Bilirubin, Total", "Bilirubin, Total|Total Bilirubin", "Bilirubina totale", 0.20, 1.20, 2,
     [("mg/dL", "mg/dL")]),
    ("Aspartate Aminotransferase", "AST (SGOT)|AST", "AST (GOT)|Aspartato aminotransferasi", 5, 40, 0, ENZYMES),
    ("Alanine Aminotransferase", "ALT (SGPT)|ALT", "ALT (GPT)|Alanina aminotransferasi", 5, 44, 0, ENZYMES),
    ("Gamma-Glutamyl Transferase", "GGT", "Gamma-GT|GGT", 7, 55, 0, ENZYMES),
    ("Alkaline Phosphatase", "Alkaline Phosphatase|ALP", "Fosfatasi alcalina", 39, 117, 0, ENZYMES),
    ("Lactate Dehydrogenase", "LDH", "LDH|Lattato deidrogenasi", 119, 226, 0, ENZYMES),
    ("Protein, Total", "Protein, Total|Total Protein", "Proteine totali", 6.0, 8.5, 1, [("g/dL", "g/dL")]),
    ("Albumin", "Albumin", "Albumina", 3.5, 5.5, 1, [("g/dL", "g/dL")]),
    ("Cholesterol, Total", "Cholesterol, Total|Total Cholesterol", "Colesterolo totale", 100, 199,
     0, [("mg/dL", "mg/dL")]),
    ("HDL Cholesterol", "HDL Cholesterol", "Colesterolo HDL", 39, None, 0, [("mg/dL", "mg/dL")]),
    ("LDL Cholesterol", "LDL Cholesterol", "Colesterolo LDL", None, 99, 0, [("mg/dL", "mg/dL")]),
    ("Triglycerides", "Triglycerides", "Trigliceridi", None, 149, 0, [("mg/dL", "mg/dL")]),
    ("Sodium", "Sodium", "Sodio", 134, 144, 0, IONS),
    ("Potassium", "Potassium", "Potassio", 3.5, 5.2, 1, IONS),
    ("Chloride", "Chloride", "Cloro", 96, 106, 0, IONS),
    ("Calcium", "Calcium", "Calcio", 8.7, 10.2, 1, [("mg/dL", "mg/dL")]),
    ("Iron", "Iron", "Ferro|Sideremia", 38, 169, 0, [("ug/dL", "ug/dL"), ("µg/dL", "ug/dL")]),
    ("Ferritin", "Ferritin", "Ferritina", 15, 150, 0, [("ng/mL", "ng/mL")]),
    ("Thyroid Stimulating Hormone", "TSH", "TSH", 0.450, 4.500, 3,
     [("uIU/mL", "u[IU]/mL"), ("mIU/L", "m[IU]/L"), ("µUI/mL", "u[IU]/mL")]),
    ("Thyroxine, Free", "T4, Free|Free T4", "FT4", 0.82, 1.77, 2, [("ng/dL", "ng/dL")]),
    ("Vitamin D, 25-Hydroxy", "Vitamin D, 25-Hydroxy", "Vitamina D (25-OH)", 30.0, 100.0, 1, [("ng/mL", "ng/mL")]),
    ("Vitamin B12", "Vitamin B12", "Vitamina B12", 232, 1245, 0, [("pg/mL", "pg/mL")]),
    ("Folate", "Folate", "Acido folico|Folati", 3.0, 20.0, 1, [("ng/mL", "ng/mL")]),
    ("Immunoglobulin E, Total", "IgE, Total|Total IgE", "IgE totali", None, 100, 0,
     [("IU/mL", "[IU]/mL"), ("kU/L", "kU/L")]),
    ("Hemoglobin A1c", "Hemoglobin A1c|HbA1c", "Emoglobina glicata", 4.8, 5.6, 1, [("%", "%")]),
]  # fmt: skip


MOST = {
    "Mean Corpuscular Hemoglobin Concentration": 40,
    "Mean Corpuscular Hemoglobin": 45,
    "Mean Corpuscular Volume": 140,
    "Red Blood Cell Count": 8,
    "Hemoglobin": 23,
    "Hematocrit": 70,
    "Neutrophils": 97,
    "Sodium": 170,
}
"""More than this nobody has."""


@dataclass(frozen=True)
class Style:
    """How a laboratory prints: language, decimal separator, ranges, bounds, flags and which of its units."""

    italian: bool = False
    decimal: str = "."
    dash: str = "-"
    brackets: str = ""
    at_most: str = "<"
    at_least: str = ">"
    high: str = "H"
    low: str = "L"
    normal: str = ""
    counts: int = 0

    def number(self, value: float, decimals: int) -> str:
        return f"{value:.{decimals}f}".replace(".", self.decimal)


def results(rng: random.Random, number: int, style: Style, abnormal: float = 0.35) -> list[Printed]:
    """So many analytes in the catalogue's order, each within, above or below its range."""
    chosen = sorted(rng.sample(range(len(CATALOGUE)), min(number, len(CATALOGUE))))
    return [_result(rng, CATALOGUE[index], style, abnormal) for index in chosen]


def _result(rng, row, style: Style, abnormal: float) -> Printed:
    analyte, english, italian, low, high, decimals, units = row
    name = rng.choice((italian if style.italian else english).split("|"))
    if units is ENZYMES or len(units) > 2:
        unit_text, unit = units[min(style.counts, len(units) - 1)]
    else:
        unit_text, unit = rng.choice(units)
    bottom = low if low is not None else 0.1 * high
    top = high if high is not None else 2 * low
    where = rng.random()
    if where < abnormal / 2 and high is not None:
        value, flag = rng.uniform(1.03 * top, 1.6 * top), "H"
    elif where < abnormal and low is not None and low > 0:
        value, flag = rng.uniform(0.6 * bottom, 0.97 * bottom), "L"
    else:
        value, flag = rng.uniform(bottom, top), None
    value = min(value, MOST.get(analyte, value))
    text = style.number(value, decimals)
    value = float(text.replace(",", "."))
    flag = "H" if high is not None and value > high else "L" if low is not None and value < low else None
    if low is None:
        printed_range = f"{style.at_most}{_space(style.at_most)}{style.number(high, decimals)}"
    elif high is None:
        printed_range = f"{style.at_least}{_space(style.at_least)}{style.number(low, decimals)}"
    else:
        printed_range = f"{style.number(low, decimals)}{style.dash}{style.number(high, decimals)}"
    if style.brackets:
        printed_range = f"{style.brackets[0]}{printed_range}{style.brackets[1]}"
    flag_text = {"H": style.high, "L": style.low, None: style.normal}[flag]
    return Printed(analyte, name, value, text, unit, unit_text, low, high, printed_range, flag, flag_text)


def _space(sign: str) -> str:
    return " " if sign.isalpha() or " " in sign else ""


Cell = tuple[float, str, float, bool]
Sheet = list[list[list[Cell]]]
"""Pages of rows of (x as a share of the page's width, text, font size, bold)."""


def table(columns: Sequence[tuple[float, Callable[[Printed], str]]], printed: Sequence[Printed], size: float = 9.0):
    return [[(x, text, size, False) for x, show in columns if (text := show(one))] for one in printed]


def heading(*cells: tuple[float, str], size: float = 9.0) -> list[Cell]:
    return [(x, text, size, True) for x, text in cells]


def letterhead(title: str) -> list[list[Cell]]:
    return [
        [(0.08, title, 15.0, True)],
        [(0.08, f"Patient: {PATIENT[0]}", 9.0, False), (0.6, f"DOB: {PATIENT[2]}", 9.0, False)],
        [(0.08, PATIENT[3], 9.0, False), (0.6, "Collected: 03/22/2025", 9.0, False)],
        [],
    ]


def interval(printed) -> Sheet:
    rows = letterhead("LABORATORY REPORT")
    names = ((0.08, "TESTS"), (0.42, "RESULT"), (0.53, "FLAG"), (0.62, "UNITS"), (0.75, "REFERENCE INTERVAL"))
    rows.append(heading(*names, (0.93, "LAB")))
    columns = [(0.08, lambda p: p.name), (0.42, lambda p: p.value_text), (0.53, lambda p: p.flag_text),
               (0.62, lambda p: p.unit_text), (0.75, lambda p: p.range_text), (0.93, lambda p: "01")]  # fmt: skip
    rows += table(columns, printed, 8.0)
    rows += [[], [(0.08, "Specimen comment: fasting not stated. 01 Example Laboratory, 12 Hill Rd", 7.0, False)]]
    return [rows]


def italian(printed) -> Sheet:
    rows = [
        [(0.25, "AZIENDA SANITARIA LOCALE - Laboratorio Analisi", 12.0, True)],
        [(0.08, f"Paziente: {PATIENT[1]}", 9.0, False), (0.6, "Data di nascita: 17/04/1961", 9.0, False)],
        [(0.08, "Data prelievo: 22/03/2025", 9.0, False), (0.6, "Accettazione n. 20250322-118", 9.0, False)],
        [],
        heading((0.08, "Esame"), (0.45, "Risultato"), (0.58, "U.M."), (0.72, "Valori di riferimento")),
        [(0.08, "EMATOLOGIA", 9.0, True)],
    ]
    columns = [(0.08, lambda p: p.name), (0.44, lambda p: p.flag_text + p.value_text if p.flag else p.value_text),
               (0.58, lambda p: p.unit_text), (0.72, lambda p: p.range_text)]  # fmt: skip
    half = len(printed) // 2
    rows += table(columns, printed[:half])
    rows += [[(0.08, "CHIMICA CLINICA", 9.0, True)], *table(columns, printed[half:])]
    rows += [[], [(0.08, "Il Dirigente Dott.ssa Perla Inventata", 8.0, False)]]
    return [rows]


def previous(printed) -> Sheet:
    rows = letterhead("Cumulative results")
    names = ((0.08, "Component"), (0.38, "Current Result"), (0.52, "Previous Result"), (0.67, "Units"))
    rows.append(heading(*names, (0.8, "Normal Range"), (0.93, "Flag")))

    def earlier(p: Printed) -> str:
        digits = len(p.value_text.partition(".")[2])
        return f"{p.value * 0.91:.{digits}f}"

    columns = [(0.08, lambda p: p.name), (0.38, lambda p: p.value_text), (0.52, earlier), (0.67, lambda p: p.unit_text),
               (0.8, lambda p: p.range_text), (0.93, lambda p: p.flag_text)]  # fmt: skip
    return [rows + table(columns, printed, 8.0)]


def side_by_side(printed) -> Sheet:
    rows = letterhead("Results")
    head = (("Test", 0.0), ("Value", 0.16), ("Unit", 0.24), ("Range", 0.33))
    rows.append(heading(*((x + offset, name) for offset in (0.06, 0.54) for name, x in head), size=7.0))
    half = (len(printed) + 1) // 2

    def cells(p: Printed, offset: float) -> list[Cell]:
        value = f"{p.value_text} {p.flag_text}".strip()
        texts = ((0.0, p.name), (0.16, value), (0.24, p.unit_text), (0.33, p.range_text))
        return [(offset + x, text, 7.0, False) for x, text in texts]

    for index in range(half):
        row = cells(printed[index], 0.06)
        if half + index < len(printed):
            row += cells(printed[half + index], 0.54)
        rows.append(row)
    return [rows]


def listing(printed) -> Sheet:
    pages = []
    for start in range(0, len(printed), 14):
        rows = letterhead("Test results" if start == 0 else "Test results (continued)")
        for p in printed[start : start + 14]:
            text = f"{p.name}: {p.value_text} {p.unit_text} {p.range_text} {p.flag_text}".strip()
            rows.append([(0.1, text, 10.0, False)])
            if p.flag:
                rows.append([(0.12, "Please discuss this with your physician.", 7.0, False)])
        pages.append(rows)
    return pages


def reversed_columns(printed) -> Sheet:
    rows = letterhead("Biochemistry and haematology")
    names = ((0.06, "Reference Range"), (0.24, "Units"), (0.4, "Status"), (0.52, "Result"), (0.66, "Investigation"))
    rows.append(heading(*names))
    columns = [(0.06, lambda p: p.range_text), (0.24, lambda p: p.unit_text), (0.4, lambda p: p.flag_text),
               (0.52, lambda p: p.value_text), (0.66, lambda p: p.name)]  # fmt: skip
    return [rows + table(columns, printed)]


def tiles(printed) -> Sheet:
    rows = letterhead("Your results at a glance")
    for start in range(0, len(printed), 3):
        group = list(enumerate(printed[start : start + 3]))
        rows.append([(0.06 + 0.31 * i, p.name, 9.0, True) for i, p in group])
        rows.append([(0.06 + 0.31 * i, f"{p.value_text} {p.unit_text}", 11.0, False) for i, p in group])
        rows.append([(0.06 + 0.31 * i, f"Range {p.range_text}  {p.flag_text}".rstrip(), 7.0, False) for i, p in group])
        rows.append([])
    return [rows]


BRACKETED = Style(italian=True, decimal=",", dash=" - ", brackets="[]", at_most="fino a", high="*", low="*", counts=4)
LAYOUTS = {
    "interval": (interval, Style(counts=1)),
    "italian": (italian, BRACKETED),
    "previous": (previous, Style(high="HIGH", low="LOW", dash=" - ", counts=2)),
    "side_by_side": (side_by_side, Style(high="H", low="L", counts=3)),
    "listing": (listing, Style(brackets="()", dash=" - ", high="High", low="Low", normal="Normal", counts=2)),
    "reversed": (reversed_columns, Style(dash=" – ", at_least=">=", high="HH", low="LL", normal="N", counts=0)),
    "tiles": (tiles, Style(dash=" to ", at_most="up to", high="(H)", low="(L)", counts=2)),
}
NUMBERS = {
    "interval": 34,
    "italian": 30,
    "previous": 30,
    "side_by_side": 40,
    "listing": 24,
    "reversed": 28,
    "tiles": 27,
}


def expected_flag(printed: Printed) -> str | None:
    """What `flag` must be: a mark without direction is none."""
    return None if printed.flag_text.strip() in ("*", "") else printed.flag


def with_reportlab(sheet: Sheet, path: Path) -> Path:
    import matplotlib
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in ("DejaVuSans", "DejaVuSans-Bold"):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    width, height = A4
    canvas = Canvas(str(path), pagesize=A4)
    latin = all(ord(c) < 256 for page in sheet for row in page for cell in row for c in cell[1])
    plain, bold = ("Helvetica", "Helvetica-Bold") if latin else ("DejaVuSans", "DejaVuSans-Bold")
    for page in sheet:
        y = height - 50
        for row in page:
            for x, text, size, heavy in row:
                canvas.setFont(bold if heavy else plain, size)
                canvas.drawString(x * width, y, text)
            y -= max([1.75 * size for _, _, size, _ in row], default=10)
        canvas.showPage()
    canvas.save()
    return path


def with_matplotlib(sheet: Sheet, path: Path) -> Path:
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    with PdfPages(path) as pages:
        for page in sheet:
            figure = Figure(figsize=(8.5, 11))
            y = 1 - 0.06
            for row in page:
                for x, text, size, heavy in row:
                    weight = "bold" if heavy else "normal"
                    figure.text(x, y, text, fontsize=0.88 * size, weight=weight, family="DejaVu Sans")
                y -= max([1.8 * size / 792 for _, _, size, _ in row], default=0.012)
            pages.savefig(figure)
    return path


RENDERERS = {"reportlab": with_reportlab, "matplotlib": with_matplotlib}
