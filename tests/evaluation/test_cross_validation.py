"""Two real folds of a small network: what is pooled, what is kept, what is refused."""

import csv
import importlib
import json
from dataclasses import replace

import fabricated
import numpy as np
import pytest
import sklearn.metrics

from tfderm import models
from tfderm.cli import main
from tfderm.errors import InputError
from tfderm.evaluation.cross_validate import cross_validate
from tfderm.recipes import get_recipe

RECIPE = replace(
    get_recipe("cnd"), image_size=(32, 32), epochs=1, folds=2, ignored_labels=(), batch_size=16, pretraining=None
)


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    source = fabricated.write_corpus(folder / "data", "classification")
    summary = cross_validate(RECIPE, data=str(source), output=folder / "out")
    return source, folder / "out", summary


def pooled_rows(output):
    rows = []
    for fold in (0, 1):
        with open(output / f"fold-{fold}" / "predictions.csv", newline="", encoding="utf-8") as file:
            rows.append(list(csv.DictReader(file)))
    return rows


def test_every_image_is_held_out_once_and_no_patient_twice(folds):
    source, output, summary = folds
    first, second = pooled_rows(output)
    with open(source / "manifest.csv", newline="", encoding="utf-8") as file:
        images = sorted(row["image"] for row in csv.DictReader(file))
    assert sorted(row["image"] for row in first + second) == images
    assert not {row["group"] for row in first} & {row["group"] for row in second}
    assert summary["pooled"]["num_images"] == len(images)


def test_summary_equals_independent_numbers(folds):
    _, output, summary = folds
    per_fold = [
        sklearn.metrics.accuracy_score([row["y_true"] for row in rows], [row["y_pred"] for row in rows])
        for rows in pooled_rows(output)
    ]
    assert [fold["model"]["accuracy"] for fold in summary["folds"]] == pytest.approx(per_fold)
    assert summary["mean"]["accuracy"] == pytest.approx(np.mean(per_fold))
    assert summary["sd"]["accuracy"] == pytest.approx(abs(per_fold[0] - per_fold[1]) / 2**0.5)
    rows = sum(pooled_rows(output), [])
    y_true, y_pred = [row["y_true"] for row in rows], [row["y_pred"] for row in rows]
    names = ("majority", "colour_histogram")
    recall = {"model": sklearn.metrics.balanced_accuracy_score(y_true, y_pred)}
    for name in names:
        probabilities = [
            [float(row[f"baseline_{name}_probability_{label}"]) for label in RECIPE.labels] for row in rows
        ]
        answers = [RECIPE.labels[index] for index in np.argmax(probabilities, axis=1)]
        recall[name] = sklearn.metrics.balanced_accuracy_score(y_true, answers)
    pooled = summary["pooled"]
    assert pooled["model"]["mean_class_recall"]["value"] == pytest.approx(recall["model"])
    for name in names:
        difference = pooled["differences"][name]["mean_class_recall"]
        assert difference["value"] == pytest.approx(recall["model"] - recall[name])
        assert difference["low"] <= difference["value"] <= difference["high"]
    assert pooled["better_baseline"]["mean_class_recall"] == max(names, key=recall.get)


def test_summary_is_written_and_labelled(folds):
    _, output, summary = folds
    assert json.loads((output / "summary.json").read_text(encoding="utf-8")) == summary
    text = (output / "summary.md").read_text(encoding="utf-8")
    assert "(synthetic data)" in text
    assert "the better one" in text
    assert f"{100 * summary['mean']['accuracy']:.1f} %" in text


def test_finished_folds_are_kept_and_an_unevaluated_one_is_evaluated(folds, monkeypatch):
    source, output, summary = folds
    models = [output / f"fold-{fold}" / "model.keras" for fold in (0, 1)]
    before = [path.stat().st_mtime_ns for path in models]
    kept = (output / "fold-0" / "metrics.json").stat().st_mtime_ns
    (output / "fold-1" / "metrics.json").unlink()
    assert cross_validate(RECIPE, data=str(source), output=output) == summary
    assert [path.stat().st_mtime_ns for path in models] == before
    assert (output / "fold-0" / "metrics.json").stat().st_mtime_ns == kept


def test_folds_of_other_data_or_settings_are_refused(folds, tmp_path):
    source, output, _ = folds
    other = fabricated.write_corpus(tmp_path / "other", "classification", prefix="z")
    with pytest.raises(InputError, match="other data"):
        cross_validate(RECIPE, data=str(other), output=output)
    with pytest.raises(InputError, match="epochs"):
        cross_validate(replace(RECIPE, epochs=2), data=str(source), output=output)


