"""A detector's evaluation and the boxes it writes, with a model whose answers are known."""

import contextlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from detector import IMAGE_SIZE, PHOTOGRAPH, UNMARKED_RED, write_detector, write_photographs
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tfderm import datasets
from tfderm.cli import main
from tfderm.datasets.manifest import box_fits
from tfderm.errors import InputError
from tfderm.evaluation import evaluate
from tfderm.evaluation.coco_files import within
from tfderm.evaluation.detection import detect
from tfderm.evaluation.report import write_report
from tfderm.export import export_bundle
from tfderm.pipeline.input_pipeline import InputPipeline
from tfderm.recipe import Augmentation
from tfderm.recipes import get_recipe


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector")
    run = write_detector(folder / "run", write_photographs(folder / "data"))
    evaluate(run)
    write_report(run)
    return run


@pytest.fixture
def unmarked(tmp_path):
    """The same photographs without boxes."""
    return write_photographs(tmp_path / "unmarked", marked=False)


def red_of(number):
    """Whether a photograph shows red, and the score the model then gives it."""
    return number % 5 != 4, (230 + number % 20 - 200) / 55


def metrics_of(run):
    return json.loads((run.path / "metrics.json").read_text())


def test_recall_and_precision_are_those_of_the_photographs(run):
    """The tight red box counts, the whole image does not; green lesions are missed, unmarked red is a false box."""
    result = metrics_of(run)
    corpus = datasets.load(run.environment["data"]["source"])
    confidence = result["operating_point"]["confidence"]
    assert confidence == pytest.approx(30 / 55)  # Of the dimmest red, the smallest that admits no whole image.
    true = found = counted = 0
    for number, record in enumerate(corpus.records):
        if run.splits[record.image] != "test":
            continue
        true += len(record.boxes)
        shows_red, score = red_of(number)
        counted += shows_red and score >= confidence - 1e-6
        found += shows_red and any(box[:2] != (50, 34) for box in record.boxes)
    assert 0 < found < min(true, counted)
    assert result["model"]["recall"]["value"] == pytest.approx(found / true)
    assert result["model"]["precision"]["value"] == pytest.approx(found / counted)
    assert result["num_lesions"] == true
    assert result["model"]["recall"]["low"] < found / true < result["model"]["recall"]["high"]
    assert sum(row["n"] for row in result["sides"]) == true


