"""`evaluate` on a run whose model is known: metrics.json equals numbers computed from the image files alone."""

import csv
import dataclasses
import shutil

import fabricated
import numpy as np
import pytest
import sklearn.metrics
from PIL import Image

from tfderm.errors import InputError
from tfderm.evaluation import evaluate
from tfderm.evaluation.predictions import read_predictions
from tfderm.evaluation.scores import Predictions, score
from tfderm.evaluation.selective import Calibration, selective_report
from tfderm.evaluation.wording import selective_sentences


def expected_predictions(task, colours):
    if task == "severity":
        return np.clip(fabricated.SCALE * colours[:, 0] - 1, 0, 72)
    powers = np.exp(8 * colours)
    return powers / powers.sum(axis=1, keepdims=True)


def test_metrics_equal_independent_numbers(evaluated):
    task, source, run = evaluated
    rows, colours = fabricated.held_out_rows(source, run)
    y_pred = expected_predictions(task, colours)
    result = fabricated.metrics_of(run)
    model = {name: interval["value"] for name, interval in result["model"].items()}
    assert (result["num_images"], result["num_groups"]) == (len(rows), 8)
    if task == "severity":
        y_true = np.array([float(row["severity"]) for row in rows])
        assert model["mae"] == pytest.approx(np.abs(y_pred - y_true).mean(), abs=1e-4)
        pairs = [(i, j) for i in range(len(rows)) for j in range(i) if y_true[i] != y_true[j]]
        right = [0.5 + 0.5 * np.sign((y_true[i] - y_true[j]) * (y_pred[i] - y_pred[j])) for i, j in pairs]
        assert model["pair_accuracy"] == pytest.approx(np.mean(right))
        kept = y_true <= 20
        expected = np.abs(y_pred - y_true)[kept].mean()
        assert result["without_extremes"]["model"]["value"] == pytest.approx(expected, abs=1e-4)
        middle = (y_true >= 5) & (y_true < 10)
        assert result["ranges"][1]["n"] == middle.sum()
        expected = np.abs(y_pred - y_true)[middle].mean()
        assert result["ranges"][1]["model"]["value"] == pytest.approx(expected, abs=1e-4)
        assert sum(row["n"] for row in result["ranges"]) == len(rows)
    else:
        y_true = np.array([fabricated.LABELS.index(row["label"]) for row in rows])
        answer = y_pred.argmax(1)
        assert model["accuracy"] == pytest.approx(np.mean(answer == y_true))
        assert model["mean_class_recall"] == pytest.approx(sklearn.metrics.balanced_accuracy_score(y_true, answer))
        assert model["loss"] == pytest.approx(sklearn.metrics.log_loss(y_true, y_pred), abs=1e-5)
        matrix = sklearn.metrics.confusion_matrix(y_true, answer, labels=range(3))
        assert result["confusion_matrix"] == matrix.tolist()
        assert sum(result["reliability"]["count"]) == len(rows)
    for interval in result["model"].values():
        assert interval["low"] <= interval["value"] <= interval["high"]


def test_trivial_baselines_are_those_of_the_training_split(evaluated):
    task, source, run = evaluated
    with open(source / "manifest.csv", newline="", encoding="utf-8") as file:
        training = [row for row in csv.DictReader(file) if run.splits[row["image"]] == "train"]
    rows, _ = fabricated.held_out_rows(source, run)
    result = fabricated.metrics_of(run)
    if task == "severity":
        median = np.median([float(row["severity"]) for row in training])
        expected = np.mean([abs(float(row["severity"]) - median) for row in rows])
        assert result["baselines"]["constant"]["mae"]["value"] == pytest.approx(expected)
        assert result["baselines"]["constant"]["pair_accuracy"]["value"] == 0.5
        ratio = result["model"]["mae"]["value"] / expected
        assert result["mae_relative_to_constant"]["value"] == pytest.approx(ratio)
    else:
        assert result["baselines"]["majority"]["mean_class_recall"]["value"] == pytest.approx(1 / 3)
        expected = np.mean([row["label"] == "nv" for row in rows])
        assert result["baselines"]["majority"]["accuracy"]["value"] == pytest.approx(expected)


def test_differences_are_model_minus_baseline_and_name_the_better_one(evaluated):
    _, _, run = evaluated
    result = fabricated.metrics_of(run)
    for name, interval in result["model"].items():
        values = {}
        for baseline, row in result["baselines"].items():
            values[baseline] = row[name]["value"]
            difference = result["differences"][baseline][name]
            assert difference["value"] == pytest.approx(interval["value"] - row[name]["value"])
            assert difference["low"] <= difference["high"]
        lower_is_better = name in ("mae", "loss", "calibration_error")
        best = min(values.values()) if lower_is_better else max(values.values())
        assert values[result["better_baseline"][name]] == best


