"""`tfderm pasi`: tables, questions and photographs."""

import csv
import io
import json
import sys

import pytest

from tfderm.cli import main
from tfderm.clinical.pasi import COMPONENT_LIMITS, REGIONS
from tfderm.errors import InputError
from tfderm.files import write_csv

# 0.1 * 4 * 3 + 0.3 * 6 * 2 + 0.2 * 5 * 1 + 0.4 * 9 * 4 = 20.2
GRADES = {"head": (2, 1, 1, 3), "torso": (2, 2, 2, 2), "upper_limbs": (3, 1, 1, 1), "lower_limbs": (3, 3, 3, 4)}


def visit(**changes):
    fields = {
        f"{region}_{name}": str(grade)
        for region, grades in GRADES.items()
        for name, grade in zip(COMPONENT_LIMITS, grades, strict=True)
    }
    return {"patient_id": "p1", "visit": "1"} | fields | changes


def table(folder, *visits):
    path = folder / "visits.csv"
    write_csv(path, list(visits[0]), visits)
    return str(path)


def answers(capsys, *arguments):
    assert main(["pasi", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_table_is_answered_row_by_row(tmp_path, capsys):
    clear = {name: "0" for name in visit() if name not in ("patient_id", "visit")}
    path = table(tmp_path, visit(), visit(visit="2", **clear))
    output = tmp_path / "answers.csv"
    assert main(["pasi", path, "-o", str(output)]) == 0
    assert "PASI 20.2, severe" in capsys.readouterr().out
    rows = list(csv.DictReader(output.open()))
    assert [(row["patient_id"], row["visit"], row["pasi"], row["band"]) for row in rows] == [
        ("p1", "1", "20.2", "severe"),
        ("p1", "2", "0.0", "mild"),
    ]


@pytest.mark.parametrize("percent, score", [("0", 0), ("9.99", 1), ("10", 2), ("29.9", 2), ("50", 4), ("100", 6)])
def test_area_may_be_a_percentage(tmp_path, capsys, percent, score):
    fields = visit(torso_area_percent=percent)
    del fields["torso_area"]
    [answer] = answers(capsys, table(tmp_path, fields))
    assert answer["pasi"] == pytest.approx(20.2 - 0.3 * 6 * 2 + 0.3 * 6 * score)


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"head_erythema": "5"}, "head_erythema must be a whole number from 0 to 4. Received: 5"),
        ({"head_erythema": "1.5"}, "head_erythema must be a whole number"),
        ({"torso_area": "7"}, "torso_area must be a whole number from 0 to 6"),
        ({"torso_area": ""}, "torso_area (or torso_area_percent) is missing"),
        ({"torso_area_percent": "20"}, "torso_area and torso_area_percent are both given"),
        ({"torso_area": "", "torso_area_percent": "101"}, "must be a number from 0 to 100"),
        ({"lower_limbs_desquamation": "much"}, "lower_limbs_desquamation must be a number. Received: much"),
        ({"lower_limbs_desquamation": "nan"}, "lower_limbs_desquamation must be a number"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(tmp_path, capsys, changes, complaint):
    good = visit(torso_area_percent="")
    output = tmp_path / "answers.csv"
    assert main(["pasi", table(tmp_path, good, good | changes), "-o", str(output)]) == 2
    error = capsys.readouterr().err
    assert complaint in error and "visits.csv, line 3" in error
    assert not output.exists()


def test_questions_are_repeated_until_answered(monkeypatch, capsys):
    typed = [str(grade) for region in REGIONS for grade in GRADES[region]]
    typed[0:1] = ["five", "5", "-1", "2"]
    typed[typed.index("3", 4)] = "49%"
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(typed) + "\n"))
    [answer] = answers(capsys)
    assert answer["pasi"] == 20.2


def test_input_that_ends_early_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("1\n2\n"))
    assert main(["pasi"]) == 2
    assert "Input ended before head, desquamation" in capsys.readouterr().err


class FakePredictor:
    """Scores a photograph by the number in its file, so that the weighing can be checked by hand."""

    def __init__(self, bundle):
        self.contract = type("Contract", (), {"task": "severity"})

    def answer(self, image):
        return {"severity": float(image)}


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    from tfderm.runtime import predictor, preprocess

    monkeypatch.setattr(predictor, "Predictor", FakePredictor)
    monkeypatch.setattr(preprocess, "decode", lambda path: path.read_text())
    rows = []
    for index, (region, score) in enumerate(zip((*REGIONS, "head"), (10, 20, 30, 40, 14), strict=True)):
        (tmp_path / f"{index}.jpg").write_text(str(score))
        rows.append({"image": f"{index}.jpg", "patient_id": "p1", "visit": "1", "region": region})
    return rows


def test_photographs_of_four_regions_give_a_weighted_sum(photographs, tmp_path, capsys):
    path = table(tmp_path, *photographs)
    [answer] = answers(capsys, path, "--bundle", "bundle")
    # The head was photographed twice: (10 + 14) / 2. 0.1 * 12 + 0.3 * 20 + 0.2 * 30 + 0.4 * 40
    assert answer["pasi"] == pytest.approx(29.2) and answer["head_score"] == 12


def test_a_visit_without_one_region_has_no_pasi(photographs, tmp_path, capsys):
    path = table(tmp_path, *(row for row in photographs if row["region"] != "torso"))
    assert main(["pasi", path, "--bundle", "bundle"]) == 2
    assert "visit 1 of p1 has no photograph of torso" in capsys.readouterr().err


def test_region_scores_outside_their_range_are_refused():
    from tfderm.clinical.pasi import pasi_from_region_scores

    with pytest.raises(InputError, match="torso must be a number from 0 to 72"):
        pasi_from_region_scores(dict.fromkeys(REGIONS, 1.0) | {"torso": 73.0})
