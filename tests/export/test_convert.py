import dataclasses

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_models import LABELS, case, contract_of, float_file

from tfderm.errors import CheckFailed, InputError
from tfderm.export.convert import convert, unfolded_batch_norms
from tfderm.export.parity import keras_outputs, litert_outputs
from tfderm.runtime.graph import Graph


def image_model(body, image_size=(8, 8)):
    image = keras.Input((*image_size, 3), dtype="uint8", name="image")
    return keras.Model(image, body(keras.layers.Rescaling(1 / 255)(image)))


def test_signature_has_named_uint8_input_and_float_outputs_with_batch_one():
    runner = Interpreter(model_content=float_file("severity")).get_signature_runner("serving_default")
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    described = {name: (tuple(detail["shape"]), detail["dtype"]) for name, detail in (inputs | outputs).items()}
    assert list(inputs) == ["image"]
    assert described == {
        "image": ((1, 32, 32, 3), np.uint8),
        "severity": ((1, 1), np.float32),
        "location_map_4": ((1, 8, 8, 1), np.float32),
    }


@pytest.mark.parametrize("kind", ["classifier", "severity"])
def test_outputs_equal_keras(kind):
    model, contract, images, _ = case(kind)
    reference = keras_outputs(model, images.batches())
    candidate = litert_outputs(float_file(kind), contract, images.batches())
    for name in reference:
        np.testing.assert_allclose(candidate[name], reference[name], atol=1e-4)


def test_batch_normalisation_is_folded_into_the_convolutions():
    graph = Graph.read(float_file("classifier"))
    normalise, rest = [op.name for op in graph.ops[:3]], [op.name for op in graph.ops[3:]]
    assert normalise == ["CAST", "MUL", "ADD"]  # The pixels'.
    assert rest == ["CONV_2D", "CONV_2D", "MEAN", "FULLY_CONNECTED", "SOFTMAX"]
    assert unfolded_batch_norms(graph) == []


def test_batch_normalisation_that_cannot_be_folded_is_refused():
    def body(tensor):
        tensor = keras.layers.Conv2D(4, 3, name="shared")(tensor)
        normalised = keras.layers.BatchNormalization(gamma_initializer="random_normal")(tensor)
        joined = keras.layers.GlobalAveragePooling2D()(keras.layers.Concatenate()([tensor, normalised]))
        return {"probabilities": keras.layers.Dense(3, activation="softmax")(joined)}

    model = image_model(body)
    with pytest.raises(CheckFailed, match="batch normalisation is not folded"):
        convert(model, contract_of(model, LABELS))


def test_operator_without_builtin_form_is_refused_by_name():
    def body(tensor):
        tensor = keras.layers.Flatten()(keras.ops.erfinv(tensor * 0.9))
        return {"probabilities": keras.layers.Dense(3, activation="softmax")(tensor)}

    model = image_model(body)
    with pytest.raises(CheckFailed, match="Erfinv") as error:
        convert(model, contract_of(model, LABELS))
    assert "\n" not in str(error.value)


def test_dropout_is_off():
    def body(tensor):
        tensor = keras.layers.Dropout(0.9)(keras.layers.Flatten()(tensor))
        return {"probabilities": keras.layers.Dense(3, activation="softmax")(tensor)}

    model = image_model(body)
    contract = contract_of(model, LABELS)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    batches = [{"image": pixels}]
    candidate = litert_outputs(convert(model, contract), contract, batches)
    np.testing.assert_allclose(candidate["probabilities"], keras_outputs(model, batches)["probabilities"], atol=1e-5)


@pytest.mark.parametrize("field", ["image", "outputs"])
def test_contract_of_another_model_is_refused(field):
    model, contract, _, _ = case("classifier")
    other = case("severity")[1]
    with pytest.raises(InputError, match="differs? from its contract"):
        convert(model, dataclasses.replace(contract, **{field: getattr(other, field)}))


def test_other_backend_is_refused(monkeypatch):
    model, contract, _, _ = case("classifier")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match="KERAS_BACKEND=tensorflow"):
        convert(model, contract)
