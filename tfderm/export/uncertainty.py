"""What a model's answer is worth: measured on the validation split, carried in the contract and the graph."""

import sys
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from tfderm.contract import ModelContract, Output
from tfderm.errors import InputError
from tfderm.export.held_out import RunImages
from tfderm.export.label_thresholds import label_outputs, measure_labels, with_labels_present
from tfderm.export.parity import keras_outputs
from tfderm.export.selective import measure_selective, selective_outputs, with_selective
from tfderm.layers import SeverityInterval
from tfderm.metrics import ConformalIntervals, PrincipalSubspace, smallest_detectable_change
from tfderm.metrics.conformal import BANDS

INTERVAL_LEVEL = 0.9
CHANGE_LEVEL = 0.95
SUBSPACE_FILE = "features.npz"
"""In a bundle of a classifier: what `PrincipalSubspace.load` reads."""


def measure_uncertainty(model: keras.Model, images: RunImages) -> tuple[dict[str, Any], PrincipalSubspace | None]:
    """The contract's `uncertainty` of a trained model, and the subspace that a classifier's checks need."""
    if images.run.contract.task == "classification":
        return measure_selective(model, images)
    if images.run.contract.task == "multilabel":
        return measure_labels(model, images)
    return measure_severity(model, images), None


def with_answers(model: keras.Model, contract: ModelContract, subspace: PrincipalSubspace | None) -> keras.Model:
    """`model` with the outputs that the contract's `uncertainty` adds."""
    if not contract.uncertainty:
        return model
    if contract.task == "classification":
        return with_selective(model, contract, subspace)
    if contract.task == "multilabel":
        return with_labels_present(model, contract, subspace)
    return with_interval(model, contract)


def with_uncertainty(contract: ModelContract, uncertainty: dict[str, Any]) -> ModelContract:
    """The contract of `with_answers`' model, from the trained model's own."""
    if not uncertainty:
        return contract
    extend = {"severity": interval_outputs, "classification": selective_outputs, "multilabel": label_outputs}
    return extend[contract.task](contract, uncertainty)


def measure_severity(model: keras.Model, images: RunImages) -> dict[str, Any]:
    """Prediction intervals and the smallest detectable change of a trained severity model.

    Training does not fit the validation split, so its errors are those of new patients (with `select_best`, which picks
    the epoch by it, somewhat smaller).

    Returns:
        `interval` (JSON form of `ConformalIntervals`), `change` (as `smallest_detectable_change`), `measured_on`.
        Empty, or without `change`, where there are too few photographs or pairs of visits; stderr says so.
    """
    try:
        held_out = images.held_out("validation")
        records = images.of_split("validation")
        output = images.run.contract.output("severity")
        y_pred = np.clip(keras_outputs(model, held_out.batches())[output.name][:, 0], *output.range)
        intervals = ConformalIntervals.fit(held_out.y_true, y_pred, INTERVAL_LEVEL)
    except InputError as error:
        print(f"no prediction intervals in this bundle: {error}", file=sys.stderr)
        return {}
    result = {
        "interval": intervals.to_json(),
        "measured_on": {
            "split": "validation",
            "num_images": len(records),
            "num_groups": len(set(held_out.groups)),
            "synthetic": held_out.synthetic,
        },
    }
    followed = [index for index, record in enumerate(records) if record.metadata.get("visit")]
    series = [(held_out.groups[index], records[index].metadata.get("region", "")) for index in followed]
    visits = [records[index].metadata["visit"] for index in followed]
    try:
        change = smallest_detectable_change(held_out.y_true[followed], y_pred[followed], series, visits, CHANGE_LEVEL)
    except InputError as error:
        print(f"no smallest detectable change in this bundle: {error}", file=sys.stderr)
        return result
    return {**result, "change": change}


def with_interval(model: keras.Model, contract: ModelContract) -> keras.Model:
    """`model` with the outputs `severity_interval` and `severity_band`, where the contract has an interval."""
    interval = contract.uncertainty.get("interval")
    if not interval:
        return model
    half_widths = [interval["half_widths"][band] for band in BANDS]
    severity = model.output[contract.output("severity").name]
    answers = SeverityInterval(half_widths, interval["limits"], name="severity_answers")(severity)
    return keras.Model(model.input, {**model.output, **answers}, name=model.name)


def interval_outputs(contract: ModelContract, uncertainty: dict[str, Any]) -> ModelContract:
    """The contract of `with_interval`'s model, from the trained model's own."""
    if "interval" not in uncertainty:
        return replace(contract, uncertainty=uncertainty)
    severity = contract.output("severity")
    names = ", ".join(f"{index} {band}" for index, band in enumerate(BANDS))
    answers = (
        Output("severity_interval", "interval", (2,), severity.range, severity.unit),
        Output("severity_band", "band", (1,), (0.0, len(BANDS) - 1.0), names),
    )
    return replace(contract, outputs=contract.outputs + answers, uncertainty=uncertainty)
