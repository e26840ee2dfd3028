"""Classes that come from the data, their balance, frozen stages, and when training ends by itself."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from tfderm import datasets, models
from tfderm.datasets.selection import resolved
from tfderm.errors import InputError
from tfderm.models import create_model
from tfderm.pipeline.batch_order import batch_order
from tfderm.recipes import get_recipe
from tfderm.training import train
from tfderm.training.checkpoint import Progress
from tfderm.training.fit import _epochs_since_the_best
from tfderm.training.network import build_model


def small(name="cnd", **changes):
    recipe = replace(get_recipe(name), image_size=(32, 32), batch_size=8, epochs=1, weights="", pretraining=None)
    if name == "cnd":
        recipe = replace(recipe, model_options={"filters": (8, 16)})
    return replace(recipe, **changes)


def history(run):
    with open(run.path / "history.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_classes_come_from_the_data_with_names_and_urgency(coloured, tmp_path):
    run = train(
        small(labels=(), label_names={}, urgency={"bkl": "routine"}), data=str(coloured), output=tmp_path / "run"
    )
    assert run.recipe.labels == run.contract.labels == ("bkl", "mel", "nv")
    assert run.contract.label_names == {"bkl": "benign keratosis", "mel": "melanoma", "nv": "nevus"}
    assert run.contract.urgency == {"bkl": "routine", "mel": "urgent", "nv": "none"}
    resumed = train(
        small(labels=(), label_names={}, urgency={"bkl": "routine"}), data=str(coloured), output=run.path, resume=True
    )
    assert resumed.recipe == run.recipe


def test_ignored_labels_and_other_spellings_are_no_classes_of_their_own(coloured):
    corpus = datasets.load(coloured)
    recipe = small(labels=(), label_aliases={"bkl": "benign"}, ignored_labels=("mel",))
    assert resolved(recipe, corpus).labels == ("benign", "nv")
    with pytest.raises(InputError, match="needs two or more. Received: nv"):
        resolved(replace(recipe, ignored_labels=("mel", "benign")), corpus)


def test_every_class_has_the_wanted_number_of_images_in_an_epoch():
    classes = np.repeat([0, 1, 2], [3, 40, 7])
    for number in (10, 20, 60):
        drawn = batch_order(50, 10, "none", seed=1, epoch=2, classes=classes, images_per_class=number).ravel()
        assert np.bincount(classes[drawn]).tolist() == [number] * 3
        counts = np.bincount(drawn, minlength=50)
        for each in range(3):  # As evenly as can be: no image a second time before all had their turn.
            own = counts[classes == each]
            assert own.max() - own.min() <= 1


def test_frozen_stages_keep_their_weights_and_statistics(coloured, tmp_path):
    recipe = small("nine_class:resnet18", images_per_class=0, data="", epochs=1, patience=0)
    source = train(recipe, data=str(coloured), output=tmp_path / "source")
    frozen = replace(recipe, model_options={"frozen_stages": 2}, learning_rate=0.1)
    run = train(frozen, data=str(coloured), output=tmp_path / "run", initial=source.path)
    before, after = ({v.path: np.asarray(v) for v in models.load(one.model_path).variables} for one in (source, run))
    same = {path for path in before if np.array_equal(before[path], after[path])}
    stages = {path: path.startswith(("conv1", "bn1", "layer1")) for path in before}
    assert same == {path for path, early in stages.items() if early}
    assert all(layer.trainable for layer in models.load(run.model_path).layers)


def test_stages_that_there_are_not_and_random_ones_are_not_frozen(coloured, tmp_path):
    with pytest.raises(InputError, match="`frozen_stages` of resnet18 goes from 0 to 5. Received: 6"):
        create_model("resnet18", frozen_stages=6)
    recipe = small("nine_class:resnet18", images_per_class=0, model_options={"frozen_stages": 2})
    with pytest.raises(InputError, match="learn on random features that stay so"):
        train(recipe, data=str(coloured), output=tmp_path / "run")


@pytest.mark.parametrize(
    "losses, epochs", [([], 0), ([3, 2, 1], 0), ([3, 1, 2], 1), ([1, 2, 1.5, 1.2], 3), ([2, 1, 1], 1)]
)
def test_patience_counts_from_the_smallest_loss(losses, epochs):
    assert _epochs_since_the_best(Progress(history=[{"val_loss": loss} for loss in losses])) == epochs


def test_training_ends_when_the_validation_loss_no_longer_falls(coloured, tmp_path, capsys):
    # A rate of 10 throws the weights away in the first epoch; nothing gets better by more of it.
    recipe = small(epochs=40, patience=2, select_best=True, learning_rate=10.0, learning_rate_schedule="constant")
    run = train(recipe, data=str(coloured), output=tmp_path / "run")
    losses = [float(row["val_loss"]) for row in history(run)]
    assert len(losses) < 40 and int(np.argmin(losses)) == len(losses) - 1 - 2
    assert "no smaller validation loss in 2 epochs: training ends" in capsys.readouterr().err


def test_a_pretraining_without_data_says_what_to_give(coloured, tmp_path):
    with pytest.raises(InputError, match="--set pretraining.data=SRC"):
        train(get_recipe("cnd:inception_v3_two_stage"), data=str(coloured), output=tmp_path / "run")


def test_a_transformers_glimpse_learns_the_class_and_its_figures_are_kept(coloured, tmp_path):
    recipe = small(
        "psoriasis_eczema",
        image_size=(48, 72),
        model_options={"output_size": [24, 36], "width": 0.05},
        batches=0,
        epochs=2,
        learning_rate=1e-3,
    )
    run = train(recipe, data=str(coloured), output=tmp_path / "run")
    rows = history(run)
    assert {"glimpse_loss", "val_glimpse_loss", "outside", "zoom", "zoom_spread", "shift_spread"} <= set(rows[0])
    assert "val_zoom" not in rows[0]
    kinds = {output.name: output.kind for output in run.contract.outputs}
    assert kinds == {
        "probabilities": "probabilities",
        "area_of_interest": "area_of_interest",
        "transform": "transform",
        "glimpse": "glimpse",
    }
    fresh = build_model(run.recipe, "float32")
    name = "recognises"
    learned = models.load(run.model_path).get_layer("spatial_transformer").localization.get_layer(name).kernel
    assert np.abs(learned).max() > 0
    assert not np.abs(fresh.get_layer("spatial_transformer").localization.get_layer(name).kernel).any()
