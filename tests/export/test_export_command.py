"""From a trained run to a verified bundle through the command line, on small synthetic sets."""

import json
import shutil

import pytest

from tfderm.cli import main
from tfderm.export.uncertainty import with_uncertainty
from tfderm.recipes import get_recipe
from tfderm.run import Run
from tfderm.runtime.bundle import load_bundle
from tfderm.training import train


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, coloured):
    settings = ["image_size=(32,32)", "model_options.filters=(8,16)", "epochs=3", "pretraining=None"]
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(get_recipe("cnd").with_settings(settings), data=str(coloured), output=folder)
    return folder


@pytest.fixture(scope="module")
def bundle_folder(run_folder):
    assert main(["export", str(run_folder)]) == 0
    return run_folder / "bundles" / "float32"


def test_export_writes_a_bundle_into_the_run(bundle_folder, run_folder):
    bundle = load_bundle(bundle_folder)
    splits = list(Run.open(run_folder).splits.values())
    assert bundle.parity["passed"] and bundle.parity["split"] == "test"
    assert bundle.parity["num_images"] == splits.count("test")
    trained = Run.open(run_folder).contract
    assert bundle.contract == with_uncertainty(trained, dict(bundle.contract.uncertainty)) != trained
    assert {"answered", "prediction_set", "unsuitable"} >= {o.name for o in bundle.contract.outputs[1:]} != set()


def test_verify_compares_with_the_run_that_holds_the_bundle(bundle_folder, capsys):
    assert main(["verify", str(bundle_folder)]) == 0
    output = capsys.readouterr().out
    assert "files match the manifest" in output and "probabilities max abs difference" in output


def test_verify_says_when_it_could_not_compare(bundle_folder, run_folder, tmp_path, capsys):
    moved = shutil.copytree(bundle_folder, tmp_path / "moved")
    assert main(["verify", str(moved)]) == 0
    assert "not compared with Keras" in capsys.readouterr().out
    assert main(["verify", str(moved), "--run", str(run_folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parity"]["passed"] is True
    assert main(["verify", str(moved), "--data", "x.csv"]) == 2
    assert "--run" in capsys.readouterr().err


def test_verify_fails_on_another_models_weights(bundle_folder, run_folder, tmp_path, capsys):
    from tfderm import models

    other = shutil.copytree(run_folder, tmp_path / "other")
    model = models.load(other / "model.keras")
    model.get_layer("from_features").bias.assign_add([0.01, 0.0, 0.0])
    model.save(other / "model.keras")
    assert main(["verify", str(bundle_folder), "--run", str(other)]) == 1
    assert "FAILED: probabilities max abs difference is 0.0" in capsys.readouterr().err


def test_verify_finds_a_changed_file(bundle_folder, tmp_path, capsys):
    changed = shutil.copytree(bundle_folder, tmp_path / "changed")
    (changed / "MODEL_CARD.md").write_text("better than it is")
    assert main(["verify", str(changed)]) == 2
    assert "MODEL_CARD.md was changed after export" in capsys.readouterr().err


def test_static_int8_of_a_run_is_calibrated_on_its_training_images(run_folder):
    assert main(["export", str(run_folder), "--scheme", "static_wi8_ai8"]) == 0
    bundle = load_bundle(run_folder / "bundles" / "static_wi8_ai8")
    splits = Run.open(run_folder).splits
    images = bundle.quantization["calibration"]["images"]
    assert 8 <= len(images) <= 64 and {splits[image] for image in images} == {"train"}


def test_predict_gives_a_label_with_probabilities(bundle_folder, coloured, capsys):
    image = coloured.parent / "0.png"
    assert main(["predict", str(bundle_folder), str(image), "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out).values()
    assert answer["label"] in ("nv", "bkl", "mel") and answer["unsuitable"] == []
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert main(["predict", str(bundle_folder), str(image)]) == 0
    assert "Not a medical device" in capsys.readouterr().out
    assert main(["predict", str(bundle_folder), str(coloured)]) == 2
    assert "not a readable image" in capsys.readouterr().err


def test_data_that_is_gone_is_one_line(run_folder, tmp_path, capsys):
    moved = shutil.copytree(run_folder, tmp_path / "moved")
    environment = json.loads((moved / "environment.json").read_text())
    environment["data"]["source"] = str(tmp_path / "gone" / "manifest.csv")
    (moved / "environment.json").write_text(json.dumps(environment))
    assert main(["export", str(moved)]) == 2
    error = capsys.readouterr().err.strip()
    assert "gone" in error and "\n" not in error


@pytest.mark.slow
@pytest.mark.parametrize("name", ["psenet:demo", "psenet:components"])
def test_psenet_goes_the_whole_way(name, tmp_path, psoriasis, capsys):
    settings = ["image_size=(64,80)", "model_options.width=0.125"]
    recipe = get_recipe(name).with_settings([*settings, "epochs=8", "batch_size=8"])
    train(recipe, data=str(psoriasis), output=tmp_path / "run")
    int8 = tmp_path / "run" / "bundles" / "static_wi8_ai8"
    status = main(["export", str(tmp_path / "run"), "--scheme", "static_wi8_ai8"])
    assert int8.exists() == (status == 0)  # Eight epochs need not suffice for eight bits; a refusal leaves no bundle.
    for scheme in ("float32", "float16"):
        assert main(["export", str(tmp_path / "run"), "--scheme", scheme]) == 0
        bundle = tmp_path / "run" / "bundles" / scheme
        assert load_bundle(bundle).parity["synthetic"] is True
        assert main(["verify", str(bundle)]) == 0
    capsys.readouterr()
    image = sorted(psoriasis.parent.rglob("*.jpg")) + sorted(psoriasis.parent.rglob("*.png"))
    assert main(["predict", str(bundle), str(image[0]), "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out).values()
    assert 0 <= answer["severity"] <= 72 and answer["band"] in ("mild", "medium", "severe")
    assert ("components" in answer) == (name == "psenet:components")
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    assert ("desquamation" in capsys.readouterr().out) == (name == "psenet:components")
