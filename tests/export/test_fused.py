"""A model that reads metadata, as a file: named inputs in any order, whole encodings, the arithmetic of int8."""

import itertools

import numpy as np
import pytest
from small_models import METADATA, case, exported, fused, patients

from tfderm.contract import METADATA_INPUTS
from tfderm.errors import InputError
from tfderm.export.convert import SIGNATURE
from tfderm.export.parity import keras_outputs, litert_outputs
from tfderm.runtime.benchmark import benchmark
from tfderm.runtime.predictor import LiteRTModel, Predictor
from tfderm.runtime.replay import replay_golden

SCHEMES = ("float32", "dynamic_wi8_afp32", "static_wi8_ai8")


def not_pale():
    """An image of one of the two classes that age tells apart."""
    inputs, labels = patients(8, (16, 16), seed=5)
    return inputs["image"][np.flatnonzero(labels)[0]]


@pytest.fixture(params=SCHEMES)
def bundle(request):
    return exported("fused", request.param)


def test_age_decides_what_the_image_cannot():
    """What the model is for: without metadata two of its three classes cannot be told apart."""
    inputs, labels = patients(256, (16, 16), seed=7)
    known = inputs | {"metadata_known": np.ones((256, 2), np.float32)}
    nothing = inputs | {"metadata_known": np.zeros((256, 2), np.float32)}
    with_it, without = (
        np.mean(keras_outputs(fused(), [given])["probabilities"].argmax(1) == labels) for given in (known, nothing)
    )
    assert with_it > 0.95 and without < 0.8  # One third is pale; half of the rest is right by chance: 2/3.


def test_inputs_are_named_and_their_order_means_nothing(bundle):
    model = LiteRTModel(bundle.model_path.read_bytes(), bundle.contract)
    runner = model.interpreter.get_signature_runner(SIGNATURE)
    assert set(runner.get_input_details()) == {"image", *METADATA_INPUTS}
    inputs, _ = patients(1, (16, 16), seed=4)
    answers = [
        runner(**{name: inputs[name] for name in order})["probabilities"] for order in itertools.permutations(inputs)
    ]
    assert all(np.array_equal(answer, answers[0]) for answer in answers)


def test_the_file_answers_as_keras_does(bundle):
    model, contract, images, _ = case("fused")
    reference = keras_outputs(model, images.batches())["probabilities"]
    candidate = litert_outputs(bundle.model_path.read_bytes(), contract, images.batches())["probabilities"]
    assert bundle.parity["passed"]
    assert np.mean(reference.argmax(1) == candidate.argmax(1)) >= 0.98
    if bundle.scheme == "float32":
        np.testing.assert_allclose(candidate, reference, atol=1e-5)


def test_a_year_of_age_is_not_rounded_away():
    """In int8 the position of a word and an age would share one scale of 0.37; the encoding stays in float."""
    bundle = exported("fused", "static_wi8_ai8")
    model = LiteRTModel(bundle.model_path.read_bytes(), bundle.contract)
    image = not_pale()
    mask = np.ones(2, np.float32)
    ages = np.arange(40, 60, dtype=np.float32)
    rows = [model(image, metadata=np.array([age, 1], np.float32), metadata_known=mask) for age in ages]
    answers = np.array([row["probabilities"] for row in rows])
    assert len(np.unique(answers.max(axis=1))) > len(ages) // 2


def test_golden_vectors_test_the_encoding(bundle):
    checks = replay_golden(bundle)
    assert all(check["passed"] for check in checks)
    assert sum("metadata" in check["name"] for check in checks) == 2 * len(bundle.golden["images"])
    masks = [entry["metadata_known"] for entry in bundle.golden["images"]]
    assert masks == [[1, 1], [0, 0], [1, 0], [0, 0]]  # all, nothing, every second, what training never saw


def test_the_predictor_reads_a_patient(bundle):
    predictor = Predictor(bundle)
    image = not_pale()
    young, old = (predictor.answer(image, {"age": age})["probabilities"] for age in (20, 80))
    assert young["red"] > 0.5 > old["red"]
    assert predictor.answer(image, {"age": 120}) == predictor.answer(image)
    with pytest.raises(InputError, match="age must be a number"):
        predictor.answer(image, {"age": "old"})


def test_a_model_needs_all_of_its_inputs(bundle):
    model = LiteRTModel(bundle.model_path.read_bytes(), bundle.contract)
    image = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(InputError, match="has the inputs image, metadata, metadata_known; received image"):
        model(image)
    with pytest.raises(InputError, match=r"metadata: expected float32 \(2,\), received float64 \(2,\); encode it"):
        model(image, metadata=np.zeros(2), metadata_known=np.zeros(2, np.float32))


def test_it_can_be_benchmarked(tmp_path):
    result = benchmark(exported("fused", "float32"), warmup=1, runs=2, write=False)
    assert result["macs"] > 0 and result["results"][0]["min_ms"] > 0


def test_the_contract_tells_how_columns_are_encoded(bundle):
    assert bundle.contract.metadata == METADATA
    assert list(bundle.contract.inputs) == ["image", *METADATA_INPUTS]


def test_the_model_card_names_what_is_read_of_the_patient(bundle):
    card = (bundle.path / "MODEL_CARD.md").read_text()
    assert "- of the patient, where known: age (5 to 95 years)." in card
    assert "- of the patient, where known: site (arm, back, leg)." in card
