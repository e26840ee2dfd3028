"""TFLite metadata: what the file itself says of its pixels, outputs, labels, licence and training.

Written by the published FlatBuffers schema (tensorflow/tflite-support, metadata_schema.fbs, identifier M001): a
buffer named TFLITE_METADATA in the model, and the associated files as a ZIP archive appended to the file. The
numbers below are the schema's field positions. The signatures stay as they were.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfderm.contract import ModelContract, Output

METADATA_NAME = "TFLITE_METADATA"
LABELS_FILE = "labels.txt"
CONTRACT_FILE = "contract.json"
LICENCE_FILE = "LICENCE.txt"

_IDENTIFIER = b"M001"
_MIN_PARSER_VERSION = "1.0.0"
_TYPE_DESCRIPTIONS, _TYPE_AXIS_LABELS = 1, 2
_CONTENT_FEATURE, _CONTENT_IMAGE = 1, 2
_COLOR_RGB = 1
_PROCESS_NORMALIZATION = 1

_MEANINGS = {
    "answered": "answered: 1 where the largest probability suffices for an answer",
    "set": "set: 1 for every class that is possible",
    "present": "present: 1 for every label that the image shows",
    "unsuitable": "unsuitable: 1 for every check that turns the photograph away",
}


_METADATA_MEANINGS = {
    "metadata": "what is known of the patient, a number per column",
    "metadata_known": "1 where the column is known, else 0",
}


def pack(model: bytes, contract: ModelContract) -> bytes:
    """A `.tflite` with metadata and associated files: labels, the contract, the licence.

    Any earlier metadata of the same name is replaced. The training's provenance is the contract's `training`.

    Args:
        model: content of a `.tflite` file with the signature `serving_default`.
        contract: of the model.

    Returns:
        Content of the new file; deterministic.
    """
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    names = _signature_names(parsed, "inputs"), _signature_names(parsed, "outputs")
    for weights in parsed.buffers:
        if weights.offset > 1:  # ai-edge-quantizer may put values behind the FlatBuffer, where the archive will be.
            weights.data = np.frombuffer(model, np.uint8, weights.size, weights.offset)
            weights.offset = weights.size = 0
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(metadata_buffer(contract, *names), dtype=np.uint8)
    parsed.metadata = [entry for entry in parsed.metadata or [] if entry.name != METADATA_NAME.encode()]
    entry = schema.MetadataT()
    entry.name = METADATA_NAME
    entry.buffer = len(parsed.buffers)
    parsed.buffers.append(buffer)
    parsed.metadata.append(entry)
    builder = _AlignedBuilder(len(model) + 65536)
    builder.Finish(parsed.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output()) + _archive(associated_files(contract))


def associated_files(contract: ModelContract) -> dict[str, bytes]:
    """The files inside the `.tflite`, by name."""
    files = {
        CONTRACT_FILE: (json.dumps(contract.to_json(), indent=2, ensure_ascii=False) + "\n").encode(),
        LICENCE_FILE: f"{contract.licence}\n".encode(),
    }
    if contract.labels:
        files[LABELS_FILE] = ("\n".join(contract.labels) + "\n").encode()
    return files


def metadata_buffer(contract: ModelContract, input_names: Sequence[str], output_names: Sequence[str]) -> bytes:
    """The ModelMetadata FlatBuffer; names in the order of the file's input and output tensors."""
    builder = flatbuffers.Builder(4096)
    outputs = {output.name: output for output in contract.outputs}
    subgraph = _table(
        builder,
        10,
        {
            2: _vector(builder, [_input(builder, contract, name) for name in input_names]),
            3: _vector(builder, [_output(builder, contract, outputs[name]) for name in output_names]),
        },
    )
    training = contract.training
    source = f"{'synthetic' if training.get('synthetic') else 'photographed'} data {training.get('data', 'unknown')}"
    files = [
        _file(builder, CONTRACT_FILE, "model contract of tfderm with the provenance of training", _TYPE_DESCRIPTIONS),
        _file(builder, LICENCE_FILE, "licence of the weights", _TYPE_DESCRIPTIONS),
    ]
    model = _table(
        builder,
        8,
        {
            0: builder.CreateString(contract.recipe),
            1: builder.CreateString(f"{contract.intended_use} Trained on {source}."),
            2: builder.CreateString(str(contract.version)),
            3: _vector(builder, [subgraph]),
            4: builder.CreateString("tfderm"),
            5: builder.CreateString(contract.licence),
            6: _vector(builder, files),
            7: builder.CreateString(_MIN_PARSER_VERSION),
        },
    )
    builder.Finish(model, file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _input(builder: flatbuffers.Builder, contract: ModelContract, name: str) -> int:
    if name != contract.image.name:
        columns = ", ".join(column.name for column in contract.metadata)
        content = _table(builder, 3, {1: _table(builder, 0)}, {0: ("Uint8", _CONTENT_FEATURE)})
        return _tensor(builder, name, f"{_METADATA_MEANINGS[name]}: {columns}; see the contract", content, {})
    height, width = contract.image.image_size
    size = _table(builder, 2, scalars={0: ("Uint32", width), 1: ("Uint32", height)})
    properties = _table(builder, 2, {1: size}, {0: ("Int8", _COLOR_RGB)})
    # Mean 0 and deviation 1: the graph normalises by itself and eats the pixels as they are.
    normalization = _table(builder, 2, {0: _floats(builder, [0.0]), 1: _floats(builder, [1.0])})
    unit = _table(builder, 2, {1: normalization}, {0: ("Uint8", _PROCESS_NORMALIZATION)})
    stats = _table(builder, 2, {0: _floats(builder, [255.0]), 1: _floats(builder, [0.0])})
    return _tensor(
        builder,
        contract.image.name,
        f"RGB image, uint8, {width}x{height}, resized by {contract.image.resize}; normalised inside the model",
        _table(builder, 3, {1: properties}, {0: ("Uint8", _CONTENT_IMAGE)}),
        {4: _vector(builder, [unit]), 5: stats},
    )


def _output(builder: flatbuffers.Builder, contract: ModelContract, output: Output) -> int:
    low, high = output.range
    fields = {5: _table(builder, 2, {0: _floats(builder, [high]), 1: _floats(builder, [low])})}
    if output.kind in ("probabilities", "set", "present", "glimpse"):
        fields[6] = _vector(builder, [_file(builder, LABELS_FILE, "labels by index", _TYPE_AXIS_LABELS)])
    unit = f", {output.unit}" if output.unit else ""
    stride = f", {output.stride} input pixels per cell" if output.stride else ""
    content = _table(builder, 3, {1: _table(builder, 0)}, {0: ("Uint8", _CONTENT_FEATURE)})
    meaning = _MEANINGS.get(output.kind, output.kind)
    return _tensor(builder, output.name, f"{meaning}, {low:g} to {high:g}{unit}{stride}", content, fields)


def _tensor(builder: flatbuffers.Builder, name: str, description: str, content: int, fields: Mapping[int, int]) -> int:
    strings = {0: builder.CreateString(name), 1: builder.CreateString(description)}
    return _table(builder, 7, {**strings, 3: content, **fields})


def _file(builder: flatbuffers.Builder, name: str, description: str, kind: int) -> int:
    strings = {0: builder.CreateString(name), 1: builder.CreateString(description)}
    return _table(builder, 5, strings, {2: ("Int8", kind)})


def _table(
    builder: flatbuffers.Builder,
    num_fields: int,
    offsets: Mapping[int, int] | None = None,
    scalars: Mapping[int, tuple[str, int]] | None = None,
) -> int:
    """A FlatBuffers table from field positions to finished children and to scalars with their type."""
    builder.StartObject(num_fields)
    for slot, offset in (offsets or {}).items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, (kind, value) in (scalars or {}).items():
        getattr(builder, f"Prepend{kind}Slot")(slot, value, 0)
    return builder.EndObject()


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    return builder.CreateNumpyVector(np.asarray(values, dtype=np.float32))


def _signature_names(model: schema.ModelT, side: str) -> list[str]:
    """Signature names of the main subgraph's "inputs" or "outputs", in the order of their tensors."""
    names = {entry.tensorIndex: entry.name.decode() for entry in getattr(model.signatureDefs[0], side)}
    return [names[index] for index in getattr(model.subgraphs[0], side)]


def _archive(files: Mapping[str, bytes]) -> bytes:
    """Uncompressed, as the task libraries map the files from memory; fixed times, for equal bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name])
    return stream.getvalue()


class _AlignedBuilder(flatbuffers.Builder):
    """Keeps the 16-byte alignment of weights that the schema asks for and the generated Python code forgets."""

    def CreateNumpyVector(self, x):  # noqa: N802 (name of the base class)
        self.Prep(16, x.nbytes)
        return super().CreateNumpyVector(x)
