"""Export: convert, quantise, judge, and only then publish a bundle."""

import functools
import importlib.metadata
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfderm.contract import ANSWERS, ModelContract
from tfderm.errors import CheckFailed, InputError
from tfderm.export.convert import convert
from tfderm.export.explanation import explained
from tfderm.export.golden import write_golden
from tfderm.export.held_out import RunImages
from tfderm.export.metadata import pack
from tfderm.export.model_card import model_card
from tfderm.export.parity import HeldOut, Inputs, compare, failures, keras_outputs, litert_outputs
from tfderm.export.quantize import (
    MAX_CALIBRATION_IMAGES,
    MAX_CALIBRATION_PIXELS,
    SCHEMES,
    STATIC_SCHEMES,
    build_recipe,
    calibrate,
    op_sensitivities,
    precise_ops,
    quantize,
    sensitive_ops,
)
from tfderm.export.uncertainty import SUBSPACE_FILE, measure_uncertainty, with_answers, with_uncertainty
from tfderm.files import atomic_folder, read_json, write_json, write_text
from tfderm.metrics import PrincipalSubspace
from tfderm.run import Run
from tfderm.runtime.bundle import Bundle, load_bundle, write_manifest
from tfderm.runtime.graph import Graph

_WORST_SHARES = (1 / 8, 1 / 4, 1 / 2)  # Of the quantised operators, those that further attempts leave in float.
_PROBE_PIXELS = 400_000  # Pixels that sensitivities are measured on: eight images of 200x256, one of 800x1024.
_NAMED_OPS = 5
_RECORDED_OPS = 20


def export_bundle(
    run: Run | Path | str, *, scheme: str = "float32", output: Path | str | None = None, explain: bool = False
) -> Bundle:
    """Export a trained run as a bundle, or refuse.

    Args:
        run: the run or its folder.
        scheme: one of `SCHEMES`.
        output: folder of the bundle; by default RUN/bundles/SCHEME. An older bundle there is replaced only on success.
        explain: classifiers only: also give a class-activation map with every answer.

    Returns:
        The bundle, verified.

    Raises:
        InputError: unknown scheme, untrained run, data gone, no representative images for a static scheme, or a model
            that `explain` does not go with.
        CheckFailed: an operator is not built in, or the file is beyond its budget against Keras.
    """
    from tfderm.models import load

    run = run if isinstance(run, Run) else Run.open(run)
    _check_scheme(scheme)
    if run.recipe.task == "detection":
        raise InputError(f"{run.path}: detectors are not exported; they serve training, through `tfderm detect`.")
    model = load(run.model_path)
    images = RunImages.open(run)
    metrics = run.path / "metrics.json"
    uncertainty, subspace = measure_uncertainty(model, images)
    contract = with_uncertainty(run.contract, uncertainty)
    if explain:
        model, contract = explained(model, contract)
    return build_bundle(
        with_answers(model, contract, subspace),
        contract,
        scheme=scheme,
        output=Path(output) if output else run.path / "bundles" / scheme,
        held_out=images.held_out(),
        calibration=images.calibration(_calibration_images(contract)) if scheme != "float32" else {},
        metrics=read_json(metrics) if metrics.is_file() else None,
        subspace=subspace,
    )


def build_bundle(
    model: keras.Model,
    contract: ModelContract,
    *,
    scheme: str,
    output: Path,
    held_out: HeldOut,
    calibration: Mapping[str, Inputs],
    metrics: Mapping[str, Any] | None = None,
    subspace: PrincipalSubspace | None = None,
) -> Bundle:
    """The work of `export_bundle`, without a run.

    Args:
        model: trained Keras model.
        contract: of the model.
        scheme: one of `SCHEMES`.
        output: folder of the bundle.
        held_out: images to judge by.
        calibration: name -> inputs of a representative image; needed by static schemes, and by every quantised one to
            name its worst operators.
        metrics: for the model card.
        subspace: of the training images' features, where the model's checks have one: kept to compare with Keras again.
    """
    _check_scheme(scheme)
    if scheme in STATIC_SCHEMES and not calibration:
        raise InputError(
            f"{scheme} needs representative images and there are none in the training split: "
            "make the run's data available, or choose dynamic_wi8_afp32."
        )
    float_model = convert(model, contract)
    reference = keras_outputs(model, held_out.batches())

    def judge(content: bytes) -> dict[str, Any]:
        return compare(contract, scheme, reference, litert_outputs(content, contract, held_out.batches()), held_out)

    content, record, parity = _fit_budget(float_model, contract, scheme, calibration, judge)
    if not parity["passed"]:
        worst = list(record["worst_ops"].items())[:_NAMED_OPS]
        named = ", ".join(f"{op} ({error:.2g})" for op, error in worst) or "none measured"
        raise CheckFailed(
            f"{contract.recipe} as {scheme} is beyond its budget and was not published: {failures(parity)}. "
            f"Worst operators: {named}. Choose another scheme or train on."
        )
    with atomic_folder(output) as folder:
        (folder / "model.tflite").write_bytes(content)
        write_json(folder / "contract.json", contract.to_json())
        write_json(folder / "scheme.json", record)
        write_golden(folder / "golden", content, contract, scheme)
        write_json(folder / "parity.json", parity)
        if subspace is not None:
            subspace.save(folder / SUBSPACE_FILE)
        write_text(folder / "MODEL_CARD.md", model_card(contract, record, parity, metrics))
        write_manifest(folder)
    return load_bundle(output)