def test_command_continues_the_same_folds(folds, capsys):
    source, output, summary = folds
    settings = ["image_size=(32,32)", "epochs=1", "batch_size=16", "ignored_labels=()", "pretraining=None"]
    arguments = ["cross-validate", "cnd", "--folds", "2", "--data", str(source), "-o", str(output), "--set", *settings]
    assert main(arguments) == 0
    assert capsys.readouterr().out == (output / "summary.md").read_text(encoding="utf-8") + "\n"
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary


def test_one_fold_alone_is_the_fold_of_the_whole(folds, tmp_path, capsys):
    source, output, _ = folds
    settings = ["image_size=(32,32)", "epochs=1", "batch_size=16", "ignored_labels=()", "pretraining=None"]
    arguments = [
        "cross-validate",
        "cnd",
        "--folds",
        "2",
        "--data",
        str(source),
        "-o",
        str(tmp_path),
        "--set",
        *settings,
    ]
    assert main([*arguments, "--fold", "1"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["fold-1"]
    predictions = "fold-1/predictions.csv"
    assert (tmp_path / predictions).read_text() == (output / predictions).read_text()
    assert main([*arguments, "--fold", "2"]) == 2
    assert "`fold` must be below `folds` (2)" in capsys.readouterr().err


def test_folds_side_by_side_are_the_same_folds(folds, tmp_path):
    source, output, summary = folds
    parallel = cross_validate(RECIPE, data=str(source), output=tmp_path, jobs=2)
    for fold in (0, 1):
        splits = f"fold-{fold}/splits.csv"
        assert (tmp_path / splits).read_text() == (output / splits).read_text()
        assert "epoch 1/1" in (tmp_path / f"fold-{fold}.log").read_text()
    assert [fold["num_images"] for fold in parallel["folds"]] == [fold["num_images"] for fold in summary["folds"]]


def test_what_folds_begin_from_is_trained_before_their_processes(folds, tmp_path, monkeypatch):
    def stop(recipe):
        raise KeyboardInterrupt(recipe.name)

    monkeypatch.setattr(importlib.import_module("tfderm.training.train"), "pretrained_run", stop)
    begun = replace(RECIPE, pretraining=replace(RECIPE, name="first"))
    with pytest.raises(KeyboardInterrupt, match=RECIPE.name):
        cross_validate(begun, data=str(folds[0]), output=tmp_path, jobs=2)
    assert not list(tmp_path.iterdir())


def test_a_fold_that_fails_in_its_process_says_why_and_stops_the_others(folds, tmp_path):
    source, _, _ = folds
    with pytest.raises(InputError, match=r"fold-\d failed; .*fold-\d.log ends with: .*not a finite number"):
        cross_validate(replace(RECIPE, learning_rate=1e38), data=str(source), output=tmp_path, jobs=2)
    assert not list(tmp_path.glob("*/metrics.json"))
    with pytest.raises(InputError, match="jobs"):
        cross_validate(RECIPE, data=str(source), output=tmp_path / "none", jobs=0)


def test_every_fold_starts_from_a_run_that_knows_none_of_the_patients(folds, tmp_path):
    source, output, _ = folds
    with pytest.raises(InputError, match=r"trained on \d+ of the patients or lesions to be held out"):
        cross_validate(RECIPE, data=str(source), output=tmp_path / "out", initial=output / "fold-0")
    again = source / "again.csv"
    again.write_text((source / "manifest.csv").read_text().replace(",nv", ",mel"))
    with pytest.raises(InputError, match="to be held out"):
        cross_validate(RECIPE, data=str(again), output=tmp_path / "out", initial=output / "fold-0")
    assert not (tmp_path / "out").exists()

    other = fabricated.write_corpus(tmp_path / "other", "classification", prefix="z")
    still = replace(RECIPE, learning_rate=1e-12)
    options = {"data": str(other), "output": tmp_path / "out"}
    cross_validate(still, **options, initial=output / "fold-0")
    donor = models.load(output / "fold-0" / "model.keras").get_layer("conv2a").kernel
    for fold in (0, 1):
        kernel = models.load(tmp_path / "out" / f"fold-{fold}" / "model.keras").get_layer("conv2a").kernel
        np.testing.assert_allclose(kernel, donor, atol=1e-9)
    with pytest.raises(InputError, match="name it with --from"):
        cross_validate(still, **options)
    with pytest.raises(InputError, match="not from .*fold-1"):
        cross_validate(still, **options, initial=output / "fold-1")
