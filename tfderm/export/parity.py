"""Is the `.tflite` still the model that was trained? Keras against LiteRT on held-out images, output by output."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tfderm.contract import ModelContract
from tfderm.metrics import (
    ConformalIntervals,
    ConformalSets,
    accuracy,
    area_corners,
    class_recalls,
    mean_absolute_error,
    mean_average_precision,
    pair_accuracy,
    paired_difference,
)
from tfderm.metrics.conformal import BANDS, predicted_bands
from tfderm.models import predict
from tfderm.runtime.predictor import LiteRTModel

FLOAT32_TOLERANCES = {
    "probabilities": 1e-4,
    "glimpse": 1e-4,
    "severity": 1e-3,
    "location_map": 1e-4,
    "transform": 1e-4,
    "component": 1e-3,
}
"""Largest absolute difference by kind of output (severity in PASI points, components in grades).

Outputs without bounds have the larger one: the sums behind them, and so what rounding does to them, are larger."""

FOLLOWING = ("area_of_interest",)
"""Kinds of outputs that are not compared, being large: they follow from the image and another output."""

CLASS_ACTIVATION_TOLERANCE = 1e-3
"""Mean absolute difference of class-activation maps in float32, a quarter of an 8-bit shade of what is looked at.

The largest difference has no bound: a map is divided by its own largest value, and where next to nothing speaks for the
class, that value is rounding."""

ANSWER_TOLERANCE = 1e-3
"""PASI points by which an interval may miss the one that follows from the score beside it: float32 rounding."""

ANSWER_AGREEMENT = {"float32": 0.999}  # Share with the same sureness, suitability, labels in a set or said; else ...
ANSWER_AGREEMENT_QUANTISED = 0.98
SCORE_BUDGET = 0.10  # Mean abs difference of the score, PASI points ...
SCORE_BUDGET_OF_MAE = 0.05  # ... or this share of the model's own mean absolute error, whichever is larger.
PAIR_ACCURACY_DROP = 0.005
TOP1_AGREEMENT = 0.98
ACCURACY_DROP = 0.01
RECALL_DROP = 0.03
COMPONENT_BUDGET = 0.10  # Mean abs difference of a component, in grades, which people give in whole steps.
AREA_SHIFT = 0.05  # Of its own size, by which the corners of an area of interest may be moved in the mean.
DISTINCT_VALUES = 17
MAPS = ("location_map", "class_activation_map")
MAP_THRESHOLD = 0.3
MAP_OVERLAP = 0.95
MAP_STEP = 1 - MAP_OVERLAP  # A cell that crosses the threshold by no more is no difference: its map may be one cell.

Inputs = Mapping[str, np.ndarray]
Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class HeldOut:
    """Images that the model was not trained on, with their truth.

    Args:
        batches: called for each pass; yields the model's inputs by name, `image` (b, H, W, 3) uint8 at its size.
        y_true: (N,) scores, or classes as integers; (N, num_labels), 1 for the labels that an image shows, where it may
            show several.
        groups: (N,) patient or lesion.
        lesions: (N,) bool, whether the image shows a lesion; only used where there are location maps.
        split: name of the split.
        synthetic: whether the images were rendered.
    """

    batches: Callable[[], Iterable[Inputs]]
    y_true: np.ndarray
    groups: tuple[str, ...]
    lesions: np.ndarray
    split: str = "test"
    synthetic: bool = False


def one_by_one(inputs: Inputs) -> Iterator[Inputs]:
    """The inputs of each image of a batch, without the batch axis."""
    for one in zip(*inputs.values(), strict=True):
        yield dict(zip(inputs, one, strict=True))


def keras_outputs(model: keras.Model, batches: Iterable[Inputs]) -> dict[str, np.ndarray]:
    """Outputs of the Keras model but for `FOLLOWING`, (N, ...) float32 by name."""
    rows: dict[str, list[np.ndarray]] = {name: [] for name in model.output if name not in FOLLOWING}
    for inputs in batches:
        answer = predict(model, inputs)
        for name in rows:
            rows[name].append(np.asarray(answer[name], dtype=np.float32))
    return {name: np.concatenate(values) for name, values in rows.items()}


def litert_outputs(content: bytes, contract: ModelContract, batches: Iterable[Inputs]) -> dict[str, np.ndarray]:
    """Outputs of a `.tflite` but for `FOLLOWING`, (N, ...) float32 by name."""
    model = LiteRTModel(content, contract, num_threads=2)
    rows: dict[str, list[np.ndarray]] = {o.name: [] for o in contract.outputs if o.kind not in FOLLOWING}
    for inputs in batches:
        for one in one_by_one(inputs):
            answer = model(**one)
            for name in rows:
                rows[name].append(answer[name])
    return {name: np.stack(values) for name, values in rows.items()}


def compare(
    contract: ModelContract, scheme: str, reference: Outputs, candidate: Outputs, held_out: HeldOut
) -> dict[str, Any]:
    """Judge a `.tflite` against the Keras model it was made from.

    float32 is held to `FLOAT32_TOLERANCES` and `CLASS_ACTIVATION_TOLERANCE`. Every other scheme is held to what
    matters: the drop of the task's metric, agreement, overlap of maps, and a tenth of a grade for severity components.
    Interval and band, which jump at the thresholds, are in every scheme held to what follows from the candidate's own
    score, and so are a classifier's sureness, set and labels; they and its suitability are also to be the same as
    Keras' nearly always, sets and labels label by label, and a confidence that crosses the threshold must lie no
    farther from it than confidences differ.
    Class-activation maps are held to Keras' on the images for which both name the same class. A value that is not
    finite fails.

    Args:
        contract: of the model.
        scheme: of the candidate.
        reference: Keras' outputs, (N, ...) by name.
        candidate: LiteRT's outputs, likewise.
        held_out: the images' truth.

    Returns:
        The content of parity.json.
    """
    kinds = {output.name: output.kind for output in contract.outputs if output.kind not in FOLLOWING}
    outputs = {
        name: _differences(kind, reference[name], candidate[name], held_out.lesions) for name, kind in kinds.items()
    }
    for name, kind in kinds.items():
        if kind == "class_activation_map":
            alike = _answered_alike(contract, reference, candidate)
            outputs[name] = _differences(
                kind, reference[name][alike], candidate[name][alike], np.ones(alike.sum(), bool)
            )
        if kind == "probabilities" and contract.task == "classification":
            outputs[name]["agreement_by_class"] = _agreement_by_class(
                contract.labels, held_out.y_true, reference[name], candidate[name]
            )
    finite = all(np.isfinite(candidate[name]).all() for name in kinds)
    checks = [_check("finite outputs", float(finite), ">=", 1.0)]
    metrics: tuple[dict[str, float], dict[str, float]] = ({}, {})
    if finite:
        judge = {"severity": _severity, "classification": _classification, "multilabel": _multilabel}[contract.task]
        task_checks, metrics = judge(contract, reference, candidate, held_out)
        if "interval" in kinds.values():
            checks.append(
                _check("interval and band miss the score's", _missed(contract, candidate), "<=", ANSWER_TOLERANCE)
            )
        if contract.labels:
            checks += _answer_checks(contract, scheme, reference, candidate)
        if scheme == "float32":
            checks += [
                _check(f"{name} max abs difference", outputs[name]["max_difference"], "<=", FLOAT32_TOLERANCES[kind])
                for name, kind in kinds.items()
                if kind in FLOAT32_TOLERANCES
            ]
            for name, kind in kinds.items():
                if kind == "class_activation_map":
                    difference = outputs[name]["mean_difference"]
                    checks.append(_check(f"mean abs {name} difference", difference, "<=", CLASS_ACTIVATION_TOLERANCE))
        else:
            checks += task_checks
            for name, kind in kinds.items():
                if kind in MAPS and outputs[name]["overlap_images"]:
                    checks.append(
                        _check(f"{name} overlap (IoU at {MAP_THRESHOLD})", outputs[name]["overlap"], ">=", MAP_OVERLAP)
                    )
                elif kind == "transform":
                    moved = _corners_moved(reference[name], candidate[name])
                    checks.append(_check("mean shift of the area's corners, of its size", moved, "<=", AREA_SHIFT))
                elif kind == "component":
                    difference = outputs[name]["mean_difference"]
                    checks.append(_check(f"mean abs {name} difference", difference, "<=", COMPONENT_BUDGET))
    return {
        "scheme": scheme,
        "num_images": len(held_out.y_true),
        "split": held_out.split,
        "synthetic": held_out.synthetic,
        "passed": all(check["passed"] for check in checks),
        "outputs": outputs,
        "reference": metrics[0],
        "candidate": metrics[1],
        "checks": checks,
    }


def failures(parity: Mapping[str, Any]) -> str:
    """The failed checks of a parity report in one line."""
    return "; ".join(
        f"{check['name']} is {check['value']:.4g}, must be {check['comparison']} {check['limit']:.4g}"
        for check in parity["checks"]
        if not check["passed"]
    )


def table(parity: Mapping[str, Any]) -> str:
    """The checks of a parity report as a Markdown table."""
    lines = ["| check | value | limit | passed |", "|---|---|---|---|"]
    for check in parity["checks"]:
        passed = "yes" if check["passed"] else "NO"
        limit = f"{check['comparison']} {check['limit']:.4g}"
        lines.append(f"| {check['name']} | {check['value']:.4g} | {limit} | {passed} |")
    for output in parity["outputs"].values():
        for label, agreement in output.get("agreement_by_class", {}).items():
            share = "no image" if agreement["share"] is None else f"{agreement['share']:.4g}"
            lines.append(f"| top-1 agreement on {label}, {agreement['num_images']} images | {share} | | |")
    return "\n".join(lines)


def _check(name: str, value: float, comparison: str, limit: float) -> dict[str, Any]:
    passed = value <= limit if comparison == "<=" else value >= limit
    return {"name": name, "value": float(value), "limit": limit, "comparison": comparison, "passed": bool(passed)}


def _differences(kind: str, reference: np.ndarray, candidate: np.ndarray, lesions: np.ndarray) -> dict[str, Any]:
    difference = np.abs(np.nan_to_num(candidate, posinf=1e30, neginf=-1e30) - reference)
    values = {
        "max_difference": float(difference.max(initial=0)),
        "mean_difference": float(difference.sum() / max(difference.size, 1)),
    }
    if kind in MAPS:
        axes = tuple(range(1, reference.ndim))
        a = reference >= MAP_THRESHOLD
        b = np.where(difference <= MAP_STEP, a, candidate >= MAP_THRESHOLD)
        union = (a | b).sum(axis=axes)
        counted = lesions & (union > 0)
        overlap = (a & b).sum(axis=axes)[counted] / union[counted]
        values["overlap_images"] = int(counted.sum())
        values["overlap"] = float(overlap.mean()) if counted.any() else None
    return values


def _answered_alike(contract: ModelContract, reference: Outputs, candidate: Outputs) -> np.ndarray:
    """(N,) bool: where both name the same class. The maps of two classes are not to be compared."""
    name = contract.output("probabilities").name
    return reference[name].argmax(axis=1) == candidate[name].argmax(axis=1)


def _missed(contract: ModelContract, candidate: Outputs) -> float:
    """Largest difference of the candidate's intervals and bands from those of its own scores."""
    severity, interval, band = (contract.output(kind) for kind in ("severity", "interval", "band"))
    scores = np.clip(candidate[severity.name][:, 0], *severity.range)
    bounds = ConformalIntervals.from_json(contract.uncertainty["interval"]).bounds(scores)
    indices = np.array([BANDS.index(name) for name in predicted_bands(scores)])
    return max(
        float(np.abs(candidate[interval.name] - np.stack(bounds, axis=1)).max()),
        float(np.abs(candidate[band.name][:, 0] - indices).max()),
    )