def _calibration_images(contract: ModelContract) -> int:
    """How many images the ranges of activations are measured on."""
    return min(MAX_CALIBRATION_IMAGES, MAX_CALIBRATION_PIXELS // math.prod(contract.image.image_size))


def _fit_budget(
    float_model: bytes,
    contract: ModelContract,
    scheme: str,
    representative: Mapping[str, Inputs],
    judge: Callable[[bytes], dict[str, Any]],
) -> tuple[bytes, dict[str, Any], dict[str, Any]]:
    """Try the scheme, leaving more operators in float each time, until `judge` passes or the attempts end.

    Returns:
        Content of the `.tflite`, of scheme.json and of parity.json, of the first attempt that passed or of the last.
    """
    samples = list(representative.values())
    height, width = contract.image.image_size
    probes = samples[: max(1, min(8, _PROBE_PIXELS // (height * width)))]
    graph = Graph.read(float_model)
    calibration = calibrate(float_model, samples) if scheme in STATIC_SCHEMES else None

    answers = [output.name for output in contract.outputs if output.kind in ANSWERS]

    @functools.cache
    def worst() -> dict[str, float]:
        if not probes or scheme == "float32":
            return {}
        return op_sensitivities(float_model, scheme, calibration, probes, answers)

    attempts: list[dict[str, Any]] = []
    for float_ops in _float_ops(scheme, graph, answers, worst):
        recipe = [] if scheme == "float32" else build_recipe(scheme, float_ops)
        content = pack(quantize(float_model, recipe, calibration) if recipe else float_model, contract)
        parity = judge(content)
        attempts.append({"float_ops": list(float_ops), "passed": parity["passed"], "failures": failures(parity)})
        if parity["passed"]:
            break
    in_float = sum(graph.macs(op) for op in graph.ops if graph.tensors[op.outputs[0]].name in float_ops)
    measured = len(attempts) > 1 or not parity["passed"]
    record = {
        "scheme": scheme,
        "recipe": recipe,
        "float_ops": list(float_ops),
        "int8_macs_share": round(1 - in_float / graph.total_macs, 4) if scheme in STATIC_SCHEMES else None,
        "calibration": {"images": list(representative) if calibration else [], "ranges": _to_json(calibration or {})},
        "attempts": attempts,
        "worst_ops": dict(list(worst().items())[:_RECORDED_OPS]) if measured else {},
        "versions": {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "ai-edge-quantizer")},
    }
    return content, record, parity


def _float_ops(
    scheme: str, graph: Graph, answers: Sequence[str], worst: Callable[[], dict[str, float]]
) -> Iterator[tuple[str, ...]]:
    """Operators to leave in float, attempt by attempt; sensitivities are measured only once the cheap ones failed."""
    kept = () if scheme == "float32" else tuple(precise_ops(graph, answers))
    if scheme != "mixed":
        yield kept
    if scheme not in STATIC_SCHEMES:
        return
    sensitive = tuple(dict.fromkeys([*kept, *sensitive_ops(graph)]))
    yield sensitive
    others = [op for op in worst() if op not in sensitive]
    for share in _WORST_SHARES:
        yield sensitive + tuple(others[: math.ceil(share * len(others))])


def replay(float_model: bytes, scheme: Mapping[str, Any]) -> bytes:
    """Make the quantised file again from the float one and the content of scheme.json, without any image."""
    ranges = scheme["calibration"]["ranges"]
    calibration = {
        name: {key: np.asarray(value, dtype=np.float32) for key, value in bounds.items()}
        for name, bounds in ranges.items()
    }
    return quantize(float_model, scheme["recipe"], calibration)


def _to_json(calibration: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(calibration, default=lambda value: np.asarray(value).tolist()))


def _check_scheme(scheme: str) -> None:
    if scheme not in SCHEMES:
        raise InputError(f"scheme must be one of {', '.join(SCHEMES)}. Received: {scheme!r}")
