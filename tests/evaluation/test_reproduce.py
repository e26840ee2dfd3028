"""A paper's tables from small trainings: what stands in them, and that a second run trains nothing."""

import csv
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from tfderm.errors import InputError
from tfderm.evaluation.reproduce import reproduce
from tfderm.evaluation.reproduction_tables import beginning
from tfderm.files import write_json
from tfderm.recipes import get_effects, get_recipe, get_tables

TINY = [
    "image_size=(64,80)", "model_options.width=0.125", "epochs=1", "folds=2", "batch_size=8", "seed=3",
]  # fmt: skip


def test_tables_of_the_paper_name_every_row_with_its_claim():
    tables = get_tables("psenet")
    claims = {
        title: {method: (recipe.claim.get("mae"), recipe.claim.get("pair_accuracy")) for method, recipe in rows.items()}
        for title, rows in tables.items()
    }
    assert claims["Table 1, comparison with baselines"] == {
        "ResNet-50": (3.50, 0.6936),
        "ResNet-50, siamese": (3.30, 0.7008),
        "GoogLeNet-v2": (3.92, 0.7036),
        "GoogLeNet-v2, siamese": (3.25, 0.7072),
        "PSENet": (2.21, 0.7787),
    }
    assert claims["Table 2, ablation"] == {
        "PSENet, fp": (3.27, 0.7132),
        "PSENet, srm": (2.76, 0.7696),
        "PSENet, fp, siamese": (3.03, 0.7376),
        "PSENet, srm, siamese": (2.21, 0.7787),
        "ours: srm, all pairs of a batch": (None, None),
    }
    for rows in tables.values():
        for method, recipe in rows.items():
            assert (recipe.pairs == "none") == (
                "siamese" not in method and "pairs" not in method and method != "PSENet"
            )
            assert (recipe.model_options.get("head") == "fp") == ("fp" in method)


def test_the_rows_of_an_effect_differ_in_nothing_but_what_it_names():
    in_tables = {recipe.name for rows in get_tables("psenet").values() for recipe in rows.values()}
    for title, names in get_effects("psenet").items():
        changed, plain = (asdict(get_recipe(name)) for name in names)
        differs = {key for key in changed if changed[key] != plain[key]} - {"name", "claim"}
        assert differs == ({"model_options"} if title.startswith("srm") else {"pairs"}), title
        assert in_tables.issuperset(names)


def test_quick_changes_size_and_not_the_method():
    for quick, full in zip(get_tables("psenet", quick=True).values(), get_tables("psenet").values(), strict=True):
        for method, recipe in quick.items():
            assert recipe.name == full[method].name and recipe.pairs == full[method].pairs
            assert recipe.folds == 3 and recipe.image_size[0] <= 160


def test_a_recipe_without_tables_is_refused():
    with pytest.raises(InputError, match="lesion_detector has no tables"):
        get_tables("lesion_detector")


def test_rows_with_the_papers_network_start_from_the_given_run(psoriasis, tmp_path, monkeypatch):
    rows = [get_recipe(name).with_settings(["folds=2"]) for name in ("psenet:resnet50", "psenet:fp", "psenet")]
    donor = tmp_path / "donor"
    write_json(donor / "recipe.json", rows[-1].to_json())
    write_json(donor / "environment.json", {"data": {"fingerprint": "another", "root": str(tmp_path)}})
    began = {}

    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfderm.training.estimate.measured_step", lambda *args: 1.0)
    monkeypatch.setattr(
        "tfderm.evaluation.reproduce.run_folds",
        lambda folds, jobs, starting: began.update({fold.recipe.name: fold.initial for fold in folds}),
    )
    monkeypatch.setattr("tfderm.evaluation.reproduce.cross_validate", stop)
    tables = {"Table": {recipe.name: recipe for recipe in rows}, "Table 2": {"": rows[-1]}}
    with pytest.raises(KeyboardInterrupt):
        reproduce(tables, {}, data=str(psoriasis), output=tmp_path / "out", initial=donor)
    assert began == {"psenet:resnet50": None, "psenet:fp": donor, "psenet": donor}


