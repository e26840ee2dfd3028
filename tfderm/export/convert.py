"""Keras model -> float32 `.tflite` with built-in operators only, batch 1 and a named signature."""

import re
import tempfile

import keras

from tfderm.contract import ModelContract
from tfderm.errors import CheckFailed, InputError
from tfderm.models.normalization import pixel_statistics
from tfderm.native_messages import silenced_native_messages
from tfderm.runtime.graph import LINEAR, Graph, Op

SIGNATURE = "serving_default"


def convert(model: keras.Model, contract: ModelContract) -> bytes:
    """Convert a trained model to float32 `.tflite`.

    The batch is fixed to 1, because with a free batch the XNNPACK delegate refuses some graphs at run time. The
    signature `serving_default` has the inputs of the contract, `image` (1, H, W, 3) uint8 and where it reads metadata
    beside it `metadata` and `metadata_known`, and the contract's outputs, all by name.

    Args:
        model: functional model from uint8 pixels, and metadata, to a dict of named outputs.
        contract: what the model claims; checked against the model.

    Returns:
        Content of a `.tflite` file.

    Raises:
        InputError: the backend is not TensorFlow, or model and contract differ.
        CheckFailed: an operator has no built-in form, or batch normalisation is left beside a convolution.
    """
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise InputError(
            f"export needs Keras' TensorFlow backend, received {keras.backend.backend()!r}: "
            "set KERAS_BACKEND=tensorflow and run again."
        )
    check_contract(model, contract)

    def serve(*inputs):
        named = dict(zip(contract.inputs, inputs, strict=True))
        return model(named if isinstance(model.input, dict) else named[contract.image.name], training=False)

    specification = [tf.TensorSpec((1, *shape), dtype, name) for name, (shape, dtype) in contract.inputs.items()]
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(SIGNATURE, serve, input_signature=specification)
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            with silenced_native_messages():  # They repeat in pages what the exception says.
                content = converter.convert()
        except Exception as error:  # The converter raises its own type or RuntimeError, by the stage that failed.
            raise CheckFailed(f"{contract.recipe} cannot be exported: {_reason(str(error))}") from None
    graph = Graph.read(content)
    check_builtin(graph, contract.recipe)
    left = unfolded_batch_norms(graph)
    if left:
        raise CheckFailed(
            f"{contract.recipe}: batch normalisation is not folded into the layer before it at "
            f"{', '.join(graph.tensors[op.outputs[0]].name for op in left)}; place it directly after the convolution."
        )
    return content


def check_contract(model: keras.Model, contract: ModelContract) -> None:
    """Raise `InputError` where the model's input or outputs are not what the contract says."""
    if not isinstance(model.output, dict):
        raise InputError("export takes a model with a dict of named outputs; build it that way.")
    received = {
        tensor.name: (tuple(tensor.shape[1:]), keras.backend.standardize_dtype(tensor.dtype)) for tensor in model.inputs
    }
    if received != contract.inputs:
        raise InputError(
            f"the model's inputs differ from its contract: expected {contract.inputs}, received {received}."
        )
    recorded, computed = (contract.image.mean, contract.image.std), pixel_statistics(model)
    if recorded != ((), ()) and recorded != computed:
        raise InputError(f"the model normalises pixels by mean and deviation {computed}, its contract says {recorded}.")
    shapes = {name: tuple(output.shape[1:]) for name, output in model.output.items()}
    claimed = {output.name: output.shape for output in contract.outputs}
    if shapes != claimed:
        raise InputError(f"the model's outputs differ from its contract: expected {claimed}, received {shapes}.")


def check_builtin(graph: Graph, name: str) -> None:
    """Raise `CheckFailed` naming every operator of the file that LiteRT has no built-in kernel for."""
    custom = sorted(op.removeprefix("CUSTOM:") for op in graph.op_names if op.startswith("CUSTOM:"))
    if custom:
        raise CheckFailed(
            f"{name} needs operators that LiteRT has not built in: {', '.join(custom)}; express them with others."
        )


def unfolded_batch_norms(graph: Graph) -> list[Op]:
    """Per-channel scaling by constants directly after a convolution or dense layer, which folding should remove."""
    return [op for op in graph.ops if op.name in ("MUL", "DIV") and _scales_channels(graph, op)]


def _scales_channels(graph: Graph, op: Op) -> bool:
    variable = graph.variable_inputs(op)
    constants = [graph.tensors[tensor] for tensor in op.inputs if graph.tensors[tensor].constant]
    if len(variable) != 1 or len(constants) != 1 or variable[0] not in graph.producers:
        return False
    channels = graph.tensors[variable[0]].shape[-1]
    per_channel = constants[0].shape[-1:] == (channels,) and all(size == 1 for size in constants[0].shape[:-1])
    return per_channel and graph.producers[variable[0]].name in LINEAR


def _reason(message: str) -> str:
    """The converter's message in one line: the operators it names, or else its first line."""
    operators = sorted({name for name in re.findall(r"(?:Flex|Custom) ops: ([\w, ]+)", message)})
    if operators:
        return f"no built-in operator for {', '.join(operators)}; express it with others."
    return message.strip().splitlines()[0] if message.strip() else "the converter gave no reason."
