"""`tfderm track` on photographs whose score is known."""

import csv
import json

import pytest

from tfderm.cli import main
from tfderm.files import write_csv

UNCERTAINTY = {
    "interval": {"level": 0.9, "half_widths": {"mild": 1.0, "medium": 2.0, "severe": 6.0}, "limits": [0.0, 72.0]},
    "change": {"value": 3.0, "level": 0.95, "num_pairs": 50, "num_series": 20},
}


@pytest.fixture
def track(tmp_path, monkeypatch):
    """Run the command on rows (patient, visit, region, score); the bundle scores a photograph by its file's text."""
    from tfderm.runtime import predictor, preprocess

    class Scorer:
        uncertainty = UNCERTAINTY

        def __init__(self, bundle):
            self.contract = type(
                "Contract", (), {"uncertainty": self.uncertainty, "intended_use": "Research use only."}
            )

        def answer(self, image):
            return {"severity": float(image)}

    monkeypatch.setattr(predictor, "Predictor", Scorer)
    monkeypatch.setattr(preprocess, "decode", lambda path: path.read_text())

    def run(rows, *options):
        table = []
        for index, (patient, visit, region, score) in enumerate(rows):
            (tmp_path / f"{index}.jpg").write_text(str(score))
            table.append({"image": f"{index}.jpg", "patient_id": patient, "visit": visit, "region": region})
        write_csv(tmp_path / "photographs.csv", list(table[0]), table)
        return main(["track", "bundle", str(tmp_path / "photographs.csv"), *options])

    run.scorer = Scorer
    return run


ROWS = [
    ("p1", "10", "head", 8), ("p1", "2", "head", 3), ("p1", "2", "head", 5), ("p1", "2", "torso", 20),
    ("p1", "10", "torso", 18), ("p2", "1", "", 30),
]  # fmt: skip


def test_each_region_has_its_own_timeline_in_order_of_time(track, tmp_path, capsys):
    assert track(ROWS, "-o", str(tmp_path / "timelines.csv")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "p1 head visit 2: 4.0 (3.0 to 5.0)"
    assert lines[1] == "p1 head visit 10: 8.0 (6.0 to 10.0), +4.0 since the first visit: worse"
    assert lines[3] == "p1 torso visit 10: 18.0 (12.0 to 24.0), -2.0 since the first visit: no detectable change"
    assert lines[4] == "p2 visit 1: 30.0 (24.0 to 36.0)"
    assert "above 3.0 points" in lines[5] and "Research use only." in lines[5]
    rows = list(csv.DictReader((tmp_path / "timelines.csv").open()))
    assert [(row["visit"], row["num_photographs"], row["low"]) for row in rows[:2]] == [
        ("2", "2", "3.0"),
        ("10", "1", "6.0"),
    ]


def test_json_names_every_value(track, capsys):
    assert track(ROWS, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["uncertainty"]["change"]["value"] == 3.0
    assert answer["visits"][1]["verdict"] == "worse" and answer["visits"][1]["interval"] == [6.0, 10.0]


def test_a_bundle_that_does_not_know_its_error_is_refused(track, monkeypatch, capsys):
    monkeypatch.setattr(track.scorer, "uncertainty", {"interval": UNCERTAINTY["interval"]})
    assert track(ROWS) == 2
    assert "says nothing of its own error in a change" in capsys.readouterr().err
