"""The sample reports in $TFDERM_DATA/lab_reports: eight layouts of a public generator, nobody's blood."""

import json
import os
from pathlib import Path

import pytest
from scoring import Score, scan, score

from tfderm.clinical.labs import parse

FOLDER = Path(os.environ.get("TFDERM_DATA", "nowhere")) / "lab_reports"
SAMPLES = sorted(FOLDER.glob("*.pdf"))
FLAGS = {"H": "H", "HIGH": "H", "L": "L", "LOW": "L"}

pytestmark = pytest.mark.skipif(not SAMPLES, reason="sample reports are looked up in $TFDERM_DATA/lab_reports")


def expected(path):
    return [
        (r["analyte"], r["value"], r["unit"], FLAGS.get(r["printed_flag"]), r["ref_low"], r["ref_high"])
        for r in json.loads(path.with_suffix("").with_suffix(".expected.json").read_text())["results"]
    ]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_value_is_read(path):
    report = parse(path)
    total = score(report, expected(path))
    total.check(1.0)
    assert total.ranges == total.number and not total.marked_right
    assert {result.page for result in report.results} == set(range(1, report.pages + 1))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_no_identifier_is_copied(path):
    """The file's name holds the patient's number; names and birth dates are those printed in capitals and as DOB."""
    import re

    import pypdfium2

    text = "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(path))
    names = {name for pair in re.findall(r"\b([A-Z]{3,}), ([A-Z]{3,})\b", text) for name in pair}
    numbers = set(re.findall(r"\b(?:P|SP)\d{6}\b|\b\d{6,}\b", text)) | set(re.findall(r"DOB: (\S+)|Birth: (\S+)", text))
    printed = json.dumps(parse(path).to_json())
    assert names and not [name for name in names if name in printed.upper()]
    for found in numbers:
        for number in [found] if isinstance(found, str) else found:
            assert not number or number not in printed


@pytest.mark.slow
def test_scans(tmp_path, tesseract):
    total = Score()
    for path in SAMPLES:
        report = parse(scan(path, tmp_path / "scan.pdf", seed=len(path.stem)))
        assert report.recognised_pages == tuple(range(1, report.pages + 1))
        total += score(report, expected(path))
    total.check(0.97)
