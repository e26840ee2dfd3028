import re

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from small_models import case, contract_of, float_file

from tfderm import models
from tfderm.errors import InputError
from tfderm.export.convert import convert
from tfderm.export.parity import compare, keras_outputs, litert_outputs
from tfderm.export.quantize import SCHEMES, build_recipe, calibrate, op_sensitivities, quantize, sensitive_ops
from tfderm.runtime.graph import Graph

CONVOLUTION_WEIGHTS = {
    "float16": "float16",
    "dynamic_wi8_afp32": "int8",
    "weight_only_wi8_afp32": "int8",
    "static_wi8_ai8": "int8",
    "mixed": "int8",
}


def quantized(kind, scheme):
    content = float_file(kind)
    calibration = calibrate(content, case(kind)[3].values()) if scheme in ("static_wi8_ai8", "mixed") else None
    float_ops = sensitive_ops(Graph.read(content)) if scheme == "mixed" else ()
    return quantize(content, build_recipe(scheme, float_ops), calibration)


@pytest.mark.parametrize("scheme", SCHEMES[1:])
@pytest.mark.parametrize("kind", ["classifier", "severity"])
def test_every_scheme_keeps_the_interface_and_stores_its_weights(kind, scheme):
    content = quantized(kind, scheme)
    graph = Graph.read(content)
    assert [graph.tensors[index].dtype for index in graph.inputs] == ["uint8"]
    assert {graph.tensors[index].dtype for index in graph.outputs} == {"float32"}
    assert Interpreter(model_content=content).get_signature_list()["serving_default"]["inputs"] == ["image"]
    constants = [tensor for tensor in graph.tensors if tensor.constant]
    kernels = {tensor.dtype for tensor in constants if len(tensor.shape) == 4 and tensor.shape[1] == 3}
    assert kernels == {CONVOLUTION_WEIGHTS[scheme]}
    activations = {graph.tensors[op.outputs[0]].dtype for op in graph.ops if op.name == "CONV_2D"}
    assert ("int8" in activations) == (scheme in ("static_wi8_ai8", "mixed"))


@pytest.mark.parametrize("scheme", SCHEMES[1:])
@pytest.mark.parametrize("kind", ["classifier", "severity"])
def test_every_scheme_is_within_budget_but_the_sum_in_eight_bits(kind, scheme):
    model, contract, images, _ = case(kind)
    reference = keras_outputs(model, images.batches())
    candidate = litert_outputs(quantized(kind, scheme), contract, images.batches())
    parity = compare(contract, scheme, reference, candidate, images)
    assert parity["passed"] == ((kind, scheme) != ("severity", "static_wi8_ai8")), parity["checks"]


def test_calibration_keeps_the_true_range_of_every_output():
    model, contract, _, calibration = case("severity")
    ranges = calibrate(float_file("severity"), calibration.values())
    images = np.stack([sample["image"] for sample in calibration.values()])
    scores = keras_outputs(model, [{"image": images}])["severity"]
    graph = Graph.read(float_file("severity"))
    name = next(graph.tensors[index].name for index in graph.outputs if graph.tensors[index].shape == (1, 1))
    assert float(ranges[name]["min"].item()) == pytest.approx(scores.min(), abs=1e-3)
    assert float(ranges[name]["max"].item()) == pytest.approx(scores.max(), abs=1e-3)


def test_static_schemes_need_images():
    with pytest.raises(InputError, match="representative images"):
        calibrate(float_file("classifier"), [])
    with pytest.raises(InputError, match="calibration"):
        quantize(float_file("classifier"), build_recipe("static_wi8_ai8"), None)


def test_unknown_scheme_is_refused():
    with pytest.raises(InputError, match="static_wi8_ai8"):
        build_recipe("int4")


def test_recipe_names_the_float_operators_and_no_others():
    entries = [entry for entry in build_recipe("mixed", ["a/b", "a"]) if entry["algorithm_key"] == "no_quantize"]
    scopes = ("a;", "a/b;", "a/b/c;", "x/a;")
    matches = [[scope for scope in scopes if re.search(entry["regex"], scope)] for entry in entries]
    assert matches[2:] == [["a/b;"], ["a;"]]


def test_sensitive_operators_lie_behind_the_last_convolutions():
    graph = Graph.read(float_file("severity"))
    names = {graph.tensors[op.outputs[0]].name: op.name for op in graph.ops}
    kept = {names[name] for name in sensitive_ops(graph)}
    assert {"SUM", "MEAN", "REDUCE_MAX", "LOGISTIC", "FULLY_CONNECTED", "MUL"} <= kept
    assert "CONV_2D" not in kept
    assert [names[name] for name in sensitive_ops(graph)][:3] == ["CAST", "MUL", "ADD"]  # The pixels' normalisation.


