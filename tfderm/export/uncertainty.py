"""What a severity model's score is worth, measured on the validation split and carried in the contract."""

import sys
from typing import Any

import keras
import numpy as np

from tfderm.errors import InputError
from tfderm.export.held_out import RunImages
from tfderm.export.parity import keras_outputs
from tfderm.metrics import ConformalIntervals, smallest_detectable_change

INTERVAL_LEVEL = 0.9
CHANGE_LEVEL = 0.95


def measure_uncertainty(model: keras.Model, images: RunImages) -> dict[str, Any]:
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