@pytest.mark.slow
def test_reproduction_compares_every_row_on_the_same_photographs(psoriasis, tmp_path, capsys):
    own, ablated = get_recipe("psenet").with_settings(TINY), get_recipe("psenet:fp").with_settings(TINY)
    tables = {"Table 1": {"without": ablated, "PSENet": own}, "Table 2": {"fp": ablated, "srm": own}}
    effects = {"srm": ("psenet", "psenet:fp"), "none": ("psenet:fp", "psenet:fp")}
    result = reproduce(tables, effects, data=str(psoriasis), output=tmp_path / "out")
    assert "[1/4] psenet:fp, fold 0; about" in capsys.readouterr().err
    errors, fold_means = {}, {}
    for name in ("psenet", "psenet-fp"):
        rows, fold_means[name] = [], []
        for fold in (0, 1):
            with open(tmp_path / "out/rows" / name / f"fold-{fold}/predictions.csv", newline="") as file:
                own_rows = list(csv.DictReader(file))
            fold_means[name].append(np.mean([abs(float(row["y_true"]) - float(row["y_pred"])) for row in own_rows]))
            rows += own_rows
        errors[name] = {row["image"]: abs(float(row["y_true"]) - float(row["y_pred"])) for row in rows}
    assert errors["psenet"].keys() == errors["psenet-fp"].keys()
    difference = np.mean([errors["psenet"][image] - errors["psenet-fp"][image] for image in errors["psenet"]])
    assert result["own_method"] == "psenet"
    assert result["rows"]["psenet:fp"]["difference"]["mae"]["value"] == pytest.approx(difference)
    assert result["rows"]["psenet"]["pooled"]["mae"]["value"] == pytest.approx(np.mean(list(errors["psenet"].values())))
    effect = result["effects"]["srm"]["metrics"]["mae"]
    assert effect["folds"] == pytest.approx(np.subtract(fold_means["psenet"], fold_means["psenet-fp"]))
    assert effect["mean"]["value"] == pytest.approx(np.mean(effect["folds"]))
    assert effect["mean"]["low"] < effect["mean"]["value"] < effect["mean"]["high"]
    none = result["effects"]["none"]["metrics"]
    assert all(none[metric]["mean"][end] == 0 for metric in none for end in ("value", "low", "high"))
    text = (tmp_path / "out/reproduction.md").read_text()
    assert "3.27" in text and "2.21" in text and "Synthetic" in text and "64×80" in text
    assert [figure["title"].split(".")[0][:8] for figure in result["figures"]] == [
        f"Figure {n}" for n in (3, 4, 5, 6, 8)
    ]
    for figure in result["figures"]:
        assert (tmp_path / "out/figures" / figure["file"]).stat().st_size > 1000

    models = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("rows/*/*/model.keras")}
    again = reproduce(tables, effects, data=str(psoriasis), output=tmp_path / "out")
    assert again == json.loads((tmp_path / "out/reproduction.json").read_text()) == result
    assert models == {path: path.stat().st_mtime_ns for path in models}


def test_beginnings_are_told_in_order():
    assert beginning(get_recipe("nine_class")) == "published weights: imagenet"
    assert beginning(get_recipe("nine_class"), Path("runs/old")) == "run runs/old"
    assert beginning(get_recipe("nine_class:resnet18_scratch")) == "random weights"
    stages = get_tables("cnd", quick=True)["Table 1"]["CND-InceptionV3, mended, other skin images first"]
    assert beginning(stages) == "trained on synthetic:morphology, then synthetic:psoriasis_eczema"


def test_quick_rows_that_freeze_layers_begin_from_trained_ones():
    for name in ("nine_class", "cnd", "psoriasis_eczema"):
        for rows in get_tables(name, quick=True).values():
            for recipe in rows.values():
                assert not recipe.weights
                frozen = recipe.fine_tuning == "head" or recipe.model_options.get("frozen_stages")
                assert recipe.pretraining or not frozen, recipe.name


def test_other_images_to_begin_with_need_a_row_that_does(psoriasis, tmp_path):
    recipe = get_recipe("psenet").with_settings(TINY)
    with pytest.raises(InputError, match="No row of these tables begins with a pretraining"):
        reproduce({"Table": {"": recipe}}, {}, data=str(psoriasis), pretraining=str(psoriasis), output=tmp_path / "out")


@pytest.mark.slow
def test_tables_of_a_classifier_tell_how_it_trained_and_what_it_confused(coloured, tmp_path):
    own = replace(
        get_recipe("cnd"), image_size=(32, 32), batch_size=8, epochs=2, folds=2, pretraining=None,
        model_options={"filters": (8, 16)}, claim={"accuracy": 0.75, "validation_accuracy": 0.6, "minutes": 12.0},
    )  # fmt: skip
    first = replace(own, name="cnd:pretraining", claim={}, data=str(coloured))
    begun = replace(own, name="cnd:begun", pretraining=first, claim={})
    printed = {"photographs": {"nv": (1, 2, 3)}, "confusion": {"nv": {"nv": 80.0, "mel": 20.0}}}
    result = reproduce(
        {"Table 1": {"begun": begun, "CND": own}}, {"begun": ("cnd:begun", "cnd")}, printed, data=str(coloured),
        pretraining="synthetic:dermoscopy:20", output=tmp_path / "out",
    )  # fmt: skip
    assert result["rows"]["cnd:begun"]["beginning"] == "trained on synthetic:dermoscopy:20"
    for name in ("cnd", "cnd-begun"):
        best = []
        for fold in (0, 1):
            with open(tmp_path / "out/rows" / name / f"fold-{fold}/history.csv", newline="") as file:
                best.append(max(float(row["val_accuracy"]) for row in csv.DictReader(file)))
        trained = result["rows"][name.replace("-", ":")]["training"]
        assert trained["validation_accuracy"] == pytest.approx(np.mean(best)) and trained["epochs"] == 2
    counts = result["photographs"]
    assert sum(sum(row.values()) for row in counts.values()) == 90 == np.sum(result["confusion_matrix"])
    text = (tmp_path / "out/reproduction.md").read_text()
    assert "## Against trivial baselines" in text and "1, 2, 3" in text and "(80.0)" in text and "75.0 %" in text
    assert (tmp_path / "out/figures/cnd_training_curves.png").is_file()
