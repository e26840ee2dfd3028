"""Quantisation of a float `.tflite` by a named scheme, and the search for the operators that int8 hurts.

ai-edge-quantizer 0.10 does the work, from the float file, by a recipe that is plain JSON and is saved, so that the
same file can be made again. It is preferred to the converter's `representative_dataset`, which takes no recipe and
would need the Keras model. The image enters as uint8 in every scheme and outputs leave as float32.
"""

import contextlib
import functools
import io
import json
import math
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe_manager
from ai_edge_quantizer.utils import qsv_utils

from tfderm.errors import CheckFailed, InputError
from tfderm.export.convert import SIGNATURE
from tfderm.export.parity import Inputs
from tfderm.runtime.graph import CONVOLUTIONS, LINEAR, Graph, Op

SCHEMES = ("float32", "float16", "dynamic_wi8_afp32", "weight_only_wi8_afp32", "static_wi8_ai8", "mixed")
STATIC_SCHEMES = ("static_wi8_ai8", "mixed")
MAX_CALIBRATION_IMAGES = 512
MAX_CALIBRATION_PIXELS = 2**26
"""In all: 512 images of up to 362x362 pixels, 81 of 800x1024. What no calibration image shows is clipped: with 64,
one Inception-v3 at 100x100 called every thirtieth suitable image unfamiliar, with 400 none."""

_SMALL_SHARE = 1e-3  # Of the multiplications: an operator below this costs nothing in float.
_SMALL_WEIGHTS = 4096  # A dense layer below this costs nothing in float.
_PRODUCTS = {"FULLY_CONNECTED", "BATCH_MATMUL"}
_GATHERS = {"GATHER", "GATHER_ND"}
_ON_PIXELS = {"REVERSE_V2", "CONCATENATION", "CAST", "MUL", "ADD", "SUB", "DIV"}  # mirrored and normalised

Calibration = Mapping[str, Any]