def _answer_checks(
    contract: ModelContract, scheme: str, reference: Outputs, candidate: Outputs
) -> list[dict[str, Any]]:
    """Agreement of the outputs that say when a classifier answers, and whether they follow from its probabilities."""
    least = ANSWER_AGREEMENT.get(scheme, ANSWER_AGREEMENT_QUANTISED)
    checks = []
    for kind in ("answered", "unsuitable"):
        for output in contract.outputs_of_kind(kind):
            same = (reference[output.name] == candidate[output.name]).all(axis=1)
            checks.append(_check(f"{output.name} agreement", same.mean(), ">=", least))
    for kind in ("set", "present"):
        for output in contract.outputs_of_kind(kind):
            same = reference[output.name] == candidate[output.name]
            checks.append(_check(f"{output.name} agreement, of all labels of all images", same.mean(), ">=", least))
    name = contract.output("probabilities").name
    for output in contract.outputs_of_kind("set"):
        members = ConformalSets.from_json(contract.uncertainty["sets"]).members(candidate[name])
        wrong = np.sum(members != candidate[output.name])
        checks.append(_check(f"{output.name} misses the probabilities'", wrong, "<=", 0))
    for output in contract.outputs_of_kind("present"):
        thresholds = np.float32(list(contract.uncertainty["labels"]["thresholds"].values()))
        wrong = np.sum((candidate[name] >= thresholds) != candidate[output.name])
        checks.append(_check(f"{output.name} misses the probabilities'", wrong, "<=", 0))
    for output in contract.outputs_of_kind("answered"):
        threshold = np.float32(contract.uncertainty["abstention"]["threshold"])
        before, after = reference[name].max(axis=1), candidate[name].max(axis=1)
        wrong = np.sum((after >= threshold) != candidate[output.name][:, 0])
        checks.append(_check(f"{output.name} misses the probabilities'", wrong, "<=", 0))
        flipped = (reference[output.name] != candidate[output.name])[:, 0]
        farthest = np.abs(before - threshold)[flipped].max(initial=0)
        error = float(np.abs(after - before).max())
        checks.append(_check(f"{output.name}: farthest change from the threshold", farthest, "<=", error))
    return checks


