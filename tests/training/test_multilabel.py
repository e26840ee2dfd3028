"""Several labels on one photograph, from the manifest to what a phone says."""

import json
from dataclasses import replace

import numpy as np
import pytest
import sklearn.metrics
from PIL import Image

from tfderm import datasets, models
from tfderm.cli import main
from tfderm.datasets import Corpus, Record
from tfderm.datasets.selection import true_values
from tfderm.errors import InputError
from tfderm.export.verify import verify_bundle
from tfderm.pipeline import image_batches
from tfderm.pipeline.batch_order import batch_order
from tfderm.recipes import get_recipe
from tfderm.run import Run
from tfderm.runtime.predictor import Predictor

RECIPE = get_recipe("nine_class:multilabel")
LABELS = ("Crust", "Erythema", "Normal", "Ulcer")
SETTINGS = [
    "weights=", "model=resnet18", "image_size=(32,32)", "epochs=5", "images_per_class=60", "learning_rate=3e-2",
    "validation_fraction=0.3",
]  # fmt: skip


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """Manifest of 160 grey images; red, dark and yellow squares at random places show three labels."""
    folder, rng = tmp_path_factory.mktemp("patches"), np.random.default_rng(0)
    colours = {"Erythema": (220, 90, 90), "Ulcer": (60, 20, 30), "Crust": (200, 170, 60)}
    rows = ["image,patient_id,label"]
    for number in range(160):
        image = rng.normal(150, 12, (32, 32, 1)) + rng.normal(0, 6, (32, 32, 3))
        shown = [name for name in colours if rng.random() < 0.45]
        for name, corner in zip(shown, rng.permutation([(2, 2), (2, 18), (18, 2), (18, 18)]), strict=False):
            y, x = corner + rng.integers(0, 3, 2)
            image[y : y + 10, x : x + 10] = colours[name] + rng.normal(0, 8, (10, 10, 3))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,p{number},{' ; '.join(shown) or 'Normal'}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


