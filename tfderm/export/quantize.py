"""Quantisation of a float `.tflite` by a named scheme, and the search for the operators that int8 hurts.

ai-edge-quantizer 0.10 does the work, from the float file, by a recipe that is plain JSON and is saved, so that the
same file can be made again. It is preferred to the converter's `representative_dataset`, which takes no recipe and
would need the Keras model. The image enters as uint8 in every scheme and outputs leave as float32.
"""

import contextlib
import io
import json
import math
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from ai_edge_quantizer import calibrator, model_validator, qtyping, quantizer, recipe, recipe_manager
from ai_edge_quantizer.utils import qsv_utils

from tfderm.errors import CheckFailed, InputError
from tfderm.export.convert import SIGNATURE
from tfderm.runtime.graph import Graph, Op

SCHEMES = ("float32", "float16", "dynamic_wi8_afp32", "weight_only_wi8_afp32", "static_wi8_ai8", "mixed")
STATIC_SCHEMES = ("static_wi8_ai8", "mixed")
MAX_CALIBRATION_IMAGES = 64

_CONVOLUTIONS = {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"}
_SMALL_WEIGHTS = 4096  # A dense layer below this costs nothing in float.
_GATHERS = {"GATHER", "GATHER_ND"}

Calibration = Mapping[str, Any]


def build_recipe(scheme: str, float_ops: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The ai-edge-quantizer recipe of a scheme.

    Args:
        scheme: one of `SCHEMES` but "float32".
        float_ops: output tensor names of operators to leave in float (static schemes).

    Returns:
        The recipe as JSON values; later entries override earlier ones.

    Raises:
        InputError: no such scheme.
    """
    manager = recipe_manager.RecipeManager()
    everything = qtyping.TFLOperationName.ALL_SUPPORTED
    no_quantize = quantizer.AlgorithmName.NO_QUANTIZE
    match scheme:
        case "float16":
            casting = quantizer.AlgorithmName.FLOAT_CASTING
            manager.add_weight_only_config(".*", everything, num_bits=16, algorithm_key=casting)
        case "dynamic_wi8_afp32" | "weight_only_wi8_afp32":
            return json.loads(json.dumps(getattr(recipe, scheme)()))
        case "static_wi8_ai8" | "mixed":
            manager.add_static_config(".*", everything, activation_num_bits=8, weight_num_bits=8)
            for name in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
                manager.add_quantization_config(".*", name, algorithm_key=no_quantize)
            for name in float_ops:
                manager.add_quantization_config(f"^{re.escape(name)};", everything, algorithm_key=no_quantize)
        case _:
            raise InputError(f"scheme must be one of {', '.join(SCHEMES)}. Received: {scheme!r}")
    return json.loads(json.dumps(manager.get_quantization_recipe()))


def calibrate(float_model: bytes, images: Iterable[np.ndarray], num_threads: int = 2) -> Calibration:
    """Smallest and largest value of every tensor over representative images.

    ai-edge-quantizer's own default is a moving average that gives the first image most of the weight; a long-tailed
    score needs the true range.

    Args:
        float_model: content of the float32 `.tflite`.
        images: at least one (H, W, 3) uint8 RGB at the model's size.
        num_threads: of LiteRT.

    Returns:
        Tensor name -> {"min", "max"}.

    Raises:
        InputError: no images.
    """
    inputs = [{"image": np.ascontiguousarray(image)[None]} for image in images]
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

    These are the operators between the last convolutions and the outputs (products with a location map, its sums,
    means and maxima, the combination of scores, softmax), and sampling coordinates: what the indices of a gather
    depend on, and the interpolation weights computed from the same coordinates. Neither holds noteworthy
    arithmetic; eight bits over the range of a sum or of a coordinate lose more than the budget.
    """

    def is_layer(op: Op) -> bool:
        if op.name in _CONVOLUTIONS:
            return True
        constants = [graph.tensors[tensor] for tensor in op.inputs if graph.tensors[tensor].constant]
        return op.name == "FULLY_CONNECTED" and any(math.prod(t.shape) > _SMALL_WEIGHTS for t in constants)

    keep = graph.upstream(graph.outputs, is_layer)
    gathers = [op for op in graph.ops if op.name in _GATHERS]
    coordinates = graph.upstream(tuple(op.inputs[1] for op in gathers), is_layer)
    computed = {tensor for op in coordinates for tensor in op.outputs}
    for op in graph.ops:
        inputs = graph.variable_inputs(op)
        if inputs and op.name not in _GATHERS and not is_layer(op) and set(inputs) <= computed:
            coordinates.add(op)
            computed.update(op.outputs)
    return [_name(graph, op) for op in graph.ops if op in keep | coordinates]


def op_errors(float_model: bytes, quantized_model: bytes, images: Iterable[np.ndarray]) -> dict[str, float]:
    """Error that each operator adds, worst first.

    Every tensor of the quantised graph is compared with the float graph's on the same images; the error of a tensor
    is its noise-to-signal ratio (root mean square), that of an operator the excess of its output's over the largest
    among its inputs, so that an operator is not blamed for noise that it only passes on.

    Returns:
        Output tensor name of the operator -> error, operators without added error left out.
    """
    samples = [{"image": np.ascontiguousarray(image)[None]} for image in images]
    key = quantizer.ValidationErrorMetric.MSE  # Only labels the result: compare_model wants one with the function.
    with _quiet():
        comparison = model_validator.compare_model(
            float_model,
            quantized_model,
            {SIGNATURE: samples},
            [key],
            [_noise_to_signal],
            use_xnnpack=False,  # The delegate keeps no intermediate tensors.
            num_threads=2,
        ).get_all_tensor_results()
    noise = {name: value[key.value] for name, value in comparison.items()}
    graph = Graph.read(float_model)
    errors = {}
    for op in graph.ops:
        before = [noise.get(graph.tensors[tensor].name, 0.0) for tensor in graph.variable_inputs(op)]
        added = noise.get(_name(graph, op), 0.0) - max(before, default=0.0)
        if added > 0:
            errors[_name(graph, op)] = added
    return dict(sorted(errors.items(), key=lambda item: -item[1]))


def _noise_to_signal(noisy: np.ndarray, signal: np.ndarray) -> float:
    """0 where the shapes differ: weights that two operators share in two layouts go by one name."""
    if np.shape(noisy) != np.shape(signal):
        return 0.0
    signal = np.asarray(signal, dtype=np.float64)
    noise = np.sqrt(np.mean((np.asarray(noisy, dtype=np.float64) - signal) ** 2))
    return float(noise / max(np.sqrt(np.mean(signal**2)), 1e-12))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the quantiser's progress bars and its warning that all tensors are kept, which is what it is for."""
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _name(graph: Graph, op: Op) -> str:
    return graph.tensors[op.outputs[0]].name
