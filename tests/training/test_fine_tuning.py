"""What learns, from which weights, at which rate; and that the pixels' preparation follows the weights."""

import csv
import json
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from state_dicts import state_dict

from tfderm import models
from tfderm.errors import InputError, Interrupted
from tfderm.export import export_bundle
from tfderm.files import write_json
from tfderm.metrics import logits_of, tempered
from tfderm.recipes import get_recipe
from tfderm.runtime.predictor import Predictor
from tfderm.runtime.preprocess import central_part, resize
from tfderm.training import fit as fit_module
from tfderm.training import train
from tfderm.training.network import freeze_all_but_the_last
from tfderm.training.optimizers import make_optimizer, rate_factors

MEAN, STD = (0.5, 0.25, 0.125), (0.25, 0.5, 0.5)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Photographs of 48x96 pixels, red or brown in their middle, of 40 patients."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = []
    for index in range(40):
        label = ("red", "brown")[index % 2]
        image = rng.integers(150, 250, (48, 96, 3))
        image[12:36, 36:60] = (200, 60, 60) if label == "red" else (110, 70, 40)
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{index}.png")
        rows.append({"image": f"{index}.png", "patient_id": index, "label": label})
    with open(folder / "manifest.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(folder / "manifest.csv")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A ResNet-18 of 1000 classes by PyTorch's names, beside a description with a mean and a deviation of its own."""
    folder = tmp_path_factory.mktemp("weights")
    keras.utils.set_random_seed(0)
    tensors = state_dict(models.create_model("resnet18", image_size=(32, 32)))
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"pretrained_cfg": {"mean": MEAN, "std": STD}}))
    return folder / "model.safetensors"


def recipe(weights="", **changes):
    changes = {"epochs": 1, "learning_rate": 1e-2, **changes}
    return replace(
        get_recipe("cnd"),
        model="resnet18",
        model_options={},
        labels=("red", "brown"),
        label_names={},
        label_aliases={},
        ignored_labels=(),
        image_size=(32, 32),
        batch_size=8,
        auxiliary=(),
        pretraining=None,
        weights=str(weights),
        **changes,
    )


def variables(model):
    return {variable.path: np.asarray(variable) for variable in model.variables if "seed" not in variable.path}


def changed(run, weights):
    """Paths of the variables that differ from the weights' after training."""
    options = {"image_size": (32, 32), "num_classes": 2, "mean": MEAN, "std": STD}
    before = variables(models.create_model("resnet18", weights=weights, **options))
    after = variables(models.load(run.model_path))
    return {path for path in before if not np.array_equal(before[path], after[path])}


def test_head_trains_the_last_layer_and_nothing_else(data, weights, tmp_path, capsys):
    run = train(recipe(weights, fine_tuning="head"), data=data, output=tmp_path / "run")
    assert changed(run, weights) == {"fc/kernel", "fc/bias"}
    assert "1,026 of 11,187,138 parameters learn" in capsys.readouterr().err
    assert models.load(run.model_path).get_layer("conv1").kernel.trainable


def test_full_trains_every_layer_and_the_statistics(data, weights, tmp_path, capsys):
    run = train(recipe(weights), data=data, output=tmp_path / "run")
    assert changed(run, weights) == set(variables(models.load(run.model_path)))
    assert "11,177,538 of 11,187,138 parameters learn" in capsys.readouterr().err


def test_beginnings_that_contradict_each_other_are_refused(data, weights, tmp_path):
    with pytest.raises(InputError, match="would learn on random features that stay so; give --set weights=imagenet"):
        train(recipe(fine_tuning="head"), data=data, output=tmp_path / "run")
    with pytest.raises(InputError, match="'scratch' takes no `weights`"):
        recipe(weights, fine_tuning="scratch")
    with pytest.raises(InputError, match="two beginnings"):
        replace(get_recipe("cnd"), weights="imagenet")
    with pytest.raises(InputError, match="`model_options` has weights"):
        replace(recipe(), model_options={"weights": "imagenet"})
    with pytest.raises(InputError, match="'head' goes with classes alone"):
        replace(get_recipe("psenet:components"), fine_tuning="head")
    for crop in ("abc", float("nan"), True, 0, 1.5):
        with pytest.raises(InputError, match="`crop` goes with"):
            recipe(crop=crop)
    donor = train(recipe(), data=data, output=tmp_path / "donor").path
    with pytest.raises(InputError, match="--from .* are two beginnings"):
        train(recipe(weights), data=data, output=tmp_path / "run", initial=donor)
    with pytest.raises(InputError, match="is trained from scratch .* leave out --from"):
        train(recipe(fine_tuning="scratch"), data=data, output=tmp_path / "run", initial=donor)
    assert not (tmp_path / "run").exists()