def test_mirrored_pixels_are_normalised_in_float():
    model = models.create_model("cnd", image_size=(32, 40), filters=(8, 16), colour_histogram=False)
    graph = Graph.read(convert(model, contract_of(model, ("a", "b", "c"))))
    kept = set(sensitive_ops(graph))
    before = graph.ops[: next(op.index for op in graph.ops if op.name == "CONV_2D")]
    assert [op.name for op in before] == [*3 * ["REVERSE_V2"], "CONCATENATION", "CAST", "MUL", "ADD"]
    assert {graph.tensors[op.outputs[0]].name for op in before} <= kept


def test_mixed_computes_the_sums_in_float():
    graph = Graph.read(quantized("severity", "mixed"))
    for op in graph.ops:
        if op.name in ("SUM", "REDUCE_MAX"):
            assert {graph.tensors[index].dtype for index in graph.variable_inputs(op)} == {"float32"}
    assert sum(op.name == "SUM" for op in graph.ops) == 2


def test_sampling_coordinates_stay_float():
    ops = keras.ops
    image = keras.Input((16, 16, 3), dtype="uint8", name="image")
    tensor = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(keras.layers.Rescaling(1 / 255)(image))
    where = keras.layers.Conv2D(1, 1, name="locate")(tensor)
    position = ops.clip(ops.reshape(where, (-1, 256)) * 8, 0, 14)
    cell = ops.floor(position)
    weight = ops.reshape(position - cell, (-1, 256, 1))
    flat = ops.reshape(tensor, (256, 4))
    left = ops.take(flat, ops.reshape(ops.cast(cell, "int32"), (256,)), axis=0)
    right = ops.take(flat, ops.reshape(ops.cast(cell, "int32"), (256,)) + 1, axis=0)
    sampled = ops.reshape(left, (-1, 256, 4)) * (1 - weight) + ops.reshape(right, (-1, 256, 4)) * weight
    sampled = keras.layers.Conv2D(3, 16, name="after")(ops.reshape(sampled, (-1, 16, 16, 4)))
    model = keras.Model(image, {"probabilities": keras.layers.Softmax()(ops.reshape(sampled, (-1, 3)))})
    graph = Graph.read(convert(model, contract_of(model, ("a", "b", "c"))))
    names = {graph.tensors[op.outputs[0]].name: op.name for op in graph.ops}
    kept = [names[name] for name in sensitive_ops(graph)]
    assert {"FLOOR", "SUB"} <= set(kept)
    assert "GATHER" not in kept and "CONV_2D" not in kept


def test_sensitivity_is_the_error_of_one_operator_alone():
    content, samples = float_file("severity"), list(case("severity")[3].values())
    calibration = calibrate(content, samples)
    errors = op_sensitivities(content, "static_wi8_ai8", calibration, samples[:4])
    assert list(errors.values()) == sorted(errors.values(), reverse=True)
    graph = Graph.read(content)
    first = next(graph.tensors[op.outputs[0]].name for op in graph.ops if op.name == "CONV_2D")
    others = [graph.tensors[op.outputs[0]].name for op in graph.ops if graph.tensors[op.outputs[0]].name != first]
    alone = quantize(content, build_recipe("static_wi8_ai8", others), calibration)
    contract = case("severity")[1]
    batches = [{"image": np.stack([sample["image"] for sample in samples[:4]])}]
    expected, received = (litert_outputs(file, contract, batches) for file in (content, alone))
    relative = [
        np.sqrt(np.mean((received[name] - expected[name]) ** 2) / np.mean(expected[name] ** 2)) for name in expected
    ]
    assert errors[first] == pytest.approx(np.mean(relative), rel=1e-4)
    assert not any(name in errors for name in ("functional_1/Max", "psenet"))  # REDUCE_MAX has no 8-bit form.


def test_operators_of_shared_weights_answer_together():
    image = keras.Input((16, 16, 3), dtype="uint8", name="image")
    tensor = keras.layers.Conv2D(4, 3, padding="same")(keras.layers.Rescaling(1 / 255)(image))
    shared = keras.layers.Conv2D(4, 3, padding="same", activation="relu")
    outputs = [
        keras.layers.GlobalAveragePooling2D()(shared(maps)) for maps in (tensor, keras.layers.MaxPooling2D()(tensor))
    ]
    model = keras.Model(image, {"probabilities": keras.layers.Softmax()(keras.layers.Add()(outputs))})
    content = convert(model, contract_of(model, ("a", "b", "c", "d")))
    graph = Graph.read(content)
    convolutions = [op for op in graph.ops if op.name == "CONV_2D"]
    first, *twins = [graph.tensors[op.outputs[0]].name for op in convolutions]
    assert len(twins) == 2 and len({op.inputs[1] for op in convolutions}) == 2
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    errors = op_sensitivities(content, "float16", None, [{"image": image} for image in images])
    assert errors[twins[0]] == errors[twins[1]] != errors[first]
