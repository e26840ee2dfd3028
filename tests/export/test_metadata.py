import io
import json
import zipfile

import flatbuffers
import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import number_types
from flatbuffers.table import Table
from small_models import LABELS, case, contract_of, float_file

from tfderm.contract import ModelContract
from tfderm.export.convert import convert
from tfderm.export.metadata import pack
from tfderm.export.quantize import build_recipe, quantize
from tfderm.runtime.graph import Graph


class Reader:
    """Fields of a FlatBuffers table by position in the published metadata_schema.fbs."""

    def __init__(self, table):
        self.table = table

    @classmethod
    def root(cls, data):
        return cls(Table(data, flatbuffers.encode.Get(number_types.UOffsetTFlags.packer_type, data, 0)))

    def _position(self, field):
        offset = self.table.Offset(4 + 2 * field)
        return offset + self.table.Pos if offset else None

    def text(self, field):
        return self.table.String(self._position(field)).decode()

    def child(self, field):
        return Reader(Table(self.table.Bytes, self.table.Indirect(self._position(field))))

    def number(self, field, flags):
        return self.table.Get(flags, self._position(field))

    def children(self, field):
        offset = self.table.Offset(4 + 2 * field)
        start = self.table.Vector(offset)
        return [
            Reader(Table(self.table.Bytes, self.table.Indirect(start + 4 * index)))
            for index in range(self.table.VectorLen(offset))
        ]

    def floats(self, field):
        return self.table.GetVectorAsNumpy(number_types.Float32Flags, self.table.Offset(4 + 2 * field)).tolist()


@pytest.fixture(scope="module", params=["classifier", "severity"])
def packed(request):
    contract = case(request.param)[1]
    return float_file(request.param), pack(float_file(request.param), contract), contract


def metadata(content):
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    entry = next(entry for entry in model.metadata if entry.name == b"TFLITE_METADATA")
    return bytes(model.buffers[entry.buffer].data)


def test_signatures_and_outputs_are_unchanged_after_packing(packed):
    before, after, contract = packed
    old, new = Interpreter(model_content=before), Interpreter(model_content=after)
    assert new.get_signature_list() == old.get_signature_list() != {}
    pixels = np.random.default_rng(0).integers(0, 256, (1, *contract.image.image_size, 3), dtype=np.uint8)
    expected = old.get_signature_runner("serving_default")(image=pixels)
    received = new.get_signature_runner("serving_default")(image=pixels)
    for name, values in expected.items():
        np.testing.assert_array_equal(received[name], values)


def test_archive_carries_contract_labels_and_licence_uncompressed(packed):
    _, content, contract = packed
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    assert ModelContract.from_json(json.loads(files["contract.json"])) == contract
    assert json.loads(files["contract.json"])["training"]["synthetic"] is True
    assert files["LICENCE.txt"] == b"Apache-2.0\n"
    assert ("labels.txt" in files) == bool(contract.labels)
    if contract.labels:
        assert files["labels.txt"].decode().split() == list(LABELS)


def test_metadata_follows_the_published_schema(packed):
    _, content, contract = packed
    data = metadata(content)
    assert data[4:8] == b"M001"
    model = Reader.root(data)
    assert (model.text(0), model.text(4), model.text(5), model.text(7)) == ("small", "tfderm", "Apache-2.0", "1.0.0")
    assert "synthetic" in model.text(1)
    assert [file.text(0) for file in model.children(6)] == ["contract.json", "LICENCE.txt"]
    (subgraph,) = model.children(3)
    (image,) = subgraph.children(2)
    assert image.text(0) == "image"
    properties = image.child(3)
    assert properties.number(0, number_types.Uint8Flags) == 2  # ImageProperties
    assert properties.child(1).number(0, number_types.Int8Flags) == 1  # RGB
    size = properties.child(1).child(1)
    received = size.number(1, number_types.Uint32Flags), size.number(0, number_types.Uint32Flags)
    assert received == contract.image.image_size
    (unit,) = image.children(4)
    assert unit.number(0, number_types.Uint8Flags) == 1  # NormalizationOptions
    assert (unit.child(1).floats(0), unit.child(1).floats(1)) == ([0.0], [1.0])


def test_output_metadata_stands_in_the_order_of_the_files_outputs(packed):
    _, content, contract = packed
    (subgraph,) = Reader.root(metadata(content)).children(3)
    described = subgraph.children(3)
    graph = Graph.read(content)
    shapes = {output.name: (1, *output.shape) for output in contract.outputs}
    assert [shapes[tensor.text(0)] for tensor in described] == [graph.tensors[i].shape for i in graph.outputs]
    for tensor in described:
        if tensor.text(0) == "probabilities":
            (labels,) = tensor.children(6)
            assert (labels.text(0), labels.number(2, number_types.Int8Flags)) == ("labels.txt", 2)  # TENSOR_AXIS_LABELS


def test_packing_is_deterministic_and_idempotent(packed):
    before, after, contract = packed
    assert pack(before, contract) == after
    assert pack(after, contract).count(b"TFLITE_METADATA") == 1


def test_weights_keep_the_alignment_of_the_schema(packed):
    _, content, _ = packed
    model = schema.Model.GetRootAs(content, 0)
    for index in range(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer.DataLength():
            assert buffer._tab.Vector(buffer._tab.Offset(4)) % 16 == 0


def test_weights_that_lie_behind_the_flatbuffer_are_kept():
    random = np.random.default_rng(0)
    image = keras.Input((8, 8, 3), dtype="uint8", name="image")
    tensor = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, {"probabilities": keras.layers.Dense(1024, activation="softmax")(tensor)})
    contract = contract_of(model, tuple(f"class {index}" for index in range(1024)))
    half = quantize(convert(model, contract), build_recipe("float16"), None)
    parsed = schema.Model.GetRootAs(half, 0)
    assert any(parsed.Buffers(index).Offset() > 1 for index in range(parsed.BuffersLength()))
    pixels = random.integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    expected, received = (
        Interpreter(model_content=content).get_signature_runner("serving_default")(image=pixels)["probabilities"]
        for content in (half, pack(half, contract))
    )
    np.testing.assert_array_equal(received, expected)