@pytest.fixture(scope="module")
def run(patches, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    arguments = ["train", "nine_class:multilabel", "--data", str(patches), "-o", str(folder), "--set", *SETTINGS]
    assert main(arguments) == 0
    assert main(["evaluate", str(folder)]) == 0
    return Run.open(folder)


def answers(run, split):
    """(probabilities, what is shown) of a split, by the trained network itself."""
    corpus = datasets.load(run.environment["data"]["source"])
    records = [record for record in corpus.records if run.splits[record.image] == split]
    batches = image_batches(corpus, records, run.recipe.image)
    model = models.load(run.model_path)
    probabilities = np.concatenate([np.asarray(model(images, training=False)["probabilities"]) for images in batches])
    return probabilities, true_values(records, run.recipe)


def test_labels_come_from_the_data_and_each_is_learned(run):
    assert run.recipe.labels == LABELS
    result = json.loads((run.path / "metrics.json").read_text())
    probabilities, shown = answers(run, "test")
    expected = sklearn.metrics.average_precision_score(shown, probabilities, average="macro")
    assert result["model"]["mean_average_precision"]["value"] == pytest.approx(expected, abs=1e-6)
    assert result["differences"]["shares"]["mean_average_precision"]["low"] > 0
    shares = result["label_average_precisions"]
    assert {label: row["n"] for label, row in shares.items()} == dict(zip(LABELS, shown.sum(axis=0), strict=True))


def test_thresholds_have_the_largest_f1_on_validation_images(run):
    report = json.loads((run.path / "metrics.json").read_text())["thresholds"]
    probabilities, shown = answers(run, "validation")
    for index, row in enumerate(report["labels"].values()):
        scores, true = probabilities[:, index], shown[:, index]
        best = max(sklearn.metrics.f1_score(true, scores >= threshold) for threshold in scores)
        assert sklearn.metrics.f1_score(true, scores >= row["threshold"] - 1e-6) == pytest.approx(best)
    probabilities, shown = answers(run, "test")
    thresholds = np.array([row["threshold"] for row in report["labels"].values()])
    present = probabilities >= thresholds
    assert report["exact"]["value"] == pytest.approx(np.mean((present == shown).all(axis=1)), abs=0.02)
    for index, row in enumerate(report["labels"].values()):
        assert row["recall"]["value"] == pytest.approx(
            sklearn.metrics.recall_score(shown[:, index], present[:, index]), abs=0.05
        )


@pytest.mark.parametrize("scheme", ["float32", "static_wi8_ai8"])
def test_the_phone_says_which_labels_it_sees(run, scheme, capsys):
    assert main(["export", str(run.path), "--scheme", scheme, "--explain"]) == 0
    bundle = run.path / "bundles" / scheme
    assert verify_bundle(bundle)["passed"]
    predictor = Predictor(bundle)
    thresholds = predictor.contract.uncertainty["labels"]["thresholds"]
    data = datasets.load(run.environment["data"]["source"])
    right = []
    for record in [record for record in data.records if run.splits[record.image] == "test"]:
        answer = predictor.answer(np.asarray(Image.open(data.path(record))))
        assert answer["labels"] == [label for label, p in answer["probabilities"].items() if p >= thresholds[label]]
        right.append(set(answer["labels"]) == set(record.labels))
    stated = json.loads((run.path / "metrics.json").read_text())["thresholds"]["exact"]
    assert stated["low"] <= np.mean(right) <= stated["high"]
    capsys.readouterr()
    ulcer = next(data.path(record) for record in data.records if record.labels == ("Ulcer",))
    assert main(["predict", str(bundle), str(ulcer)]) == 0
    printed = capsys.readouterr().out
    assert "Ulcer" in printed and ("doctor within two weeks" in printed) == (
        "ulcer (" in printed.lower().split(": ")[1]
    )
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "When a label is there" in card and f"- Ulcer: from {thresholds['Ulcer']:.1%} on" in card


def corpus(*labels):
    return Corpus(
        "test", None, tuple(Record(f"{n}.jpg", patient_id=f"p{n}", label=label) for n, label in enumerate(labels))
    )


def test_labels_are_split_renamed_and_left_out():
    recipe = replace(RECIPE, label_aliases={"redness": "Erythema"}, ignored_labels=("Wheal",))
    data = corpus("Crust; redness", "Wheal;Ulcer", "Erythema;redness")
    recipe = datasets.resolved(recipe, data)
    assert recipe.labels == ("Crust", "Erythema", "Ulcer")
    named = [datasets.selection.recipe_label(record, recipe) for record in data.records]
    assert named == ["Crust;Erythema", "Ulcer", "Erythema"]
    assert datasets.selection.recipe_label(corpus("Wheal").records[0], recipe) is None
    records = [replace(record, label=label) for record, label in zip(data.records, named, strict=True)]
    assert true_values(records, recipe).tolist() == [[1, 1, 0], [0, 0, 1], [0, 1, 0]]
    with pytest.raises(InputError, match="1.jpg: label 'Scale' is unknown"):
        datasets.selection.recipe_label(corpus("Crust", "Crust;Scale").records[1], recipe)


def test_one_label_recipes_refuse_several():
    with pytest.raises(InputError, match="1.jpg: has several labels, Crust;Ulcer, .* multilabel"):
        datasets.resolved(get_recipe("nine_class"), corpus("Crust", "Crust;Ulcer"))


def test_every_label_is_drawn_as_often_as_wanted():
    rng = np.random.default_rng(0)
    shows = (rng.random((60, 3)) < (0.1, 0.5, 0.9)).astype(np.float32)
    drawn = batch_order(60, 10, "none", seed=1, epoch=0, classes=shows, images_per_class=40).ravel()
    assert len(drawn) == 120 and all(shows[drawn].sum(axis=0) >= 40)
    rare = np.flatnonzero(shows[:, 0])
    assert min(np.bincount(drawn, minlength=60)[rare]) >= 40 // len(rare)


def test_a_network_without_sigmoid_says_so(patches, tmp_path, capsys):
    arguments = ["train", "nine_class:multilabel", "--data", str(patches), "-o", str(tmp_path / "run")]
    assert main([*arguments, "--set", "model=cnd", "weights="]) == 2
    assert "no option activation" in capsys.readouterr().err
