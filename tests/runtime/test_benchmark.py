import json
import math
import shutil

import keras
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from small_models import contract_of, exported

from tfderm.cli import benchmark as benchmark_command
from tfderm.errors import InputError
from tfderm.export.convert import convert
from tfderm.runtime.benchmark import benchmark, cpu, delegated_ops, peak_memory
from tfderm.runtime.bundle import load_bundle
from tfderm.runtime.graph import Graph


@pytest.fixture(scope="module")
def counted():
    """A network whose multiply-accumulates are counted by hand below; 12x10 pixels."""
    image = keras.Input((12, 10, 3), dtype="uint8", name="image")
    tensor = keras.layers.Rescaling(1 / 255)(image)
    tensor = keras.layers.Conv2D(4, (3, 5), strides=2, padding="same")(tensor)  # -> 6x5x4
    tensor = keras.layers.DepthwiseConv2D(3, padding="same")(tensor)  # -> 6x5x4
    tensor = keras.layers.Conv2DTranspose(2, 2, strides=2)(tensor)  # -> 12x10x2
    left = keras.layers.Reshape((60, 4))(tensor)
    product = keras.ops.matmul(left, keras.ops.transpose(left, (0, 2, 1)))  # (60, 4) x (4, 60)
    tensor = keras.layers.Dense(7)(keras.layers.Flatten()(product))
    model = keras.Model(image, {"probabilities": keras.layers.Softmax()(tensor)})
    return convert(model, contract_of(model, tuple("abcdefg")))


def test_macs_equal_hand_computed_numbers(counted):
    graph = Graph.read(counted)
    macs = {}
    for op in graph.ops:
        macs[op.name] = macs.get(op.name, 0) + graph.macs(op)
    assert {name: value for name, value in macs.items() if value} == {
        "CONV_2D": 6 * 5 * 4 * (3 * 5 * 3),
        "DEPTHWISE_CONV_2D": 6 * 5 * 4 * (3 * 3),
        "TRANSPOSE_CONV": 6 * 5 * 4 * (2 * 2 * 2),
        "BATCH_MATMUL": 60 * 60 * 4,
        "FULLY_CONNECTED": 60 * 60 * 7,
    }
    assert graph.total_macs == sum(macs.values())


def test_graph_agrees_with_the_interpreter(counted):
    graph = Graph.read(counted)
    interpreter = Interpreter(
        model_content=counted, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    operators = interpreter._get_ops_details()
    assert [op.name for op in graph.ops] == [entry["op_name"] for entry in operators]
    assert [set(op.outputs) for op in graph.ops] == [set(entry["outputs"].tolist()) for entry in operators]
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    assert all(tensor.name == details[index]["name"] for index, tensor in enumerate(graph.tensors))
    assert all(math.prod(t.shape) == math.prod(details[i]["shape"]) for i, t in enumerate(graph.tensors))


def test_delegate_takes_the_arithmetic_but_not_the_cast(counted):
    graph = Graph.read(counted)
    delegated = {op.name for op in delegated_ops(counted, graph)}
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"} <= delegated
    assert "CAST" not in delegated


def test_graph_of_something_else_is_refused():
    with pytest.raises(InputError, match="TFL3"):
        Graph.read(b"PK\x03\x04 not a model")


def test_benchmark_is_written_into_the_bundle_which_stays_valid(tmp_path):
    folder = shutil.copytree(exported("classifier", "float32").path, tmp_path / "bundle")
    result = benchmark(load_bundle(folder), threads=(1, 2), warmup=1, runs=5)
    assert json.loads((folder / "benchmark.json").read_text()) == result
    load_bundle(folder)
    assert [row["threads"] for row in result["results"]] == [1, 2]
    for row in result["results"]:
        assert 0 < row["min_ms"] <= row["median_ms"] <= row["p90_ms"]
    assert result["size_bytes"] == (folder / "model.tflite").stat().st_size
    assert result["macs"] == 16 * 16 * 8 * 27 + 8 * 8 * 16 * 72 + 16 * 3
    assert result["delegated_share"] == 1.0 and 0 < result["delegated_ops_share"] < 1
    assert result["peak_memory_mib"] > result["baseline_memory_mib"] > 5


def test_peak_memory_counts_the_weights(tmp_path):
    image = keras.Input((16, 16, 3), dtype="uint8", name="image")
    tensor = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    tensor = keras.layers.Dense(8192)(tensor)  # 24 MiB of float32 weights.
    model = keras.Model(image, {"probabilities": keras.layers.Dense(3, activation="softmax")(tensor)})
    path = tmp_path / "large.tflite"
    path.write_bytes(convert(model, contract_of(model, ("a", "b", "c"))))
    before, peak = peak_memory(path)
    assert peak - before > 24


def test_memory_of_a_broken_model_is_an_error(tmp_path):
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="broken.tflite"):
        peak_memory(path)


@pytest.mark.parametrize("changes", [{"threads": (0,)}, {"threads": ()}, {"runs": 0}, {"warmup": -1}])
def test_counts_below_one_are_refused(changes):
    with pytest.raises(InputError, match="too small"):
        benchmark(exported("classifier", "float32"), write=False, **changes)


def test_cpu_names_the_processor():
    processor = cpu()
    assert processor["model"] and isinstance(processor["features"], list)


def test_command_prints_json(tmp_path, capsys):
    import argparse

    folder = shutil.copytree(exported("classifier", "float32").path, tmp_path / "bundle")
    parser = argparse.ArgumentParser()
    benchmark_command.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["benchmark", str(folder), "--threads", "1", "--runs", "3", "--json"])
    assert arguments.run(arguments) == 0
    assert json.loads(capsys.readouterr().out)[str(folder)]["results"][0]["runs"] == 3