def test_predictions_file(evaluated):
    task, source, run = evaluated
    rows, colours = fabricated.held_out_rows(source, run)
    predictions = read_predictions(run.path / "predictions.csv", run.recipe)
    assert list(predictions.images) == [row["image"] for row in rows]
    assert list(predictions.groups) == [row["patient_id"] for row in rows]
    np.testing.assert_allclose(predictions.y_pred, expected_predictions(task, colours), atol=1e-4)
    again = score(predictions, run.recipe.seed)
    saved = fabricated.metrics_of(run)
    assert all(saved[key] == again[key] for key in ("model", "baselines", "differences", "better_baseline"))
    with open(run.path / "predictions.csv", newline="", encoding="utf-8") as file:
        assert [row["metadata_visit"] for row in csv.DictReader(file)] == [row["visit"] for row in rows]


def test_figures_exist_and_say_synthetic(evaluated):
    task, _, run = evaluated
    result = fabricated.metrics_of(run)
    assert result["synthetic"] is True
    assert "synthetic" in result["note"]
    files = {figure["file"] for figure in result["figures"]}
    assert files == {path.name for path in run.figures.iterdir()}
    assert {"training_curves.png", "examples.png", "largest_errors.png"} <= files
    assert ("class_activation_maps.png" in files) == (task == "classification")
    for figure in result["figures"]:
        assert figure["title"].endswith("— synthetic data")
        with Image.open(run.figures / figure["file"]) as image:
            assert np.asarray(image.convert("L")).std() > 5


def test_photographs_are_not_called_synthetic(tmp_path):
    source = fabricated.write_corpus(tmp_path / "data", "severity", synthetic=False)
    result = evaluate(fabricated.write_run(tmp_path / "run", source, "severity"), split="validation")
    assert result["synthetic"] is False
    assert "note" not in result
    assert not any("synthetic" in figure["title"] for figure in result["figures"])
    assert (result["split"], result["num_groups"]) == ("validation", 4)


@pytest.fixture
def copied(evaluated, tmp_path):
    """A copy of the evaluated run to spoil."""
    task, source, run = evaluated
    shutil.copytree(run.path, tmp_path / "run")
    return task, source, tmp_path / "run"


def test_other_data_is_used_whole(copied, tmp_path):
    task, _, path = copied
    other = fabricated.write_corpus(tmp_path / "other", task, prefix="q", patients=5)
    result = evaluate(path, data=str(other))
    assert (result["split"], result["num_images"], result["num_groups"]) == ("all", 15, 5)


def test_patient_of_the_training_split_in_other_data_is_refused(copied, tmp_path):
    task, _, path = copied
    before = (path / "metrics.json").read_bytes()
    other = fabricated.write_corpus(tmp_path / "other", task, patients=5)  # p0 ... p4 are training patients.
    with pytest.raises(InputError, match=r"Leak: 15 images.*p0, p1, p2 and 2 more"):
        evaluate(path, data=str(other))
    assert (path / "metrics.json").read_bytes() == before


def test_own_data_in_another_place_keeps_its_split(copied, tmp_path):
    _, source, path = copied
    shutil.copytree(source, tmp_path / "moved")
    result = evaluate(path, data=str(tmp_path / "moved"))
    assert (result["split"], result["num_groups"]) == ("test", 8)
    assert result["model"] == fabricated.metrics_of(fabricated.Run(path))["model"]


def test_changed_data_is_refused(tmp_path):
    source = fabricated.write_corpus(tmp_path / "data", "severity")
    run = fabricated.write_run(tmp_path / "run", source, "severity")
    text = (source / "manifest.csv").read_text()
    (source / "manifest.csv").write_text(text.rstrip().rsplit(",", 1)[0] + ",1\n")
    with pytest.raises(InputError, match="has changed since"):
        evaluate(run)


def test_untrained_run_is_refused(copied):
    _, _, path = copied
    (path / "model.keras").unlink()
    with pytest.raises(InputError, match="is not trained"):
        evaluate(path)


