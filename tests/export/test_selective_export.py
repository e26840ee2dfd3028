"""A classifier that says when it is sure, from its validation split to the answer of the phone's arithmetic."""

import dataclasses
import functools
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest
from small_models import LABELS, case, classifier, colour_images, contract_of, held_out, named_images

from tfderm.cli.predict import _words
from tfderm.errors import CheckFailed
from tfderm.export.bundle import build_bundle
from tfderm.export.convert import convert
from tfderm.export.parity import compare, keras_outputs, litert_outputs
from tfderm.export.quantize import answer_ops
from tfderm.export.selective import logits, measure_selective
from tfderm.export.suitability import last_features, measure_suitability, with_measures
from tfderm.export.uncertainty import with_answers, with_uncertainty
from tfderm.metrics import tempered
from tfderm.runtime.graph import LINEAR, Graph
from tfderm.runtime.predictor import Predictor, interpret
from tfderm.runtime.replay import replay_golden

SIZE = (24, 24)


def photographs(count, seed):
    """Coloured images with structure of a few pixels, a third of them of no clear class."""
    images, labels = colour_images(count, SIZE, seed)
    rng = np.random.default_rng(seed + 100)
    flat = images.mean(axis=(1, 2), keepdims=True)
    other = flat[rng.permutation(count)]
    mixed = flat + (other - flat) * (rng.random((count, 1, 1, 1)) < 0.35) * rng.random((count, 1, 1, 1))
    texture = np.stack([cv2.GaussianBlur(rng.normal(0, 25, SIZE), (0, 0), 0.7) for _ in range(count)])
    return np.clip(mixed + texture[..., None], 0, 255).astype(np.uint8), labels


@functools.cache
def trained():
    keras.utils.set_random_seed(0)
    twin = keras.models.clone_model(classifier(SIZE))
    images, labels = photographs(400, 1)
    losses = {"probabilities": "sparse_categorical_crossentropy"}
    twin.compile(keras.optimizers.Adam(1e-2), loss=losses, jit_compile=False)
    twin.fit(images, {"probabilities": labels}, batch_size=40, epochs=6, verbose=0)
    return twin


def run_images(model, wanted_accuracy=0.9, count=600):
    """What `measure_selective` takes of a run: a validation and a training split of photographs."""
    parts = {"validation": photographs(count, 2), "train": photographs(400, 1)}
    return SimpleNamespace(
        held_out=lambda split, limit=None: held_out(*parts[split]),
        run=SimpleNamespace(
            contract=contract_of(model, LABELS), recipe=SimpleNamespace(wanted_accuracy=wanted_accuracy)
        ),
    )


@functools.cache
def answering():
    """(model with its answers, its contract, subspace) measured once."""
    model = trained()
    measured, subspace = measure_selective(model, run_images(model))
    contract = with_uncertainty(contract_of(model, LABELS), measured)
    return with_answers(model, contract, subspace), contract, subspace


def bundle_of(scheme, folder, count=600):
    model, contract, subspace = answering()
    return build_bundle(
        model,
        contract,
        scheme=scheme,
        output=folder / scheme,
        held_out=held_out(*photographs(count, 3)),
        calibration=named_images(photographs(32, 4)[0]),
        subspace=subspace,
    )


def test_what_is_measured_is_what_the_validation_images_say():
    model, contract, _ = answering()
    images, y_true = photographs(600, 2)
    outputs = keras_outputs(model, [{"image": images}])
    raw = keras_outputs(trained(), [{"image": images}])["probabilities"]
    measured = contract.uncertainty
    np.testing.assert_allclose(outputs["probabilities"], tempered(np.log(raw), measured["temperature"]), atol=1e-5)
    np.testing.assert_array_equal(outputs["probabilities"].argmax(axis=1), raw.argmax(axis=1))
    answered = outputs["answered"][:, 0] == 1
    right = raw.argmax(axis=1) == y_true
    assert 0.3 < answered.mean() < 1 and right.mean() < 0.9 <= right[answered].mean()
    assert measured["abstention"]["coverage"]["value"] == pytest.approx(answered.mean())
    assert measured["abstention"]["accuracy"]["value"] == pytest.approx(right[answered].mean())
    held = outputs["prediction_set"][np.arange(600), y_true]
    for index in range(3):  # The rank of the definition among n of a class holds ceil(0.9 (n + 1)) of them.
        n = np.sum(y_true == index)
        assert np.sum(held[y_true == index]) == pytest.approx(np.ceil(0.9 * (n + 1)), abs=1)


