"""What a run folder holds, what training refuses, and that it leaves existing outputs untouched."""

import csv
import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace

import keras
import numpy as np
import pytest

from tfderm import datasets, files, models
from tfderm.contract import ImageInput, ModelContract
from tfderm.datasets.synthetic.dermoscopy import generate
from tfderm.errors import CheckFailed, InputError
from tfderm.pipeline import load_images
from tfderm.pipeline.auxiliary import AuxiliaryTarget
from tfderm.pipeline.input_pipeline import InputPipeline
from tfderm.recipes import get_recipe
from tfderm.training import train
from tfderm.training.objective import compile_model, trained_model


def tiny(**changes):
    recipe = replace(
        get_recipe("psenet:demo"), image_size=(64, 80), batch_size=8, epochs=1, model_options={"width": 0.125}
    )
    return replace(recipe, **changes)


def small(**changes):
    recipe = replace(
        get_recipe("cnd"),
        image_size=(32, 32),
        batch_size=8,
        epochs=1,
        model_options={"filters": (8, 16)},
        pretraining=None,
    )
    return replace(recipe, **changes)


@pytest.fixture(scope="module")
def run(psoriasis, tmp_path_factory):
    return train(tiny(), data=str(psoriasis), output=tmp_path_factory.mktemp("runs") / "run")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_run_folder_tells_what_was_done(run, psoriasis):
    assert run.recipe == tiny()
    assert run.environment["data"]["synthetic"] is True
    assert run.environment["data"]["fingerprint"] == datasets.load(psoriasis).fingerprint
    assert run.contract.image.image_size == (64, 80)
    assert [output.name for output in run.contract.outputs][0] == "severity"
    assert [output.stride for output in run.contract.outputs_of_kind("location_map")] == [8, 16, 32, 64, 128]
    assert {path.name for path in run.path.iterdir()} >= {
        "recipe.json", "contract.json", "environment.json", "splits.csv", "left_out.csv", "history.csv", "model.keras",
    }  # fmt: skip


def test_training_says_that_nothing_tells_where_lesions_are(psoriasis, tmp_path, capsys):
    train(tiny(), data=str(psoriasis), output=tmp_path / "boxed")
    assert "lesion boxes" not in capsys.readouterr().err
    manifest = shutil.copytree(psoriasis.parent, tmp_path / "data") / psoriasis.name
    (manifest.parent / "lesions.json").unlink()
    train(tiny(), data=str(manifest), output=tmp_path / "unmarked")
    assert "no training photograph has lesion boxes" in capsys.readouterr().err
    train(tiny(model_options={"width": 0.125, "head": "fp"}), data=str(manifest), output=tmp_path / "nowhere")
    assert "lesion boxes" not in capsys.readouterr().err


