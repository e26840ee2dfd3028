"""A model that reads metadata on the command line: trained, evaluated without some of it, exported, asked."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tfderm import datasets, models
from tfderm.cli import main
from tfderm.errors import InputError
from tfderm.evaluation import evaluate
from tfderm.evaluation.missing import WITHHELD_FILE
from tfderm.files import write_csv
from tfderm.pipeline.input_pipeline import InputPipeline
from tfderm.recipes import get_recipe
from tfderm.run import Run
from tfderm.training import train
from tfderm.training.objective import compile_model, taught_classes, trained_model

TINY = ["epochs=1", "image_size=(32,32)", "images_per_class=16", "batch_size=16", "pretraining=None"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """MetaNet on drawn lesions, trained hardly at all, evaluated with shares of its metadata withheld."""
    output = tmp_path_factory.mktemp("metadata") / "run"
    settings = [part for setting in TINY for part in ("--set", setting)]
    assert main(["train", "metanet", "--data", "synthetic:pigmented:150", "-o", str(output), *settings]) == 0
    assert main(["evaluate", str(output), "--missing", "0,0.5,1"]) == 0
    return Run.open(output)


def test_the_contract_has_the_columns_of_the_training_photographs(run):
    age, sex, site = run.contract.metadata
    corpus = datasets.load("synthetic:pigmented:150")
    training = [record for record in corpus.records if run.splits[record.image] == "train"]
    ages = [float(record.metadata["age"]) for record in training if "age" in record.metadata]
    assert (age.mean, age.range) == (pytest.approx(np.mean(ages)), (min(ages), max(ages)))
    assert sex.values == ("female", "male") and "lower extremity" in site.values


def test_every_image_is_learned_without_its_metadata_too(run):
    """By the loss: the cross-entropy of what the saved network answers, plus that of what it answers to the image."""
    corpus = datasets.load(run.environment["data"]["source"])
    records = [record for record in corpus.records if run.splits[record.image] == "validation"]
    model = models.load(run.model_path)
    recipe = replace(run.recipe, class_balance=False, images_per_class=0, batch_size=len(records))
    learner = trained_model(model, recipe)
    compile_model(learner, recipe, 1)
    assert {id(variable) for variable in learner.variables} == {id(variable) for variable in model.variables}
    answers, columns = taught_classes(learner, recipe), run.contract.metadata
    pipeline = InputPipeline(corpus, records, recipe, (), False, answers=answers, metadata=columns)
    ((inputs, targets, weights),) = pipeline.dataset()
    inputs = {name: value.numpy() for name, value in inputs.items()}
    loss = float(learner.test_on_batch(inputs, targets, weights, return_dict=True)["loss"])

    def cross_entropy(known):
        probabilities = model.predict_on_batch({**inputs, "metadata_known": known})["probabilities"]
        truth = np.asarray(targets["probabilities"])
        return -np.log(probabilities[np.arange(len(truth)), truth]).mean()

    known = inputs["metadata_known"]
    expected = cross_entropy(known) + cross_entropy(np.zeros_like(known))
    assert loss - float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
    assert cross_entropy(known) != pytest.approx(cross_entropy(np.zeros_like(known)), rel=1e-3)


def test_withholding_is_nested_and_of_nothing_changes_nothing(run):
    rows = json.loads((run.path / "metrics.json").read_text())["missing"]["shares"]
    assert [row["missing"] for row in rows] == [0, 0.5, 1]
    assert all(interval["value"] == 0 for interval in rows[0]["differences"].values())
    with np.load(run.path / WITHHELD_FILE) as file:
        probabilities, images = file["probabilities"], file["image"]
    with open(run.path / "predictions.csv", newline="", encoding="utf-8") as file:
        told = {row["image"]: float(row[f"probability_{run.recipe.labels[0]}"]) for row in csv.DictReader(file)}
    np.testing.assert_allclose(probabilities[0, :, 0], [told[image] for image in images], atol=1e-6)
    page = (run.path / "report.html").read_text(encoding="utf-8")
    table = page.partition('<table id="withheld">')[2].partition("</table>")[0]
    assert "It reads age, sex, site beside the image" in table and table.count('<tr><th scope="row">') == 3
    assert np.abs(probabilities[2] - probabilities[0]).max() > 1e-4
    same = np.isclose(probabilities[1], probabilities[0]).all(axis=1)
    assert 0 < same.mean() < 0.6  # Half of the values withheld leave one record in eight as it was.


def test_its_file_answers_for_a_patient(run, tmp_path, capsys):
    assert main(["export", str(run.path), "-o", str(tmp_path / "bundle")]) == 0
    images = datasets.load("synthetic:pigmented:150")
    path = str(images.path(images.records[0]))
    capsys.readouterr()

    def ask(*arguments):
        assert main(["predict", str(tmp_path / "bundle"), path, *arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)[path]

    unknown, known = ask(), ask("--age", "30", "--sex", "female", "--site", "back")
    assert known["probabilities"] != unknown["probabilities"]
    other = ask("--age", "150", "--site", "moon")
    assert other.pop("counted_as_unknown")[1].startswith("site moon counts as unknown: training saw back, chest")
    assert other == unknown
    name = images.records[0].image.rpartition("/")[2]
    write_csv(tmp_path / "patients.csv", ["image", "age", "sex", "site"], [
        {"image": name, "age": 30, "sex": "female", "site": "back"}
    ])  # fmt: skip
    assert ask("--metadata", str(tmp_path / "patients.csv")) == known
    assert main(["verify", str(tmp_path / "bundle"), "--run", str(run.path)]) == 0


def test_a_model_is_asked_for_what_it_reads(run, tmp_path, capsys):
    assert main(["export", str(run.path), "-o", str(tmp_path / "bundle")]) == 0
    images = datasets.load("synthetic:pigmented:150")
    path = str(images.path(images.records[0]))
    write_csv(tmp_path / "patients.csv", ["image", "age"], [{"image": "other.jpg", "age": 30}])
    assert main(["predict", str(tmp_path / "bundle"), path, "--metadata", str(tmp_path / "patients.csv")]) == 2
    assert "no row has lesion_000000.jpg in the column image" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "bundle"), path, "--age", "old"]) == 2
    assert "age must be a number. Received: old" in capsys.readouterr().err


def test_columns_that_tell_the_class_are_refused(tmp_path):
    corpus = datasets.load("synthetic:pigmented:150")
    rows = [
        {"image": record.image, "patient_id": record.patient_id, "label": record.label, "dx_type": "histo",
         "sex": "female" if record.label == "mel" or index % 9 == 0 else ""}
        for index, record in enumerate(corpus.records)
    ]  # fmt: skip
    shutil.copytree(corpus.root / "images", tmp_path / "images")
    write_csv(tmp_path / "manifest.csv", list(rows[0]), rows)
    for column, reason in (("dx_type", "known only with the diagnosis"), ("sex", "missingness leaks: empty for bkl")):
        recipe = replace(get_recipe("metanet"), metadata=(column,), pretraining=None)
        with pytest.raises(InputError, match=f"`metadata` {column} must not be an input: {reason}"):
            train(recipe, output=tmp_path / "run", data=str(tmp_path / "manifest.csv"))
    assert not (tmp_path / "run").exists()


def test_a_model_of_images_alone_has_nothing_to_withhold(psoriasis, tmp_path):
    recipe = get_recipe("psenet:demo").with_settings(["epochs=1", "image_size=(32,32)", "model_options.width=0.125"])
    done = train(recipe, output=tmp_path / "run", data=str(psoriasis))
    assert "missing" not in evaluate(done)