@pytest.mark.parametrize(("scheme", "least"), [("float32", 0.999), ("static_wi8_ai8", 0.98)])
def test_the_file_abstains_where_keras_does(scheme, least, tmp_path):
    model, contract, _ = answering()
    bundle = bundle_of(scheme, tmp_path)
    images, _ = photographs(600, 3)
    reference = keras_outputs(model, [{"image": images}])
    candidate = litert_outputs(bundle.model_path.read_bytes(), contract, [{"image": images}])
    for name in ("answered", "prediction_set", "unsuitable"):
        assert set(np.unique(candidate[name])) <= {0.0, 1.0}
        assert np.mean((reference[name] == candidate[name]).all(axis=1)) >= least
    before, after = (outputs["probabilities"].max(axis=1) for outputs in (reference, candidate))
    flips = reference["answered"][:, 0] != candidate["answered"][:, 0]
    threshold = contract.uncertainty["abstention"]["threshold"]
    assert np.all(np.abs(before - threshold)[flips] <= np.abs(after - before)[flips])
    assert all(check["passed"] for check in bundle.parity["checks"]) and (bundle.path / "features.npz").is_file()
    assert all(check["passed"] for check in replay_golden(bundle))
    graph = Graph.read(bundle.model_path.read_bytes())
    assert {graph.tensors[index].dtype for index in graph.outputs} == {"float32"}
    if scheme != "float32":
        assert bundle.quantization["int8_macs_share"] > 0.8


@pytest.mark.parametrize("scheme", ["dynamic_wi8_afp32", "float16", "mixed"])
def test_every_scheme_computes_the_answers_in_float(scheme, tmp_path):
    content = bundle_of(scheme, tmp_path, count=200).model_path.read_bytes()
    graph = Graph.read(content)
    components = answering()[2].components
    weights = [t for t in graph.tensors if t.constant and t.shape in (components.shape, components.shape[::-1])]
    assert weights and {tensor.dtype for tensor in weights} == {"float32"}


def test_answer_operators_are_those_of_the_answers_alone():
    model, contract, _ = answering()
    graph = Graph.read(convert(model, contract))
    answers = answer_ops(graph, ["answered", "prediction_set", "unsuitable"])
    ops = {graph.tensors[op.outputs[0]].name: op.name for op in graph.ops}
    assert {"SOFTMAX", "GREATER_EQUAL", "AVERAGE_POOL_2D", "GREATER"} <= {ops[name] for name in answers}
    in_network = [name for name, op in ops.items() if op in LINEAR and name not in answers]
    assert len(in_network) == 3 and sum(ops[name] in LINEAR for name in answers) == 1  # The subspace.
    assert answer_ops(graph, []) == []


def test_spoiled_photographs_are_named_and_ordinary_ones_pass(tmp_path):
    predictor = Predictor(bundle_of("float32", tmp_path))
    stated = predictor.contract.uncertainty["suitability"]["share"]
    images, _ = photographs(600, 5)
    turned_away = np.mean([bool(predictor.answer(image)["unsuitable"]) for image in images])
    assert turned_away <= stated + 3 * np.sqrt(stated / 600)
    green = np.random.default_rng(0).normal((60, 180, 60), 20, (20, *SIZE, 3))
    spoiled = {
        "blurred": [cv2.GaussianBlur(image, (0, 0), 2) for image in images[:20]],
        "too dark": list(images[:20] // 12),
        "burnt out": list(np.clip(images[:20].astype(int) + 200, 0, 255).astype(np.uint8)),
        "hardly any skin": list(images[:20, :, :, ::-1]),
        "unlike the images it was trained on": list(np.clip(green, 0, 255).astype(np.uint8)),
    }
    checked = {check["words"] for check in predictor.contract.uncertainty["suitability"]["checks"]}
    for reason in checked:
        answers = [predictor.answer(image) for image in spoiled[reason]]
        assert np.mean([reason in answer["unsuitable"] for answer in answers]) >= 0.9, reason
        assert not any(answer["sure"] for answer in answers if answer["unsuitable"])


def test_limits_are_quantiles_and_never_count_dark_skin_as_darkness():
    rng = np.random.default_rng(0)

    def outputs(count, brightness, skin):
        columns = {"sharpness": rng.uniform(0.3, 1, count), "burnt_share": np.zeros(count)}
        columns |= {"brightness": rng.uniform(brightness, 220, count), "skin_share": rng.uniform(skin, 1, count)}
        return {name: values[:, None] for name, values in columns.items()} | {"features": rng.normal(size=(count, 8))}

    training, validation = outputs(1500, 90, 0.4), outputs(499, 90, 0.4)
    measured, subspace = measure_suitability(training, validation)
    limits = {check["name"]: check["limit"] for check in measured["checks"]}
    sharpness = np.sort(np.concatenate([training["sharpness"], validation["sharpness"]])[:, 0])
    assert limits["sharpness"] == pytest.approx(sharpness[1])  # Rank ceil(2000 * 0.999) of 1999 from above.
    assert limits["brightness"] == 40 and limits["burnt_share"] == 0.25
    # Rank ceil(500 * 0.994) = 497 of 499.
    assert limits["unfamiliarity"] == pytest.approx(np.sort(subspace.distance(validation["features"]))[496])
    assert measured["share"] == pytest.approx(0.01) and measured["left_out"] == {}
    measured, _ = measure_suitability(outputs(1500, 90, 0.0), validation)
    assert list(measured["left_out"]) == ["skin_share"] and measured["share"] == pytest.approx(0.009)
    few, _ = measure_suitability(outputs(30, 90, 0.4), outputs(9, 90, 0.4))
    assert few["share"] == pytest.approx(4 / 40 + 1 / 10)


def test_logits_and_features_are_found_in_every_head():
    for model, width in ((trained(), 16), (case("classifier")[0], 16)):
        images = np.zeros((2, *model.input.shape[1:3], 3), np.uint8)
        probing = keras.Model(model.input, {"logits": logits(model), "features": last_features(model)})
        outputs = {name: np.asarray(values) for name, values in probing(images).items()}
        np.testing.assert_allclose(
            tempered(outputs["logits"], 1.0), np.asarray(model(images)["probabilities"]), atol=1e-6
        )
        assert outputs["features"].shape == (2, width)
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    maps = keras.layers.Conv2D(6, 3, name="maps")(keras.layers.Rescaling(1 / 255)(image))
    scores = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 1)(maps))
    scores = keras.layers.Add()([scores, keras.layers.Dense(3)(keras.layers.Flatten()(image))])
    model = keras.Model(image, {"probabilities": keras.layers.Softmax(name="probabilities")(scores)})
    assert with_measures(model).output["features"].shape == (None, 6 + 192)


