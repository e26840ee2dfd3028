"""The operators of a `.tflite` file, read from its FlatBuffer: names, shapes, multiply-accumulates."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ai_edge_litert import schema_py_generated as schema

from tfderm.errors import InputError

CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"})
LINEAR = CONVOLUTIONS | {"FULLY_CONNECTED"}
"""Kinds of operator that apply weights: their second input, where that is constant."""

_OP_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
_DTYPES = {code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)}


@dataclass(frozen=True)
class Tensor:
    """`constant` where the file holds its values (weights); `shape` includes the batch axis."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    constant: bool


@dataclass(frozen=True)
class Op:
    """One operator; `inputs` and `outputs` are positions in `Graph.tensors`, optional inputs that are absent left out.

    A custom operator is named `CUSTOM:<its code>`; those that need TensorFlow's own kernels start `CUSTOM:Flex`.
    """

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """The main subgraph, operators in the order of execution."""

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    op_names: frozenset[str]
    """Every operator kind the file names, in all its subgraphs."""
    signature: dict[str, int]
    """Output tensors by their name in the file's first signature; empty where it has none."""

    @classmethod
    def read(cls, model: bytes) -> "Graph":
        """Parse the bytes of a `.tflite` file.

        Raises:
            InputError: not a `.tflite` file.
        """
        if model[4:8] != b"TFL3":
            raise InputError("not a .tflite file: the identifier TFL3 is absent; export the model again.")
        parsed = schema.Model.GetRootAs(model, 0)
        names = [_op_name(parsed.OperatorCodes(i)) for i in range(parsed.OperatorCodesLength())]
        subgraph = parsed.Subgraphs(0)
        tensors = tuple(_tensor(parsed, subgraph.Tensors(i)) for i in range(subgraph.TensorsLength()))
        ops = []
        for index in range(subgraph.OperatorsLength()):
            op = subgraph.Operators(index)
            inputs = tuple(op.Inputs(i) for i in range(op.InputsLength()) if op.Inputs(i) >= 0)
            outputs = tuple(op.Outputs(i) for i in range(op.OutputsLength()))
            ops.append(Op(index, names[op.OpcodeIndex()], inputs, outputs))
        return cls(
            tensors,
            tuple(ops),
            tuple(subgraph.Inputs(i) for i in range(subgraph.InputsLength())),
            tuple(subgraph.Outputs(i) for i in range(subgraph.OutputsLength())),
            frozenset(names),
            _signature_outputs(parsed),
        )

    @cached_property
    def producers(self) -> dict[int, Op]:
        """Tensor -> the operator that computes it; inputs and constants have none."""
        return {tensor: op for op in self.ops for tensor in op.outputs}

    def variable_inputs(self, op: Op) -> tuple[int, ...]:
        """Inputs of `op` that depend on the image."""
        return tuple(tensor for tensor in op.inputs if not self.tensors[tensor].constant)

    def upstream(self, tensors: tuple[int, ...], stop: Callable[[Op], bool]) -> set[Op]:
        """Operators that `tensors` depend on, found backwards; the walk neither includes nor passes where `stop`."""
        found: set[Op] = set()
        waiting = list(tensors)
        while waiting:
            op = self.producers.get(waiting.pop())
            if op is not None and op not in found and not stop(op):
                found.add(op)
                waiting.extend(op.inputs)
        return found

    def macs(self, op: Op) -> int:
        """Multiply-accumulates of one operator on one image; 0 for what is neither convolution nor matrix product."""
        shapes = [self.tensors[tensor].shape for tensor in op.inputs]
        output = math.prod(self.tensors[op.outputs[0]].shape) if op.outputs else 0
        match op.name:
            case "CONV_2D":  # Weights (out, height, width, in); `in` is per group.
                return output * math.prod(shapes[1][1:])
            case "DEPTHWISE_CONV_2D":  # Weights (1, height, width, channels): one filter per output channel.
                return output * shapes[1][1] * shapes[1][2]
            case "TRANSPOSE_CONV":  # Inputs: output shape, weights (out, height, width, in), image.
                return math.prod(shapes[2]) * shapes[1][0] * shapes[1][1] * shapes[1][2]
            case "FULLY_CONNECTED":  # Weights (out, in).
                return output * shapes[1][-1]
            case "BATCH_MATMUL":  # (batch, rows, inner) x (batch, inner, columns), either operand maybe transposed.
                columns = math.prod(self.tensors[op.outputs[0]].shape[-1:])
                rows = math.prod(self.tensors[op.outputs[0]].shape[-2:-1])
                inner = math.prod(shapes[0][-2:]) // max(rows, 1)
                return math.prod(self.tensors[op.outputs[0]].shape[:-2]) * rows * columns * inner
            case _:
                return 0

    @property
    def total_macs(self) -> int:
        return sum(self.macs(op) for op in self.ops)


def _op_name(code: schema.OperatorCode) -> str:
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if builtin == schema.BuiltinOperator.CUSTOM:
        return f"CUSTOM:{(code.CustomCode() or b'').decode()}"
    return _OP_NAMES.get(builtin, str(builtin))


def _signature_outputs(model: schema.Model) -> dict[str, int]:
    if not model.SignatureDefsLength():
        return {}
    outputs = (model.SignatureDefs(0).Outputs(i) for i in range(model.SignatureDefs(0).OutputsLength()))
    return {output.Name().decode(): output.TensorIndex() for output in outputs}


def _tensor(model: schema.Model, tensor: schema.Tensor) -> Tensor:
    buffer = model.Buffers(tensor.Buffer())
    return Tensor(
        (tensor.Name() or b"").decode(),
        tuple(tensor.Shape(i) for i in range(tensor.ShapeLength())),
        _DTYPES[tensor.Type()],
        buffer.DataLength() > 0 or buffer.Size() > 0,
    )