def test_a_better_model_has_a_difference_on_the_right_side():
    random = np.random.default_rng(0)
    y_true = random.gamma(2, 5, 200)
    near, far = y_true + random.normal(0, 1, 200), y_true + random.normal(0, 6, 200)
    groups = [str(index // 4) for index in range(200)]
    images = [str(index) for index in range(200)]

    def differences(model, baseline):
        return score(Predictions("severity", images, groups, y_true, model, {"other": baseline}))["differences"][
            "other"
        ]

    better, worse = differences(near, far), differences(far, near)
    assert better["mae"]["high"] < 0 < better["pair_accuracy"]["low"]
    assert worse["mae"]["low"] > 0 > worse["pair_accuracy"]["high"]


def test_no_difference_from_itself():
    y_true = np.arange(12.0)
    names = [str(index) for index in range(12)]
    result = score(Predictions("severity", names, names, y_true, y_true + 1, {"same": y_true + 1}))
    assert result["differences"]["same"]["mae"] == {"value": 0, "low": 0, "high": 0, "undefined": 0}


def test_selective_report_uses_the_validation_split_to_choose_and_this_one_to_count(evaluated):
    task, source, run = evaluated
    result = fabricated.metrics_of(run)
    if task != "classification":
        assert "selective" not in result
        return
    report = result["selective"]
    y_true, y_pred = {}, {}
    for split in ("validation", "test"):
        rows, colours = fabricated.held_out_rows(source, run, split)
        y_true[split] = np.array([fabricated.LABELS.index(row["label"]) for row in rows])
        y_pred[split] = expected_predictions(task, colours)
    grid = np.geomspace(0.2, 20, 4001)
    losses = []
    for temperature in grid:
        powers = y_pred["validation"] ** (1 / temperature)
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        losses.append(sklearn.metrics.log_loss(y_true["validation"], probabilities, labels=range(3)))
    assert report["temperature"] == pytest.approx(grid[np.argmin(losses)], rel=3e-3)
    assert report["chosen_on"] == {"split": "validation", "num_images": len(y_true["validation"])}
    answer = y_pred["test"].argmax(1)
    assert report["curve"][-1]["coverage"] == 1.0
    assert report["curve"][-1]["accuracy"]["value"] == pytest.approx(np.mean(answer == y_true["test"]))
    # The twelve validation images are fewer than a cut-off may be chosen by.
    assert report["cut_off"] == {"wanted_accuracy": 0.9, "smallest": 30, "threshold": None}
    assert 0 <= report["sets"]["coverage"] <= 1 and report["monotone"] in (True, False)
    text = (run.path / "report.html").read_text(encoding="utf-8")
    assert "Deciding when sure" in text and "No cut-off: at no confidence are 90 %" in text
    assert {"confidences.png", "accuracy_coverage.png"} <= {figure["file"] for figure in result["figures"]}


def test_a_cut_off_is_chosen_there_and_judged_here():
    rng = np.random.default_rng(0)

    def draw(count):
        """Images of which every second is answered by chance, and less surely."""
        y_true, easy = rng.integers(0, 2, count), np.arange(count) % 2 == 0
        said = np.where(easy, y_true, rng.integers(0, 2, count))
        sure = np.where(easy, rng.uniform(0.8, 0.99, count), rng.uniform(0.5, 0.8, count))
        return y_true, np.where(np.arange(2) == said[:, None], sure[:, None], 1 - sure[:, None])

    y_true, probabilities = draw(400)
    images = [f"{i}.png" for i in range(400)]
    predictions = Predictions(
        "classification", images, [f"g{i // 2}" for i in range(400)], y_true, probabilities, labels=("a", "b")
    )
    calibration = Calibration("validation", *draw(400))
    report = selective_report(predictions, calibration, wanted_accuracy=0.98)
    cut_off = report["cut_off"]
    # All 200 easy images, and of the others as many as hold four errors: eight, or by luck some more.
    assert cut_off["chosen"]["accuracy"] >= 0.98 and 0.5 <= cut_off["chosen"]["coverage"] < 0.56
    # Here the share of about 200 scatters binomially, by 1 %.
    assert cut_off["accuracy"]["value"] == pytest.approx(0.98, abs=0.03)
    assert 0.5 <= cut_off["coverage"]["value"] < 0.58
    assert report["monotone"] and report["curve"][4]["accuracy"]["value"] > 0.97
    assert 0.87 <= report["sets"]["coverage"] <= 0.93
    # Surest where it knows nothing: the curve rises, and says so.
    backwards = dataclasses.replace(predictions, y_pred=1.5 - np.sort(probabilities, axis=1)[:, ::-1])
    inverse = np.where(
        np.arange(2) == probabilities.argmax(1)[:, None], backwards.y_pred[:, :1], 1 - backwards.y_pred[:, :1]
    )
    assert not selective_report(dataclasses.replace(predictions, y_pred=inverse), calibration, 0.98)["monotone"]
    assert " ".join(selective_sentences({"selective": report})).startswith("Calibration error")