def _corners_moved(reference: np.ndarray, candidate: np.ndarray) -> float:
    """Mean distance between the corners of two areas of interest, as a share of the first's size."""
    distance = np.linalg.norm(area_corners(candidate) - area_corners(reference), axis=1)
    size = 2 * np.sqrt(np.abs(np.linalg.det(reference[:, :, :2])))
    return float(np.mean(distance / np.maximum(size[:, None], 1e-6)))


def _severity(contract, reference, candidate, held_out):
    name = contract.output("severity").name
    a, b, y_true = reference[name][:, 0], candidate[name][:, 0], held_out.y_true
    metrics = tuple(
        {"mae": mean_absolute_error(y_true, y), "pair_accuracy": _defined(pair_accuracy(y_true, y))} for y in (a, b)
    )
    limit = max(SCORE_BUDGET, SCORE_BUDGET_OF_MAE * metrics[0]["mae"])
    checks = [_check("mean abs score difference", np.mean(np.abs(b - a)), "<=", limit)]
    if metrics[0]["pair_accuracy"] is not None:
        drop = metrics[0]["pair_accuracy"] - metrics[1]["pair_accuracy"]
        checks.append(_check("pair accuracy drop", drop, "<=", PAIR_ACCURACY_DROP))
    return [*checks, _distinct(a, b)], metrics