def build_recipe(scheme: str, float_ops: Sequence[str] = (), only: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The ai-edge-quantizer recipe of a scheme.

    Args:
        scheme: one of `SCHEMES` but "float32".
        float_ops: output tensor names of operators to leave in float.
        only: output tensor names of the operators to quantise; by default all are.

    Returns:
        The recipe as JSON values; later entries override earlier ones.

    Raises:
        InputError: no such scheme.
    """
    manager = recipe_manager.RecipeManager()
    everything = qtyping.TFLOperationName.ALL_SUPPORTED
    algorithms = quantizer.AlgorithmName
    where = ".*" if only is None else "|".join(map(_scope, only))
    match scheme:
        case "float16":
            manager.add_weight_only_config(where, everything, num_bits=16, algorithm_key=algorithms.FLOAT_CASTING)
        case "dynamic_wi8_afp32":
            manager.add_dynamic_config(where, everything, num_bits=8)
        case "weight_only_wi8_afp32":
            manager.add_weight_only_config(where, everything, num_bits=8)
        case "static_wi8_ai8" | "mixed":
            manager.add_static_config(where, everything, activation_num_bits=8, weight_num_bits=8)
            for name in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
                manager.add_quantization_config(".*", name, algorithm_key=algorithms.NO_QUANTIZE)
        case _:
            raise InputError(f"scheme must be one of {', '.join(SCHEMES)}. Received: {scheme!r}")
    for name in float_ops:
        manager.add_quantization_config(_scope(name), everything, algorithm_key=algorithms.NO_QUANTIZE)
    return json.loads(json.dumps(manager.get_quantization_recipe()))


def _scope(name: str) -> str:
    """Regular expression for the one operator whose first output is `name`."""
    return f"^{re.escape(name)};"


def calibrate(float_model: bytes, samples: Iterable[Inputs], num_threads: int = 2) -> Calibration:
    """Smallest and largest value of every tensor over representative images.

    ai-edge-quantizer's own default is a moving average that gives the first image most of the weight; a long-tailed
    score needs the true range.

    Args:
        float_model: content of the float32 `.tflite`.
        samples: at least one, inputs of the model by name without the batch axis.
        num_threads: of LiteRT.

    Returns:
        Tensor name -> {"min", "max"}.

    Raises:
        InputError: no images.
    """
    inputs = [_batch_of_one(sample) for sample in samples]
    if not inputs:
        raise InputError(
            "static int8 needs representative images and received none: "
            "export from a run whose data is present, or choose dynamic_wi8_afp32."
        )
    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(build_recipe("static_wi8_ai8"))
    with _quiet():
        observer = calibrator.Calibrator(float_model, num_threads=num_threads, qsv_update_func=qsv_utils.min_max_update)
        observer.calibrate({SIGNATURE: inputs}, manager)
    return observer.get_model_qsvs()


def quantize(float_model: bytes, quantization_recipe: list[dict[str, Any]], calibration: Calibration | None) -> bytes:
    """Apply a recipe of `build_recipe`, as `scheme.json` keeps it; the same inputs give the same file.

    Raises:
        InputError: the recipe is static and there is no calibration.
        CheckFailed: the quantiser refuses the graph.
    """
    work = quantizer.Quantizer(float_model, quantization_recipe)
    if work.need_calibration and not calibration:
        raise InputError("static int8 needs a calibration on representative images and received none.")
    try:
        with _quiet():
            result = work.quantize(calibration if work.need_calibration else None, enable_progress_report=False)
    except (RuntimeError, ValueError) as error:
        raise CheckFailed(f"ai-edge-quantizer cannot quantise this graph: {str(error).splitlines()[0]}") from None
    return bytes(result.quantized_model)


def sensitive_ops(graph: Graph) -> list[str]:
    """Operators that `mixed` leaves in float whatever their measured error, by their output's name.

    These are the pixels' mirroring and normalisation, whose constants would be rounded to 8 bits; the operators
    between the last convolutions and the outputs (products with a location map, its sums, means and maxima, the
    combination of scores, softmax); and what places are sampled. None of them holds noteworthy arithmetic; eight bits
    over the range of a sum or of a coordinate lose more than the budget.
    """
    is_layer = functools.partial(_is_layer, graph)
    keep = graph.upstream(graph.outputs, is_layer)
    pixels = set(graph.inputs)
    for op in graph.ops:
        if op.name in _ON_PIXELS and set(graph.variable_inputs(op)) <= pixels:
            keep.add(op)
            pixels.update(op.outputs)
    names = {*class_activation_ops(graph), *sampling_ops(graph)}
    return [_name(graph, op) for op in graph.ops if op in keep or _name(graph, op) in names]


def sampling_ops(graph: Graph) -> list[str]:
    """Operators that compute where an image is sampled, by their output's name: what the indices of a gather depend on,
    back to noteworthy arithmetic, and the interpolation weights computed from the same coordinates. In eight bits the
    places would move by pixels. Empty for a graph that samples nothing.
    """

    def weighty(op: Op) -> bool:
        return op.name in LINEAR and graph.macs(op) > _SMALL_SHARE * graph.total_macs

    gathers = [op for op in graph.ops if op.name in _GATHERS]
    found = graph.upstream(tuple(op.inputs[1] for op in gathers), weighty)
    computed = {tensor for op in found for tensor in op.outputs}
    for op in graph.ops:
        inputs = graph.variable_inputs(op)
        if inputs and op.name not in _GATHERS and not weighty(op) and set(inputs) <= computed:
            found.add(op)
            computed.update(op.outputs)
    return [_name(graph, op) for op in graph.ops if op in found]


def _is_layer(graph: Graph, op: Op) -> bool:
    """Whether an operator holds noteworthy weights."""
    constants = [graph.tensors[tensor] for tensor in op.inputs if graph.tensors[tensor].constant]
    large = any(math.prod(tensor.shape) > _SMALL_WEIGHTS for tensor in constants)
    return op.name in CONVOLUTIONS or (op.name in _PRODUCTS and large)


def class_activation_ops(graph: Graph) -> list[str]:
    """Operators that lead from the probabilities to the class-activation map, by their output's name, but for those
    with noteworthy weights; what is divided by its own largest value needs more than eight bits before. The softmax is
    one of them, because ai-edge-quantizer 0.10 loses an output that it reads as float inside the graph. Empty for a
    graph without such a map.
    """
    found = []
    reached = {tensor for op in graph.ops if op.name == "TOPK_V2" for tensor in graph.variable_inputs(op)}
    for op in graph.ops:
        if reached.intersection(op.inputs + op.outputs):
            reached.update(op.outputs)
            found += [] if _is_layer(graph, op) else [_name(graph, op)]
    return found


def answer_ops(graph: Graph, answers: Sequence[str]) -> list[str]:
    """Operators that compute these outputs alone, or from the last weighted sums of the other outputs, by their
    output's name; in eight bits the answers would be those of another score, or of another photograph.

    Args:
        graph: of the float file.
        answers: signature names of the outputs.
    """
    tensors = tuple(graph.signature[name] for name in answers)
    others = tuple(tensor for name, tensor in graph.signature.items() if name not in answers)
    network = graph.upstream(others, lambda op: False) - graph.upstream(others, lambda op: op.name in LINEAR)
    computing = graph.upstream(tensors, network.__contains__)
    return [_name(graph, op) for op in graph.ops if op in computing]


def metadata_ops(graph: Graph) -> list[str]:
    """Operators that depend on metadata and not on the image, by their output's name: an age and the position of a word
    are in one tensor, whose steps in eight bits would be larger than one. They hold hardly any arithmetic.
    """
    known = {tensor for tensor in graph.inputs if graph.tensors[tensor].dtype == "float32"}
    found = []
    for op in graph.ops:
        inputs = graph.variable_inputs(op)
        if inputs and set(inputs) <= known:
            found.append(_name(graph, op))
            known.update(op.outputs)
    return found


def precise_ops(graph: Graph, answers: Sequence[str] = ()) -> list[str]:
    """Operators that stay in float in every quantised scheme: `answer_ops`, `class_activation_ops`, `sampling_ops`,
    `metadata_ops`."""
    found = (answer_ops(graph, answers), class_activation_ops(graph), sampling_ops(graph), metadata_ops(graph))
    return list(dict.fromkeys(name for names in found for name in names))


def op_sensitivities(
    float_model: bytes,
    scheme: str,
    calibration: Calibration | None,
    samples: Iterable[Inputs],
    answers: Sequence[str] = (),
) -> dict[str, float]:
    """How much each operator hurts the outputs when it alone is quantised, worst first.

    Comparing intermediate tensors of a wholly quantised graph blames the operators that amplify noise; here each
    operator answers for its own, and those that read the same weights for one another's. Costs one quantisation and
    one inference per image for every operator or set of such.

    Args:
        float_model: content of the float32 `.tflite`.
        scheme: whose arithmetic is tried.
        calibration: of static schemes.
        samples: as `calibrate` takes them; a few are enough.
        answers: outputs that do not count, because they jump; `precise_ops` are left out.

    Returns:
        Output tensor name of the operator -> error (root mean square, relative to the output's own, averaged over the
        model's outputs). Left out are operators whose quantisation changes nothing, and those at an output that is
        also read inside the graph: ai-edge-quantizer 0.10 loses that output's signature when it splits the tensor.
    """
    samples = list(samples)
    reference = _run(float_model, samples)
    graph = Graph.read(float_model)
    errors = {}
    precise = set(precise_ops(graph, answers))
    judged = [name for name in reference if name not in answers]
    read_again = set(graph.outputs) & {tensor for op in graph.ops for tensor in op.inputs}
    for ops in _sharing_weights(graph):
        if any(read_again.intersection(op.inputs + op.outputs) for op in ops):
            continue
        names = [_name(graph, op) for op in ops]
        if precise.intersection(names):
            continue
        alone = quantize(float_model, build_recipe(scheme, only=names), calibration)
        outputs = _run(alone, samples)
        error = float(np.mean([_relative_error(outputs[name], reference[name]) for name in judged]))
        if error > 0:
            errors |= dict.fromkeys(names, error)
    return dict(sorted(errors.items(), key=lambda item: -item[1]))


def _sharing_weights(graph: Graph) -> list[list[Op]]:
    """Operators in the order of the graph, those that read one tensor of weights together."""
    sets: dict[tuple[str, int], list[Op]] = {}
    for op in graph.ops:
        weighted = op.name in LINEAR and graph.tensors[op.inputs[1]].constant
        sets.setdefault(("weights", op.inputs[1]) if weighted else ("op", op.index), []).append(op)
    return list(sets.values())


def _batch_of_one(sample: Inputs) -> Inputs:
    return {name: np.ascontiguousarray(values)[None] for name, values in sample.items()}


def _run(content: bytes, samples: Sequence[Inputs]) -> dict[str, np.ndarray]:
    runner = Interpreter(model_content=content, num_threads=2).get_signature_runner(SIGNATURE)
    rows = [runner(**_batch_of_one(sample)) for sample in samples]
    return {name: np.stack([row[name] for row in rows]).astype(np.float64) for name in rows[0]}


def _relative_error(values: np.ndarray, reference: np.ndarray) -> float:
    return float(np.sqrt(np.mean((values - reference) ** 2)) / max(np.sqrt(np.mean(reference**2)), 1e-12))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantiser's progress bars and its warning that all tensors are kept, which is what it is for."""
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _name(graph: Graph, op: Op) -> str:
    return graph.tensors[op.outputs[0]].name
