"""Any order of columns, with or without header, in text and CSV: what was printed is what is read."""

import csv
import io
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from printed import Style, expected_flag, results
from scoring import score

from tfderm.clinical.labs import parse

HEADERS = {
    False: {
        "name": ("Test", "Analyte", "Component", "Test Name"),
        "value": ("Result", "Value", "Results"),
        "unit": ("Units", "Unit", "UOM"),
        "range": ("Reference Range", "Ref. Interval", "Normal Range"),
        "flag": ("Flag", "Status", "Abn"),
    },
    True: {
        "name": ("Esame", "Analisi"),
        "value": ("Risultato", "Esito", "Valore"),
        "unit": ("U.M.", "Unità di misura"),
        "range": ("Valori di riferimento", "Riferimento"),
        "flag": ("Segnalazione", "Stato"),
    },
}
FLAGS = (
    {"high": "H", "low": "L"},
    {"high": "HIGH", "low": "LOW", "normal": "NORMAL"},
    {"high": "*", "low": "*"},
    {"high": "↑", "low": "↓"},
    {"high": "H*", "low": "L*"},
    {"high": "(H)", "low": "(L)"},
    {"high": "High", "low": "Low", "normal": "Normal"},
    {"high": "HH", "low": "LL", "normal": "N"},
)
JOINED = {
    "apart": {},
    "unit in the value's column": {"value": lambda p: f"{p.value_text} {p.unit_text}", "unit": None},
    "flag after the value": {"value": lambda p: f"{p.value_text} {p.flag_text}".strip(), "flag": None},
    "flag before the value": {"value": lambda p: f"{p.flag_text} {p.value_text}".strip(), "flag": None},
    "unit in the range's column": {"range": lambda p: f"{p.range_text} {p.unit_text}", "unit": None},
    "no flag": {"flag": None},
}
CELLS = {
    "name": lambda p: p.name,
    "value": lambda p: p.value_text,
    "unit": lambda p: p.unit_text,
    "range": lambda p: p.range_text,
    "flag": lambda p: p.flag_text,
}


@st.composite
def layouts(draw):
    """(rows of cells, expected results)."""
    italian = draw(st.booleans())
    style = Style(
        italian=italian,
        decimal=draw(st.sampled_from(",.")) if italian else ".",
        dash=draw(st.sampled_from(("-", " - ", " – ", "–", " a " if italian else " to "))),
        brackets=draw(st.sampled_from(("", "[]", "()"))),
        at_most=draw(st.sampled_from(("<", "< ", "<=", "≤", "fino a" if italian else "up to"))),
        at_least=draw(st.sampled_from((">", "> ", ">=", "≥"))),
        counts=draw(st.integers(0, 4)),
        **draw(st.sampled_from(FLAGS)),
    )
    printed = results(random.Random(draw(st.integers(0, 10**6))), draw(st.integers(5, 30)), style)
    joined = draw(st.sampled_from(sorted(JOINED)))
    cells = {name: show for name, show in (CELLS | JOINED[joined]).items() if show}
    columns = draw(st.permutations(list(cells)))
    rows = [[cells[column](p) for column in columns] for p in printed]
    if draw(st.booleans()):
        rows.insert(0, [draw(st.sampled_from(HEADERS[italian][column])) for column in columns])
    flagless = joined == "no flag"
    expected = [
        (p.analyte, p.value, p.unit_text, None if flagless else expected_flag(p), p.low, p.high) for p in printed
    ]
    return rows, expected


def check(path, text, expected):
    path.write_text(text, encoding="utf-8")
    total = score(parse(path), expected)
    total.check(0.99)
    assert total.ranges == total.number


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_text_in_columns(tmp_path_factory, layout):
    rows, expected = layout
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    check(tmp_path_factory.mktemp("text") / "report.txt", "LABORATORY\n\n" + "\n".join(lines) + "\n", expected)


@settings(max_examples=60, deadline=None)
@given(layouts(), st.sampled_from(",;\t|"))
def test_csv(tmp_path_factory, layout, delimiter):
    rows, expected = layout
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    check(tmp_path_factory.mktemp("csv") / "report.csv", buffer.getvalue(), expected)
