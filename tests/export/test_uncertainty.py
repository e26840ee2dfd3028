"""Intervals and the smallest detectable change of a model whose errors are known."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from small_models import contract_of

from tfderm.datasets.corpus import Record
from tfderm.export.parity import HeldOut
from tfderm.export.uncertainty import measure_uncertainty


def images_of(y_true, errors, patients, visits):
    """A validation split of 4x4 images whose grey level is the score the model below will say."""
    levels = np.asarray(y_true) + errors
    pixels = np.broadcast_to(levels[:, None, None, None], (len(levels), 4, 4, 3)).astype(np.uint8)
    records = [
        Record(f"{i}.png", p, metadata={"visit": v}) for i, (p, v) in enumerate(zip(patients, visits, strict=True))
    ]
    held_out = HeldOut(
        batches=lambda: iter([pixels]),
        y_true=np.asarray(y_true, float),
        groups=tuple(patients),
        lesions=np.ones(len(levels), bool),
        split="validation",
        synthetic=True,
    )
    return SimpleNamespace(
        held_out=lambda split: held_out,
        of_split=lambda split: records,
        run=SimpleNamespace(contract=contract_of(MODEL)),
    )


def brightness():
    """severity = mean grey level."""
    image = keras.Input((4, 4, 3), dtype="uint8", name="image")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1.0)(image))
    severity = keras.layers.Lambda(lambda x: keras.ops.mean(x, axis=1, keepdims=True))(mean)
    return keras.Model(image, {"severity": severity})


MODEL = brightness()


def test_widths_and_change_are_the_quantiles_of_the_errors():
    # Forty patients, two visits; errors 0..39 a patient at the first visit, 2 points more at the second.
    patients = [f"p{i // 2}" for i in range(80)]
    visits = ["1", "2"] * 40
    errors = np.array([i // 2 % 20 + 2 * (i % 2) for i in range(80)])
    result = measure_uncertainty(MODEL, images_of(np.full(80, 30), errors, patients, visits))
    # All are severe: rank ceil(81 * 0.9) = 73 of the sorted errors; every change is wrong by 2.
    assert result["interval"]["half_widths"]["severe"] == pytest.approx(np.sort(errors)[72], abs=1e-4)
    assert result["change"]["value"] == pytest.approx(2, abs=1e-4)
    assert result["change"]["num_pairs"] == 40
    assert result["measured_on"] == {"split": "validation", "num_images": 80, "num_groups": 40, "synthetic": True}


def test_too_few_are_said_and_not_made_up(capsys):
    few = images_of(np.full(4, 30), np.zeros(4, int), list("abcd"), ["1"] * 4)
    assert measure_uncertainty(MODEL, few) == {}
    assert "no prediction intervals in this bundle" in capsys.readouterr().err
    single = images_of(np.full(30, 30), np.arange(30), [f"p{i}" for i in range(30)], ["1"] * 30)
    assert "change" not in measure_uncertainty(MODEL, single)
    assert "no smallest detectable change" in capsys.readouterr().err
