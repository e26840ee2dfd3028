"""Layouts of our own, each rendered by two libraries, as PDF with text and as a scan."""

import random

import pypdfium2
import pytest
from printed import LAYOUTS, NUMBERS, PATIENT, RENDERERS, expected_flag, results
from scoring import Score, scan, score

from tfderm.clinical.labs import parse

CASES = [(layout, renderer) for layout in LAYOUTS for renderer in RENDERERS]


def render(layout, renderer, seed, folder):
    draw, style = LAYOUTS[layout]
    printed = results(random.Random(f"{layout}{seed}"), NUMBERS[layout], style)
    path = RENDERERS[renderer](draw(printed), folder / f"{layout}.pdf")
    return path, [(p.analyte, p.value, p.unit_text, expected_flag(p), p.low, p.high) for p in printed]


@pytest.mark.parametrize("layout, renderer", CASES)
def test_text(layout, renderer, tmp_path):
    total = Score()
    for seed in range(2):
        path, expected = render(layout, renderer, seed, tmp_path)
        report = parse(path)
        total += score(report, expected)
        assert report.collected.isoformat() == "2025-03-22"
        words = str(report.to_json()).upper()
        assert not [part for part in (*PATIENT, "MARLOWE", "THEODORA", "7734521", "1961") if part.upper() in words]
    total.check(0.99)
    assert total.ranges >= 0.99 * total.number


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_text_of_a_turned_page(degrees, tmp_path):
    path, _ = render(next(iter(LAYOUTS)), next(iter(RENDERERS)), 0, tmp_path)
    turned = pypdfium2.PdfDocument.new()
    for number, page in enumerate(pypdfium2.PdfDocument(str(path))):
        width, height = page.get_size()
        sheet = turned.new_page(*((height, width) if degrees % 180 else (width, height)))
        form = page_as_form(turned, path, number)
        corner = {90: (0, width), 180: (width, height), 270: (height, 0)}[degrees]
        form.set_matrix(pypdfium2.PdfMatrix().rotate(degrees).translate(*corner))
        sheet.insert_obj(form)
        sheet.gen_content()
    turned.save(tmp_path / "turned.pdf")

    def read(path):
        return [(r.analyte, r.value, r.unit, r.flag, r.marked) for r in parse(path).results]

    assert read(tmp_path / "turned.pdf") == read(path) and len(read(path)) >= 5


def page_as_form(document, path, number):
    return pypdfium2.PdfDocument(str(path)).page_as_xobject(number, document).as_pageobject()


@pytest.mark.slow
@pytest.mark.parametrize("renderer", RENDERERS)
def test_scans(renderer, tmp_path, tesseract):
    total = Score()
    for layout in LAYOUTS:
        path, expected = render(layout, renderer, 0, tmp_path)
        total += score(parse(scan(path, tmp_path / "scan.pdf", seed=0)), expected)
    total.check(0.97)


def test_a_page_that_lies_on_its_side_or_its_head_reads_as_upright(tmp_path, tesseract):
    path, _ = render(next(iter(LAYOUTS)), next(iter(RENDERERS)), 0, tmp_path)
    page = pypdfium2.PdfDocument(str(path))[0].render(scale=200 / 72, grayscale=True).to_pil()

    def read(degrees):
        page.rotate(degrees, expand=True).save(tmp_path / "scan.png", dpi=(200, 200))
        return [(r.analyte, r.value, r.unit, r.flag, r.marked) for r in parse(tmp_path / "scan.png").results]

    upright = read(0)
    assert len(upright) >= 5
    assert all(read(degrees) == upright for degrees in (90, 180, 270))