def _classification(contract, reference, candidate, held_out):
    name = contract.output("probabilities").name
    y_true, num_classes = held_out.y_true, len(contract.labels)
    a, b = reference[name].argmax(axis=1), candidate[name].argmax(axis=1)
    recalls = [class_recalls(y_true, y, num_classes) for y in (a, b)]
    metrics = tuple(
        {
            "accuracy": accuracy(y_true, y),
            **{f"recall_{label}": _defined(r) for label, r in zip(contract.labels, recall, strict=True)},
        }
        for y, recall in zip((a, b), recalls, strict=True)
    )
    checks = [
        _check("top-1 agreement", np.mean(a == b), ">=", TOP1_AGREEMENT),
        _check("accuracy drop", metrics[0]["accuracy"] - metrics[1]["accuracy"], "<=", ACCURACY_DROP),
        _distinct(reference[name], candidate[name]),
    ]
    for index, label in enumerate(contract.labels):
        if not np.isnan(recalls[0][index]):
            # Paired on the same resamples of groups: the least drop that the held-out images allow.
            drop = paired_difference(
                lambda truth, y, index=index: class_recalls(truth, y, num_classes)[index], y_true, a, b, held_out.groups
            )
            checks.append(_check(f"recall drop of {label}, low end of its interval", drop.low, "<=", RECALL_DROP))
    return checks, metrics


def _multilabel(contract, reference, candidate, held_out):
    name = contract.output("probabilities").name
    y_true, a, b = held_out.y_true, reference[name], candidate[name]
    metrics = tuple({"mean_average_precision": _defined(mean_average_precision(y_true, p))} for p in (a, b))
    checks = [_distinct(a, b)]
    if metrics[0]["mean_average_precision"] is not None:
        drop = metrics[0]["mean_average_precision"] - metrics[1]["mean_average_precision"]
        checks.append(_check("mean average precision drop", drop, "<=", ACCURACY_DROP))
    for index, label in enumerate(contract.labels):
        if y_true[:, index].any():
            columns = (y_true[:, [index]], a[:, [index]], b[:, [index]])
            drop = paired_difference(mean_average_precision, *columns, held_out.groups)
            checks.append(
                _check(f"average precision drop of {label}, low end of its interval", drop.low, "<=", RECALL_DROP)
            )
    return checks, metrics


def _agreement_by_class(labels, y_true, reference, candidate) -> dict[str, dict[str, Any]]:
    """Label -> on how many images of it the two answer, and on which share they give the same answer."""
    same = reference.argmax(axis=1) == candidate.argmax(axis=1)
    of_class = {label: same[y_true == index] for index, label in enumerate(labels)}
    return {
        label: {"num_images": len(values), "share": float(values.mean()) if len(values) else None}
        for label, values in of_class.items()
    }


def _distinct(reference: np.ndarray, candidate: np.ndarray) -> dict[str, Any]:
    """A graph squeezed through one badly scaled tensor gives a few steps; no more is asked than Keras itself gives."""
    limit = min(DISTINCT_VALUES, len(np.unique(reference)))
    return _check("distinct output values", len(np.unique(candidate)), ">=", limit)


def _defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
