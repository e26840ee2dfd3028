"""Which photographs a classifier turns away: limits measured on those it was trained for, applied in the graph."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from tfderm.contract import Output
from tfderm.errors import InputError
from tfderm.export.held_out import RunImages
from tfderm.export.parity import HeldOut, keras_outputs
from tfderm.layers import FeatureDistance, OutsideLimits, PhotographMeasures
from tfderm.metrics import PrincipalSubspace, conformal_quantile
from tfderm.models.normalization import image_of

MAX_TRAINING_IMAGES = 2000
"""Training images that the usual look of an image is learned from; more change it little."""

_UNFAMILIAR = "unfamiliarity"


@dataclass(frozen=True)
class Check:
    """One reason to turn a photograph away.

    Args:
        name: what is measured.
        side: "below" or "above": where, seen from the limit, unsuitable photographs lie.
        words: for people.
        share: of suitable photographs that it may turn away; 1 % by all checks together.
        bound: the limit is never stricter than this, whatever was measured; None for none. Skin darker than any that
            was measured must not count as a dark photograph.
        needed: a limit below this says nothing, and the check is left out.
    """

    name: str
    side: str
    words: str
    share: float
    bound: float | None = None
    needed: float | None = None


CHECKS = (
    Check("sharpness", "below", "blurred", 0.001),
    Check("brightness", "below", "too dark", 0.001, bound=40.0),
    Check("burnt_share", "above", "burnt out", 0.001, bound=0.25),
    Check("skin_share", "below", "hardly any skin", 0.001, needed=0.05),
    # One is what the average training image has: nothing nearer is unfamiliar, and far below lies only rounding.
    Check(_UNFAMILIAR, "above", "unlike the images it was trained on", 0.006, bound=1.0),
)


@dataclass(frozen=True)
class Measured:
    """What the validation images of a run tell: themselves, the model's outputs for them, and the checks' limits.

    Args:
        held_out: the images.
        outputs: of the model, by name.
        measured: for the contract: `suitability` (as `measure_suitability`) and `measured_on`.
        subspace: of the training images' features, which `suitability` needs.
    """

    held_out: HeldOut
    outputs: dict[str, np.ndarray]
    measured: dict[str, Any]
    subspace: PrincipalSubspace


def measured_suitability(model: keras.Model, images: RunImages) -> Measured | None:
    """Run a classifier on the validation images, which training does not fit; None, and stderr says why, without."""
    try:
        held_out, usual = images.held_out("validation"), images.held_out("train", MAX_TRAINING_IMAGES)
        measuring = with_measures(model)
        validation, training = (keras_outputs(measuring, part.batches()) for part in (held_out, usual))
        suitability, subspace = measure_suitability(training, validation)
    except InputError as error:
        print(f"this bundle always answers: {error}", file=sys.stderr)
        return None
    measured_on = {
        "split": "validation",
        "num_images": len(held_out.y_true),
        "num_groups": len(set(held_out.groups)),
        "synthetic": held_out.synthetic,
    }
    return Measured(held_out, validation, {"suitability": suitability, "measured_on": measured_on}, subspace)


def with_measures(model: keras.Model) -> keras.Model:
    """`model` with what the checks measure, (B, 1) each, and `features`, (B, D), what its last layers read."""
    outputs = {**model.output, **PhotographMeasures(name="measures")(image_of(model)), "features": last_features(model)}
    return keras.Model(model.input, outputs)


def last_features(model: keras.Model) -> keras.KerasTensor:
    """(B, D): what the last layers with weights read before `probabilities`; maps are averaged, several joined."""
    found, waiting = {}, [model.output["probabilities"]]
    while waiting:
        history = waiting.pop()._keras_history
        inputs = history.operation._inbound_nodes[history.node_index].input_tensors
        if getattr(history.operation, "kernel", None) is None:
            waiting.extend(inputs)
        else:
            found |= {id(tensor): tensor for tensor in inputs}
    flat = [keras.ops.mean(x, axis=(1, 2)) if len(x.shape) == 4 else x for x in found.values()]
    return keras.ops.concatenate(flat, axis=-1) if len(flat) > 1 else flat[0]


def measure_suitability(
    training: dict[str, np.ndarray], validation: dict[str, np.ndarray]
) -> tuple[dict[str, Any], PrincipalSubspace]:
    """Limits that few suitable photographs lie beyond.

    What is measured on pixels alone takes its limit from training and validation images; the distance from the training
    images takes it from validation images, which are as far as new ones.

    Args:
        training: outputs of `with_measures`' model for training images, by name.
        validation: likewise.

    Returns:
        `share`, of suitable photographs, that may be turned away; `checks`, each with `name`, `side`, `limit`, `words`
        and `num_images`; `left_out`, name -> why. And the subspace of the training images' features.
    """
    subspace = PrincipalSubspace.fit(training["features"])
    distances = subspace.distance(validation["features"])
    checks, left_out, shares = [], {}, []
    for check in CHECKS:
        if check.name == _UNFAMILIAR:
            values = distances
        else:
            values = np.concatenate([training[check.name], validation[check.name]])[:, 0]
        sign = 1 if check.side == "above" else -1
        # With too few images for the share, their most extreme one, which a new one exceeds once in (n + 1) times.
        share = max(check.share, 1 / (values.size + 1))
        limit = sign * conformal_quantile(sign * values, 1 - share)
        if check.needed is not None and limit < check.needed:
            left_out[check.name] = (
                f"suitable photographs measure as low as {limit:.2g}; a limit below {check.needed:g} says nothing"
            )
            continue
        if check.bound is not None:
            limit = sign * max(sign * limit, sign * check.bound)
        shares.append(share)
        checks.append(
            {
                "name": check.name,
                "side": check.side,
                "limit": float(np.float32(limit)),
                "words": check.words,
                "num_images": values.size,
            }
        )
    return {"share": round(sum(shares), 6), "checks": checks, "left_out": left_out}, subspace


def unsuitable(model: keras.Model, checks: Sequence[dict[str, Any]], subspace: PrincipalSubspace) -> keras.KerasTensor:
    """(B, number of checks): 1.0 where a check of `measure_suitability` turns `model`'s image away."""
    distance = FeatureDistance(len(subspace.components), name=_UNFAMILIAR)
    values = {**PhotographMeasures(name="measures")(image_of(model)), _UNFAMILIAR: distance(last_features(model))}
    distance.set_weights([subspace.mean, subspace.components, np.float32(subspace.spread)])
    layer = OutsideLimits([check["limit"] for check in checks], [check["side"] for check in checks], name="unsuitable")
    return layer([values[check["name"]] for check in checks])


def unsuitable_output(measured: dict[str, Any]) -> Output:
    """How a contract declares the tensor of `unsuitable`."""
    checks = measured["suitability"]["checks"]
    return Output("unsuitable", "unsuitable", (len(checks),), (0.0, 1.0), ", ".join(check["name"] for check in checks))
