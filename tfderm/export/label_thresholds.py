"""Which labels a model says that an image shows: measured on the validation split, carried in contract and graph."""

from dataclasses import replace
from typing import Any

import keras

from tfderm.contract import ModelContract, Output
from tfderm.export.held_out import RunImages
from tfderm.export.suitability import measured_suitability, unsuitable, unsuitable_output
from tfderm.layers import LabelsPresent
from tfderm.metrics import PrincipalSubspace, label_thresholds


def measure_labels(model: keras.Model, images: RunImages) -> tuple[dict[str, Any], PrincipalSubspace | None]:
    """From which probability on each label is there, and which photographs the model should turn away.

    Returns:
        `labels`: `thresholds`, label -> probability of the largest F1 on the validation split (0.5 where no image there
        shows the label), and `counts`, label -> images there that show it; `suitability`, `measured_on` and the
        subspace as `measured_suitability`. Empty, and None, without validation images; stderr says why.
    """
    found = measured_suitability(model, images)
    if found is None:
        return {}, None
    labels, probabilities, y_true = images.run.contract.labels, found.outputs["probabilities"], found.held_out.y_true
    chosen = label_thresholds(y_true, probabilities)
    result = {
        "labels": {
            "thresholds": {label: float(value) for label, value in zip(labels, chosen, strict=True)},
            "counts": {label: int(count) for label, count in zip(labels, y_true.sum(axis=0), strict=True)},
        },
        **found.measured,
    }
    return result, found.subspace


def with_labels_present(model: keras.Model, contract: ModelContract, subspace: PrincipalSubspace) -> keras.Model:
    """`model` with the outputs of `label_outputs`."""
    measured = contract.uncertainty
    thresholds = [measured["labels"]["thresholds"][label] for label in contract.labels]
    present = LabelsPresent(thresholds, name="present")(model.output["probabilities"])
    turned_away = unsuitable(model, measured["suitability"]["checks"], subspace)
    return keras.Model(model.input, {**model.output, "present": present, "unsuitable": turned_away}, name=model.name)


def label_outputs(contract: ModelContract, measured: dict[str, Any]) -> ModelContract:
    """The contract of `with_labels_present`'s model, from the trained model's own."""
    present = Output("present", "present", (len(contract.labels),), (0.0, 1.0))
    outputs = (*contract.outputs, unsuitable_output(measured), present)
    return replace(contract, outputs=outputs, uncertainty=measured)