def test_no_cut_off_and_no_sets_are_said(capsys):
    model = trained()
    measured, subspace = measure_selective(model, run_images(model, wanted_accuracy=1.0))
    contract = with_uncertainty(contract_of(model, LABELS), measured)
    assert "no cut-off in this bundle: at no confidence are 100%" in capsys.readouterr().err
    assert measured["abstention"] == {"wanted_accuracy": 1.0, "smallest": 30, "threshold": None}
    assert {output.name for output in contract.outputs} == {"probabilities", "unsuitable", "prediction_set"}
    assert set(with_answers(model, contract, subspace).output) == {"probabilities", "unsuitable", "prediction_set"}
    measured, _ = measure_selective(model, run_images(model, count=8))
    assert "sets" not in measured and "no prediction sets in this bundle" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["answered", "prediction_set"])
def test_answers_that_do_not_follow_from_the_probabilities_are_refused(name):
    model, contract, _ = answering()
    images, y_true = photographs(200, 3)
    reference = keras_outputs(model, [{"image": images}])
    parity = compare(contract, "static_wi8_ai8", reference, reference, held_out(images, y_true))
    assert parity["passed"], parity["checks"]
    candidate = {key: values.copy() for key, values in reference.items()}
    sure = int(np.argmax(reference["probabilities"].max(axis=1)))
    candidate[name][sure] = 1 - candidate[name][sure]
    parity = compare(contract, "static_wi8_ai8", reference, candidate, held_out(images, y_true))
    assert f"{name} misses the probabilities'" in [c["name"] for c in parity["checks"] if not c["passed"]]


def test_another_threshold_in_the_graph_is_refused(tmp_path):
    model, contract, subspace = answering()
    abstention = {**contract.uncertainty["abstention"], "threshold": 0.99}
    other = dataclasses.replace(contract, uncertainty={**contract.uncertainty, "abstention": abstention})
    images, y_true = photographs(100, 3)
    with pytest.raises(CheckFailed, match="answered misses the probabilities'"):
        build_bundle(
            model,
            other,
            scheme="float32",
            output=tmp_path / "b",
            held_out=held_out(images, y_true),
            calibration={},
            subspace=subspace,
        )


def test_answers_in_words():
    _, contract, _ = answering()
    reasons = [check["words"] for check in contract.uncertainty["suitability"]["checks"]]
    outputs = {
        "probabilities": np.float32([0.5, 0.3, 0.2]),
        "answered": np.float32([0]),
        "prediction_set": np.float32([1, 1, 0]),
        "unsuitable": np.zeros(len(reasons), np.float32),
    }
    answer = interpret(contract, outputs)
    assert (answer["sure"], answer["set"], answer["set_level"], answer["unsuitable"]) == (
        False,
        ["pale", "red"],
        0.9,
        [],
    )
    assert _words(answer) == "not sure: Pale 50.0% (pale 50.0%, red 30.0%, dark 20.0%); 90% set: pale, red"
    outputs |= {"answered": np.float32([1]), "prediction_set": np.zeros(3, np.float32)}
    assert _words(interpret(contract, outputs)).startswith("Pale 50.0%")
    assert _words(interpret(contract, outputs)).endswith("90% set: none of these")
    outputs["unsuitable"][[0, 1]] = 1
    answer = interpret(contract, outputs)
    assert answer["sure"] is False and answer["unsuitable"] == reasons[:2]
    assert _words(answer).startswith("unsuitable image: blurred, too dark; otherwise Pale")