def test_average_precision_is_that_of_pycocotools_from_the_written_files(run):
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(run.path / "lesions.json")
        evaluation = COCOeval(truth, truth.loadRes(str(run.path / "detections.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    result = metrics_of(run)
    assert 0.3 < evaluation.stats[1] < 1
    assert result["pycocotools"]["ap"] == pytest.approx(evaluation.stats[0])
    assert result["pycocotools"]["ap50"] == pytest.approx(evaluation.stats[1])
    assert result["model"]["ap50"]["value"] == pytest.approx(evaluation.stats[1], abs=1e-9)


def test_the_baseline_is_one_box_of_median_place_and_size(run):
    result = metrics_of(run)
    assert set(result["baselines"]) == {"median_box"}
    assert result["model"]["recall"]["value"] > result["baselines"]["median_box"]["recall"]["value"]
    rows = (run.path / "predictions.csv").read_text().splitlines()
    header = rows[0].split(",")
    assert all(row.split(",")[header.index("baseline_median_box_y_pred")] == "1" for row in rows[1:])


def test_report_and_figures_stand(run):
    page = (run.path / "report.html").read_text()
    assert "Recall by size of the lesion" in page and "median box" in page and "81.7 %" in page
    assert (run.path / "figures" / "precision_recall.png").stat().st_size > 5000


def test_the_confidence_is_chosen_on_the_validation_split(run):
    point = json.loads((run.path / "operating_point.json").read_text())
    assert point["num_images"] == sum(split == "validation" for split in run.splits.values())
    assert "0.9423" in point["rule"]


def test_boxes_for_photographs_that_have_none(run, unmarked, capsys):
    """From photographs without boxes to location targets: detect, read as a manifest, feed PSENet's pipeline."""
    assert datasets.load(unmarked).records[0].boxes is None
    assert main(["detect", str(run.path), "--data", str(unmarked), "-o", str(unmarked / "boxes.json")]) == 0
    assert "lesions.json" in capsys.readouterr().out
    corpus = datasets.load(unmarked)
    marked = datasets.load(run.environment["data"]["source"])
    for number, (ours, true) in enumerate(zip(corpus.records, marked.records, strict=True)):
        assert ours.image_size == PHOTOGRAPH and all(box_fits(box, PHOTOGRAPH) for box in ours.boxes)
        if not red_of(number)[0]:
            assert ours.boxes == ()
        elif number not in UNMARKED_RED:
            assert ours.boxes == true.boxes[:1]
    recipe = replace(get_recipe("psenet:demo"), image_size=IMAGE_SIZE, batch_size=4, augmentation=Augmentation())
    selection = datasets.select(corpus, recipe)
    image, targets = next(iter(InputPipeline(corpus, selection.records, recipe, (8,), training=False).dataset()))
    assert targets["location_map_8"].numpy().max() == 1 and targets["location_map_8"].numpy().min() == 0

    results = json.loads((unmarked / "boxes.json").read_text())
    assert {"image_id", "category_id", "bbox", "score"} == set(results[0])
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(unmarked / "lesions.json")
        assert len(coco.loadRes(str(unmarked / "boxes.json")).anns) == len(results) == len(coco.anns)
    # Once more over its own output: allowed, and the same.
    detect(run, data=str(unmarked), output=unmarked / "boxes.json")
    assert json.loads((unmarked / "boxes.json").read_text()) == results


def test_image_ids_are_those_of_the_users_own_coco_file(run, tmp_path):
    written = detect(run, data=None, split="test", output=tmp_path / "boxes.json", confidence=0.8)
    results = json.loads((tmp_path / "boxes.json").read_text())
    with contextlib.redirect_stdout(io.StringIO()):
        drawn = COCO(f"{run.environment['data']['source']}/lesions.json")
        assert len(drawn.loadRes(str(tmp_path / "boxes.json")).anns) == len(results)
    held_out = {image for image, split in run.splits.items() if split == "test"}
    assert {drawn.imgs[entry["image_id"]]["file_name"] for entry in results} <= held_out
    assert results and written["num_images"] == len(held_out) and all(entry["score"] >= 0.8 for entry in results)


def test_drawn_boxes_are_not_overwritten(run):
    folder = run.environment["data"]["source"]
    with pytest.raises(InputError, match="holds boxes that tfderm did not detect"):
        detect(run, data=folder, output=f"{folder}/boxes.json")


def test_refusals(run, tmp_path, capsys):
    path = str(run.path)
    for arguments, message in (
        (["detect", path, "-o", str(tmp_path / "b.json"), "--confidence", "2"], "must be from 0 to 1"),
        (["detect", path, "-o", str(tmp_path / "b.json"), "--data", "x", "--split", "test"], "run's own data"),
        (["detect", path, "-o", str(tmp_path / "lesions.json")], "that name is taken"),
        (["cross-validate", "lesion_detector:demo", "-o", str(tmp_path / "folds")], "one by one"),
    ):
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(InputError, match="detectors are not exported"):
        export_bundle(run)


def test_boxes_are_cut_to_the_photograph_exactly():
    rng = np.random.default_rng(0)
    boxes, kept = within(rng.uniform(-20, 70, (500, 4)), (33, 61))
    assert 100 < len(boxes) == kept.sum() < 500
    assert all(box_fits(box, (33, 61)) for box in json.loads(json.dumps(boxes.tolist())))
    np.testing.assert_array_equal(within(np.array([[1.0, 2.0, 3.03, 4.0]]), (9, 9))[0], [[1, 2, 3, 4]])