def test_components_are_learnt_from_the_photographs_that_have_grades(psoriasis, tmp_path):
    with open(psoriasis, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[::2]:
        row["area"] = ""
    manifest = shutil.copytree(psoriasis.parent, tmp_path / "data") / psoriasis.name
    files.write_csv(manifest, list(rows[0]), rows)
    recipe = tiny(learning_rate=1e-12, model_options={"width": 0.125, "components": True})
    run = train(recipe, data=str(manifest), output=tmp_path / "run")
    graded = [float(row["area"]) for row in rows if row["area"] and run.splits[row["image"]] == "train"]
    model = models.load(run.model_path)
    assert float(model.get_layer("area").bias[0]) == pytest.approx(np.median(graded))
    outputs = {output.name: output.range for output in run.contract.outputs_of_kind("component")}
    assert outputs == {"erythema": (0, 4), "induration": (0, 4), "desquamation": (0, 4), "area": (0, 6)}
    assert ModelContract.from_json(json.loads(json.dumps(run.contract.to_json()))) == run.contract
    with open(run.path / "history.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert 0 < float(row["area_loss"]) < 6 and 0 < float(row["val_erythema_loss"]) < 4


def test_mixed_precision_learns_and_leaves_a_float32_model(psoriasis, tmp_path):
    recipe = tiny(epochs=3, learning_rate=1e-3, precision="mixed_bfloat16")
    mixed = train(recipe, data=str(psoriasis), output=tmp_path / "mixed")
    with open(mixed.path / "history.csv", newline="") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < losses[0]
    model = models.load(mixed.model_path)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_an_existing_run_is_not_overwritten(run, psoriasis):
    before = contents(run.path)
    with pytest.raises(InputError, match="holds a run already: continue it with --resume"):
        train(tiny(), data=str(psoriasis), output=run.path)
    assert contents(run.path) == before


def test_resume_refuses_other_settings_and_changed_data(psoriasis, tmp_path, run):
    with pytest.raises(InputError, match="trained with another learning_rate"):
        train(tiny(learning_rate=0.5), data=str(psoriasis), output=run.path, resume=True)
    with pytest.raises(InputError, match="is not a run"):
        train(tiny(), data=str(psoriasis), output=tmp_path / "none", resume=True)


def test_data_must_be_named_where_the_recipe_has_none(tmp_path):
    with pytest.raises(InputError, match="give --data"):
        train(get_recipe("cnd"), output=tmp_path / "run")


def test_a_loss_that_is_no_number_names_the_batch(coloured, tmp_path):
    recipe = small(learning_rate=1e30, learning_rate_schedule="constant", epochs=3)
    with pytest.raises(CheckFailed, match=r"Loss is (nan|inf).*step \d+\. Batch: \d+\.png.*learning rate"):
        train(recipe, data=str(coloured), output=tmp_path / "run")
    assert not (tmp_path / "run" / "model.keras").exists()


def test_a_full_disk_during_a_checkpoint_keeps_the_older_one(coloured, tmp_path, monkeypatch):
    output = tmp_path / "run"
    writes = []
    replace_file = files.os.replace

    def full_at_the_second_checkpoint(source, target):
        if str(target).endswith("latest.npz"):
            writes.append(target)
            if len(writes) == 2:
                raise OSError(errno.ENOSPC, "No space left on device")
        replace_file(source, target)

    monkeypatch.setattr(files.os, "replace", full_at_the_second_checkpoint)
    with pytest.raises(InputError, match="Disk full while writing .*latest.npz"):
        train(small(epochs=3), data=str(coloured), output=output)
    monkeypatch.undo()
    with np.load(output / "checkpoints" / "latest.npz") as checkpoint:
        assert json.loads(str(checkpoint["state"]))["epoch"] == 1
    resumed = train(small(epochs=3), data=str(coloured), output=output, resume=True)
    assert len((resumed.path / "history.csv").read_text().splitlines()) == 4


def test_an_unwritable_output_is_named(psoriasis, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="Cannot write .*file/run"):
        train(tiny(), data=str(psoriasis), output=tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "in the way"


def test_from_takes_the_weights_of_another_run(coloured, tmp_path):
    def kernel(name, recipe, initial=None):
        run = train(recipe, data=str(coloured), output=tmp_path / name, initial=initial)
        return np.asarray(keras.saving.load_model(run.model_path).get_layer("conv2a").kernel)

    unmoved = small(learning_rate=1e-12)
    source = kernel("source", small(learning_rate=1e-2))
    np.testing.assert_allclose(kernel("started", unmoved, tmp_path / "source"), source, atol=1e-9)
    assert np.abs(kernel("fresh", unmoved) - source).max() > 1e-3


def test_a_pretraining_is_trained_once_and_taken(coloured, tmp_path, monkeypatch, capsys):
    cache = tmp_path / "cache"
    monkeypatch.setenv("TFDERM_CACHE", str(cache))
    drawn = generate(tmp_path / "drawn", num_patients=40, image_size=(32, 32))
    sizes = {"image_size": (32, 32), "batch_size": 8, "epochs": 1, "folds": 3, "validation_fraction": 0.2}
    pretraining = replace(get_recipe("cnd:pretraining"), data=str(drawn), learning_rate=1e-2, **sizes)
    recipe = small(learning_rate=1e-12, pretraining=pretraining)
    runs = [train(recipe, data=str(coloured), output=tmp_path / name) for name in ("first", "second")]
    assert capsys.readouterr().err.count("cnd starts from cnd:pretraining: training it into") == 1
    (folder,) = (path for path in cache.iterdir() if path.is_dir())
    donor, first, second = (models.load(path / "model.keras") for path in (folder, *(run.path for run in runs)))
    for name in ("conv1", "conv2a", "conv2b"):
        np.testing.assert_allclose(first.get_layer(name).kernel, donor.get_layer(name).kernel, atol=1e-9)
    for one, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert runs[0].environment["initial"] == {
        "run": str(folder), "recipe": "cnd:pretraining", "data": "synthetic dermoscopy",
        "fingerprints": [datasets.load(drawn).fingerprint],
    }  # fmt: skip

    monkeypatch.setenv("TFDERM_CACHE", str(tmp_path / "unused"))
    train(recipe, data=str(coloured), output=tmp_path / "third", initial=runs[0].path)
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("task", ("classification", "severity"))
def test_a_run_stopped_in_its_first_epoch_resumes_from_the_same_weights(task, coloured, psoriasis, tmp_path):
    recipe, data = (small(), coloured) if task == "classification" else (tiny(), psoriasis)
    source = train(replace(recipe, learning_rate=1e-2), data=str(data), output=tmp_path / "source")
    whole, stopped = (
        train(recipe, data=str(data), output=tmp_path / name, initial=source.path if task == "classification" else None)
        for name in ("whole", "stopped")
    )
    for name in ("model.keras", "history.csv"):
        (stopped.path / name).unlink()
    resumed = train(recipe, data=str(data), output=stopped.path, resume=True)
    weights = [models.load(run.model_path).get_weights() for run in (whole, resumed)]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_psenet_takes_the_whole_backbone_of_its_pretraining(coloured, psoriasis, tmp_path, capsys):
    small_size = {name: getattr(tiny(), name) for name in ("image_size", "batch_size", "epochs", "model_options")}
    pretraining = replace(get_recipe("psenet:pretraining"), labels=("nv", "bkl", "mel"), **small_size)
    source = train(pretraining, data=str(coloured), output=tmp_path / "pretraining")
    started = train(tiny(learning_rate=1e-12), data=str(psoriasis), output=tmp_path / "run", initial=source.path)
    donor, model = (models.load(run.model_path) for run in (source, started))
    backbone = {weight.path: weight for weight in donor.trainable_weights if not weight.path.startswith("prob")}
    own = {weight.path: weight for weight in model.trainable_weights}
    assert len(backbone) == 3 * 45  # a kernel, a scale and an offset for each of the convolutions that the paper counts
    for path, weight in backbone.items():
        np.testing.assert_allclose(own[path], weight, atol=1e-9, err_msg=path)
    assert f"from {source.path}" in capsys.readouterr().err
    severity = [
        record.severity for record in datasets.load(psoriasis).records if started.splits[record.image] == "train"
    ]
    assert float(own["severity/bias"][0]) == pytest.approx(np.median(severity))


def test_weights_of_another_network_are_refused(psoriasis, tmp_path, run):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "recipe.json").write_text((run.path / "recipe.json").read_text())
    with pytest.raises(InputError, match="is not trained"):
        train(tiny(), data=str(psoriasis), output=tmp_path / "run", initial=broken)
    assert not (tmp_path / "run").exists()


@pytest.fixture
def with_sites(coloured, tmp_path):
    """The manifest `coloured` with a site for two of its three classes, and a column `age` that is empty."""
    manifest = shutil.copytree(coloured.parent, tmp_path / "data") / "manifest.csv"
    header, *rows = manifest.read_text().splitlines()
    sites = {"nv": "hand", "bkl": "foot", "mel": ""}
    rows = [f"{header},site,age", *(f"{row},{sites[row.rsplit(',', 1)[1]]}," for row in rows)]
    manifest.write_text("\n".join(rows) + "\n")
    return str(manifest)


def test_metadata_is_learned_beside_the_class_and_not_told(with_sites, tmp_path, capsys):
    recipe = small(auxiliary=("site", "age"), epochs=8, learning_rate=1e-2)
    run = train(recipe, data=with_sites, output=tmp_path / "run")
    assert "learns beside the label: site (2 classes); not age: the training photographs" in capsys.readouterr().err
    with open(run.path / "history.csv", newline="") as file:
        losses = [float(row["auxiliary_site_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.7 * np.log(2)  # what guessing costs
    assert [output.name for output in run.contract.outputs] == ["probabilities"]
    assert list(models.load(run.model_path).output) == ["probabilities"]


def test_a_network_without_features_cannot_learn_metadata(with_sites, tmp_path):
    options = {"labels": ("nv", "bkl", "mel"), "image_size": (64, 64), "model_options": {"width": 8}}
    recipe = replace(get_recipe("psenet:pretraining"), auxiliary=("site",), **options)
    with pytest.raises(InputError, match="psenet_classifier learns nothing beside its task; train it with --set aux"):
        train(recipe, data=with_sites, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_unknown_metadata_costs_nothing(coloured):
    model = models.create_model("cnd", image_size=(32, 32), filters=(4,))
    recipe = small(batch_size=90)
    corpus = datasets.load(coloured)

    def loss(model, auxiliary, records):
        compile_model(model, recipe, 10)
        (batch,) = InputPipeline(corpus, records, recipe, (), False, auxiliary=auxiliary).dataset()
        return float(model.test_on_batch(*batch, return_dict=True)["loss"])

    site = AuxiliaryTarget("site", values=("hand", "foot"))
    alone = loss(model, [], corpus.records)
    beside = trained_model(model, recipe, [site])
    assert loss(beside, [site], corpus.records) == pytest.approx(alone, rel=1e-6)

    told = [replace(corpus.records[0], metadata={"site": "foot"}), *corpus.records[1:]]
    foot = np.asarray(beside(load_images(corpus, told[:1], ImageInput((32, 32))))["auxiliary_site"])[0, 1]
    assert loss(beside, [site], told) == pytest.approx(alone - 0.3 * np.log(foot) / 90, rel=1e-6)


def test_weight_decay_is_l2_in_the_loss_not_decoupled():
    from tfderm import models

    model = models.create_model("cnd", image_size=(32, 32), filters=(4, 8), weight_decay=0.5)
    compile_model(model, replace(get_recipe("cnd"), weight_decay=0.5), 10)
    assert model.optimizer.weight_decay is None
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    kernels.append(model.get_layer("from_colours").kernel)
    kernels[-1].assign(np.full(kernels[-1].shape, 0.1))
    squares = sum(np.square(np.asarray(kernel, "float64")).sum() for kernel in kernels)
    assert len(kernels) == 4
    assert float(sum(model.losses)) == pytest.approx(0.5 / 2 * squares, rel=1e-5)


def test_cosine_rate_warms_up_and_ends_at_zero():
    from tfderm import models

    model = models.create_model("cnd", image_size=(32, 32), filters=(4,))
    compile_model(model, replace(get_recipe("cnd"), epochs=10, learning_rate=0.5), steps_per_epoch=10)
    rate = model.optimizer._learning_rate
    assert float(rate(5)) == pytest.approx(0.5, rel=1e-6)
    assert float(rate(2)) == pytest.approx(0.2, rel=1e-6)
    assert float(rate(100)) == pytest.approx(0, abs=1e-6)


STEP = """
    import sys
    from dataclasses import replace
    import keras
    import numpy as np
    from tfderm import models
    from tfderm.recipes import get_recipe
    from tfderm.training.objective import compile_model
    folder, output = sys.argv[1:]
    keras.config.set_floatx("float64")
    recipe = replace(get_recipe("psenet:demo"), optimizer="sgd", learning_rate=1e-3, learning_rate_schedule="constant")
    model = models.create_model("psenet", image_size=(64, 80), width=0.125, weight_decay=2e-4)
    model.load_weights(folder + "/start.weights.h5")
    compile_model(model, recipe, 1)
    before = [np.array(variable) for variable in model.trainable_variables]
    with np.load(folder + "/batch.npz") as batch:
        targets = {name: batch[name] for name in batch.files if name != "image"}
        loss = model.train_on_batch(batch["image"], targets, return_dict=True)["loss"]
    steps = [np.array(after) - start for after, start in zip(model.trainable_variables, before)]
    np.savez(output, loss=loss, step=np.concatenate([step.ravel() for step in steps]))
"""


@pytest.mark.slow
def test_jax_takes_the_same_step_as_tensorflow(psoriasis, tmp_path):
    from tfderm import models
    from tfderm.pipeline.input_pipeline import InputPipeline

    pytest.importorskip("jax")
    keras.utils.set_random_seed(0)
    start = models.create_model("psenet", image_size=(64, 80), width=0.125, weight_decay=2e-4)
    start.save_weights(tmp_path / "start.weights.h5")
    corpus = datasets.load(psoriasis)
    pipeline = InputPipeline(corpus, corpus.records[:8], tiny(), (8, 16, 32, 64, 128), training=True)
    image, targets = next(iter(pipeline.dataset()))
    np.savez(tmp_path / "batch.npz", image=image, **targets)
    results = {}
    for backend in ("tensorflow", "jax"):
        output = tmp_path / f"{backend}.npz"
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(STEP), str(tmp_path), str(output)],
            check=True, env={**os.environ, "KERAS_BACKEND": backend, "JAX_ENABLE_X64": "1"},
        )  # fmt: skip
        with np.load(output) as result:
            results[backend] = float(result["loss"]), result["step"].astype("float64")
    (loss, step), (jax_loss, jax_step) = results["tensorflow"], results["jax"]
    # Constants of the pixels' normalisation and reciprocal roots are only good to float32: about 1e-6 in the loss. In
    # the gradient, batch normalisation over as few as eight values divides by small deviations, which multiplies that
    # by up to a thousand.
    assert jax_loss == pytest.approx(loss, rel=1e-5)
    assert np.linalg.norm(jax_step - step) < 1e-3 * np.linalg.norm(step)