def test_weights_that_do_not_fit_leave_no_run(data, weights, tmp_path):
    with pytest.raises(InputError, match="do not fit resnet50"):
        train(replace(recipe(weights), model="resnet50"), data=data, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("first", [1.0, 0.1])
def test_the_finished_model_opens_in_plain_keras(first, data, tmp_path):
    run = train(recipe(first_layer_rate=first), data=data, output=tmp_path / "run")
    script = "import sys, keras; print(keras.saving.load_model(sys.argv[1]).count_params())"
    done = subprocess.run([sys.executable, "-c", script, run.model_path], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "11187138"


def test_a_stopped_run_continues_to_the_same_weights_without_the_file_of_weights(data, weights, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in weights.parent.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    settings = recipe(copy / weights.name, epochs=2)
    whole = train(settings, data=data, output=tmp_path / "whole")

    def save_and_stop(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    save = fit_module.save_checkpoint
    monkeypatch.setattr(fit_module, "save_checkpoint", save_and_stop)
    with pytest.raises(Interrupted):
        train(settings, data=data, output=tmp_path / "stopped")
    monkeypatch.undo()
    for file in copy.iterdir():
        file.unlink()
    resumed = train(settings, data=data, output=tmp_path / "stopped", resume=True)
    expected, found = (variables(models.load(run.model_path)) for run in (whole, resumed))
    for path, value in expected.items():
        np.testing.assert_array_equal(found[path], value)


def test_the_weights_pixels_and_the_crop_travel_into_contract_file_and_predictor(data, weights, tmp_path):
    run = train(recipe(weights, crop=0.5, learning_rate=1e-5), data=data, output=tmp_path / "run")
    assert (run.contract.image.mean, run.contract.image.std, run.contract.image.crop) == (MEAN, STD, 0.5)
    bundle = export_bundle(run, scheme="float32")
    model = models.load(run.model_path)
    predictor = Predictor(bundle)
    for index in range(4):
        photograph = np.asarray(Image.open(f"{data.removesuffix('manifest.csv')}{index}.png"))
        seen = resize(central_part(photograph, (32, 32), 0.5), (32, 32))
        expected = np.asarray(model(seen[None], training=False)["probabilities"])[0]
        calibrated = tempered(logits_of(expected[None]), predictor.contract.uncertainty["temperature"])[0]
        np.testing.assert_allclose(predictor.predict(photograph)["probabilities"], calibrated, atol=1e-4)
        whole = resize(photograph, (32, 32))
        assert np.abs(np.asarray(model(whole[None], training=False)["probabilities"])[0] - expected).max() > 1e-3
    assert run.contract.training["weights"] == str(weights) and f"the weights {weights}" in run.contract.licence
    successor = train(recipe(), data=data, output=tmp_path / "next", initial=run.path).contract
    assert (successor.image.mean, successor.image.std) == (MEAN, STD)
    assert successor.training["weights"] == str(weights)


def test_layers_learn_at_rates_spaced_geometrically():
    model = models.create_model("resnet18", image_size=(32, 32), num_classes=2)
    factors = rate_factors(model, 0.01)
    layers = [layer for layer in model.layers if layer.trainable_variables]
    assert factors["conv1/kernel"] == pytest.approx(0.01) and factors["fc/kernel"] == factors["fc/bias"] == 1
    of_layer = [factors[layer.trainable_variables[0].path] for layer in layers]
    ratios = np.array(of_layer[1:]) / of_layer[:-1]
    np.testing.assert_allclose(ratios, ratios[0])
    assert rate_factors(model, 1.0) == {}
    freeze_all_but_the_last(model, num_classes=2)
    assert rate_factors(model, 0.01) == {"fc/kernel": 1, "fc/bias": 1}


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_step_is_the_usual_one_times_the_layers_share(name):
    def steps(first):
        keras.utils.set_random_seed(0)
        tensor = image = keras.Input((4,))
        for _ in range(3):
            tensor = keras.layers.Dense(4)(tensor)
        model = keras.Model(image, tensor)
        before = model.get_weights()
        optimizer = make_optimizer(recipe(optimizer=name, first_layer_rate=first, warm_up=0.0), model, 10)
        model.compile(optimizer, "mse")
        model.train_on_batch(np.ones((2, 4)), np.zeros((2, 4)))
        return [after - value for after, value in zip(model.get_weights(), before, strict=True)]

    for index, (usual, scaled) in enumerate(zip(steps(1.0), steps(0.01), strict=True)):
        share = 0.01 ** (1 - (index // 2) / 2)
        # Steps of 1e-2 at most, as differences of weights near 1: float32 rounds each to 6e-8.
        np.testing.assert_allclose(scaled, share * usual, rtol=0, atol=4 * 6e-8)


def test_warm_up_rises_from_0_to_the_learning_rate():
    model = models.create_model("cnd", image_size=(32, 32), filters=(4,))
    settings = replace(recipe(epochs=10, warm_up=0.2), learning_rate_schedule="cosine")
    schedule = make_optimizer(settings, model, 10)._learning_rate
    rates = [float(schedule(step)) for step in range(101)]
    np.testing.assert_allclose(rates[:21], np.linspace(0, 1e-2, 21), atol=1e-8)
    assert np.all(np.diff(rates[20:]) <= 0) and rates[100] == pytest.approx(0, abs=1e-8)
    without = make_optimizer(replace(settings, warm_up=0.0), model, 10)._learning_rate
    assert float(without(0)) == pytest.approx(1e-2)


def test_the_network_of_a_run_is_no_file_of_weights(coloured, tmp_path):
    write_json(tmp_path / "old" / "recipe.json", {})
    recipe = replace(get_recipe("nine_class:resnet18"), weights=str(tmp_path / "old" / "model.keras"))
    with pytest.raises(InputError, match="start from it with --from .*old --set weights="):
        train(recipe, data=str(coloured), output=tmp_path / "run")
    assert not (tmp_path / "run").exists()
