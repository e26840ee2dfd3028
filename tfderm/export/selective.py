"""When a classifier answers: measured on the validation split, carried in the contract and the graph."""

import sys
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from tfderm.contract import ModelContract, Output
from tfderm.errors import InputError
from tfderm.export.held_out import RunImages
from tfderm.export.suitability import measured_suitability, unsuitable, unsuitable_output
from tfderm.layers import SelectiveAnswer
from tfderm.metrics import (
    ConformalSets,
    PrincipalSubspace,
    bootstrap_interval,
    cut_off,
    fit_temperature,
    logits_of,
    tempered,
)
from tfderm.metrics.conformal_sets import SET_LEVEL
from tfderm.metrics.selective import SMALLEST_ANSWERED


def measure_selective(model: keras.Model, images: RunImages) -> tuple[dict[str, Any], PrincipalSubspace | None]:
    """When a trained classifier should answer, and which photographs it should turn away.

    Training does not fit the validation split. Temperature and cut-off are chosen by it, so that the accuracy stated
    here is a little too good; `tfderm.evaluate` measures it on other images.

    Returns:
        `temperature`; `abstention` (wanted_accuracy, smallest, threshold; coverage and accuracy as intervals over
        resampled patients, or without them where no threshold gives the wanted accuracy); `sets` (JSON form of
        `ConformalSets`, absent where there are too few images); `suitability`, `measured_on` and the subspace as
        `measured_suitability`. Empty, and None, without validation images. stderr says what is missing and why.
    """
    found = measured_suitability(model, images)
    if found is None:
        return {}, None
    labels, y_true = images.run.contract.labels, found.held_out.y_true
    raw = logits_of(found.outputs["probabilities"])
    temperature = fit_temperature(raw, y_true)
    probabilities = tempered(raw, temperature)
    result = {
        "temperature": temperature,
        "abstention": _abstention(probabilities, found.held_out, images.run.recipe.wanted_accuracy),
        **found.measured,
    }
    try:
        result["sets"] = ConformalSets.fit(y_true, probabilities, labels, SET_LEVEL).to_json()
    except InputError as error:
        print(f"no prediction sets in this bundle: {error}", file=sys.stderr)
    return result, found.subspace


def _abstention(probabilities: np.ndarray, held_out, wanted_accuracy: float) -> dict[str, Any]:
    correct, confidence = probabilities.argmax(axis=1) == held_out.y_true, probabilities.max(axis=1)
    threshold = cut_off(correct, confidence, wanted_accuracy)
    result = {"wanted_accuracy": wanted_accuracy, "smallest": SMALLEST_ANSWERED, "threshold": None}
    if threshold is None:
        print(
            f"no cut-off in this bundle: at no confidence are {wanted_accuracy:.0%} of the answers to at least "
            f"{SMALLEST_ANSWERED} validation images right, so that it does not say when it is sure.",
            file=sys.stderr,
        )
        return result
    threshold = float(np.float32(threshold))

    def accuracy(correct, answered):
        return float(correct[answered].mean()) if answered.any() else float("nan")

    answered = confidence >= threshold
    return result | {
        "threshold": threshold,
        "coverage": bootstrap_interval(np.mean, (answered,), held_out.groups).to_json(),
        "accuracy": bootstrap_interval(accuracy, (correct, answered), held_out.groups).to_json(),
    }


def logits(model: keras.Model) -> keras.KerasTensor:
    """What the softmax of the layer `probabilities` reads; a fully connected layer with a softmax is taken apart."""
    layer = model.get_layer("probabilities")
    if isinstance(layer, keras.layers.Softmax):
        return layer.input
    linear = keras.layers.Dense.from_config({**layer.get_config(), "activation": "linear", "name": "logits"})
    tensor = linear(layer.input)
    linear.set_weights(layer.get_weights())
    return tensor


def with_selective(model: keras.Model, contract: ModelContract, subspace: PrincipalSubspace) -> keras.Model:
    """`model` with calibrated probabilities and the outputs of `selective_outputs`."""
    measured = contract.uncertainty
    sets = measured.get("sets")
    answers = SelectiveAnswer(
        measured["temperature"],
        measured["abstention"]["threshold"],
        [sets["thresholds"][label] for label in contract.labels] if sets else None,
        name="selective_answer",
    )(logits(model))
    turned_away = unsuitable(model, measured["suitability"]["checks"], subspace)
    return keras.Model(model.input, {**model.output, **answers, "unsuitable": turned_away}, name=model.name)


def selective_outputs(contract: ModelContract, measured: dict[str, Any]) -> ModelContract:
    """The contract of `with_selective`'s model, from the trained model's own."""
    size = len(contract.labels)
    answers = [unsuitable_output(measured)]
    if measured["abstention"]["threshold"] is not None:
        answers.append(Output("answered", "answered", (1,), (0.0, 1.0)))
    if "sets" in measured:
        answers.append(Output("prediction_set", "set", (size,), (0.0, 1.0)))
    return replace(contract, outputs=(*contract.outputs, *answers), uncertainty=measured)
