"""Pictures of a few lines: letters small and large, tables with rules, stamps across."""

import pytest
from PIL import Image, ImageDraw, ImageFont

from tfderm.clinical.labs import parse
from tfderm.clinical.labs.documents import Document, Page, Word

LINES = ["Hemoglobin    11.7   g/dL    12.0 - 16.0   L", "Glucose       92   mg/dL   70 - 99"]


def picture(size, rules=False, stamp=False):
    from pathlib import Path

    import matplotlib

    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    image = Image.new("L", (40 * size, 8 * size), 255)
    draw = ImageDraw.Draw(image)
    if stamp:
        draw.text((6 * size, size), "SAMPLE", font=ImageFont.truetype(str(font), 5 * size), fill=228)
    for row, line in enumerate(LINES):
        top = int((1.5 + 2.5 * row) * size)
        draw.text((size, top), line, font=ImageFont.truetype(str(font), size), fill=0)
        if rules:
            draw.rectangle((size // 2, top - size // 2, 39 * size, top + 2 * size), outline=0, width=2)
    return image


def recognised(words, monkeypatch, tmp_path):
    monkeypatch.setattr(Document, "pages", lambda self: iter([Page(1, tuple(words), recognised=True)]))
    (tmp_path / "scan.txt").write_text("stands for a scan")
    return parse(tmp_path / "scan.txt").results


@pytest.mark.parametrize(("sign", "marked"), [("T", True), ("", False), ("L", False)])
def test_a_sign_that_is_not_understood_beside_a_value_out_of_range_may_be_its_flag(sign, marked, monkeypatch, tmp_path):
    texts = ("Hemoglobin", "11.2", sign, "g/dL", "12-16")
    words = [Word(text, 100 * place, 0, 100 * place + 60, 10, 0.9, text) for place, text in enumerate(texts) if text]

    [result] = recognised(words, monkeypatch, tmp_path)
    assert (result.value, result.derived_flag, result.marked) == (11.2, "L", marked)


def test_a_recognised_flag_is_no_misspelt_name(monkeypatch, tmp_path):
    texts = ("Emoglobina", "8,1", "basso", "g/dL", "12,0-16,0")
    words = [Word(text, 100 * place, 0, 100 * place + 60, 10, 0.9, text) for place, text in enumerate(texts)]
    assert [(result.value, result.unit, result.flag) for result in recognised(words, monkeypatch, tmp_path)] == [
        (8.1, "g/dL", "L")
    ]


@pytest.mark.parametrize("size", [20, 28, 60])
@pytest.mark.parametrize("look", [{}, {"rules": True}, {"stamp": True}], ids=lambda look: " ".join(look) or "plain")
def test_a_picture(size, look, tmp_path, tesseract):
    picture(size, **look).save(tmp_path / "scan.png")
    results = parse(tmp_path / "scan.png").results
    assert [(r.analyte, r.value, r.unit, r.flag, r.marked) for r in results] == [
        ("Hemoglobin", 11.7, "g/dL", "L", False),
        ("Glucose", 92.0, "mg/dL", None, False),
    ]
