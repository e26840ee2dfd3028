"""The report is one file, says what is synthetic, and prints the numbers of metrics.json and no others."""

import html.parser
import re

import fabricated
import pytest

from tfderm.errors import InputError
from tfderm.evaluation.report import write_report
from tfderm.evaluation.scores import task_metrics
from tfderm.evaluation.wording import format_interval, format_value, verdict
from tfderm.files import read_json, write_json


class Page(html.parser.HTMLParser):
    """Attributes that load or link, headings, cells of the table `metrics`, and balance of the tags."""

    VOID = {"meta", "img", "br", "link", "input", "hr"}

    def __init__(self, text):
        super().__init__()
        self.references, self.headings, self.cells, self.alts, self.open = [], [], [], [], []
        self.table = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.references += [
            v for k, v in attributes.items() if k in ("src", "href", "action", "srcset", "data", "poster")
        ]
        if tag == "img":
            self.alts.append(attributes.get("alt"))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "table":
            self.table = attributes.get("id")
        if tag == "td" and self.table in ("metrics", "details"):
            self.cells.append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] == "td" and self.table in ("metrics", "details"):
            self.cells[-1] += data

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def text_of(run):
    return (run.path / "report.html").read_text(encoding="utf-8")


def test_report_is_self_contained_and_well_formed(evaluated):
    _, _, run = evaluated
    text = text_of(run)
    page = Page(text)
    assert page.open == []
    assert page.references
    assert all(reference.startswith("data:image/png;base64,") for reference in page.references)
    assert not re.search(r"https?://|file:|@import|url\(|<script|<link|<iframe", re.sub(r"base64,[\w+/=]+", "", text))
    assert len(text) < 5_000_000


def test_report_is_readable_without_seeing_it(evaluated):
    page = Page(text_of(evaluated[2]))
    assert all(page.alts)
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))


def test_banner_only_on_synthetic_data(evaluated, tmp_path):
    _, _, run = evaluated
    assert "SYNTHETIC DATA" in text_of(run)
    result = read_json(run.path / "metrics.json")
    before = (run.path / "metrics.json").read_bytes(), (run.path / "report.html").read_bytes()
    try:
        result["synthetic"] = result["data"]["synthetic"] = False
        write_json(run.path / "metrics.json", result)
        write_report(run)
        assert "SYNTHETIC DATA" not in text_of(run)
    finally:
        (run.path / "metrics.json").write_bytes(before[0])
        (run.path / "report.html").write_bytes(before[1])


def numbers_in(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers_in(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_every_number_of_the_tables_comes_from_metrics_json(evaluated):
    task, _, run = evaluated
    result = fabricated.metrics_of(run)
    shown = [number for cell in Page(text_of(run)).cells for number in re.findall(r"[+-]?\d+(?:\.\d+)?", cell)]
    written = set()
    for value in numbers_in(result):
        written |= {str(value), f"{value:.2f}", f"{value:.3f}", f"{100 * value:.1f}"}
        written |= {f"{value:+.2f}", f"{value:+.3f}", f"{100 * value:+.1f}"}
    assert len(shown) > 30
    assert not [number for number in shown if number not in written]
    metrics = task_metrics(task, len(result.get("labels", ())))
    for name, metric in metrics.items():
        assert format_interval(metric, result["model"][name]) in text_of(run)
        if name in result["claim"]:
            assert format_value(metric, result["claim"][name]) in text_of(run)


def test_provenance_and_left_out_images(evaluated):
    _, _, run = evaluated
    text = text_of(run)
    assert run.environment["data"]["fingerprint"] in text
    assert "images/bad.png" in text
    assert run.environment["data"]["source"] not in text
    assert run.contract.intended_use in text


def test_bundles_beside_the_trained_model(evaluated, tmp_path):
    _, _, run = evaluated
    check = {"name": "mean_score_change", "value": 0.123456, "limit": 0.1, "comparison": "<=", "passed": False}
    parity = {
        "scheme": "static_wi8_ai8",
        "num_images": 24,
        "split": "test",
        "synthetic": True,
        "passed": False,
        "outputs": {},
        "reference": {"mae": 3.25},
        "candidate": {"mae": 3.5},
        "checks": [check],
    }
    row = {"threads": 2, "warmup": 3, "runs": 20, "median_ms": 12.5, "p90_ms": 14.25, "min_ms": 11.75}
    benchmark = {
        "cpu": {"model": "Test <CPU>", "features": ["avx2", "fma"]},
        "results": [row],
        "peak_memory_mib": 101.5,
        "size_bytes": 1048576,
        "macs": 25_000_000,
        "num_ops": 77,
        "delegated_share": 0.5,
    }
    write_json(tmp_path / "parity.json", parity)
    write_json(tmp_path / "benchmark.json", benchmark)
    before = (run.path / "report.html").read_bytes()
    try:
        text = write_report(run, [tmp_path]).read_text(encoding="utf-8")
    finally:
        (run.path / "report.html").write_bytes(before)
    for words in ("static_wi8_ai8", "BEYOND BUDGET", "0.1235", "FAILED", "12.5", "14.25", "avx2, fma", "25.0 million"):
        assert words in text
    assert "Test &lt;CPU&gt;" in text


def test_report_before_evaluation_is_refused(evaluated, tmp_path):
    _, _, run = evaluated
    (tmp_path / "recipe.json").write_bytes((run.path / "recipe.json").read_bytes())
    with pytest.raises(InputError, match="tfderm evaluate"):
        write_report(tmp_path)
    with pytest.raises(InputError, match="is not a bundle"):
        write_report(run, [tmp_path / "nowhere"])


def test_verdict_follows_the_interval_and_the_direction():
    error, share = task_metrics("severity")["mae"], task_metrics("severity")["pair_accuracy"]
    below, above = {"low": -2, "high": -1}, {"low": 1, "high": 2}
    assert [verdict(error, below), verdict(error, above)] == ["better", "worse"]
    assert [verdict(share, below), verdict(share, above)] == ["worse", "better"]
    assert verdict(error, {"low": -1, "high": 0}) == "not distinguishable"
