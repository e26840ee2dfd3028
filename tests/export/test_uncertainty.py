"""Intervals and the smallest detectable change of a model whose errors are known."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from small_models import case, contract_of

from tfderm.datasets.corpus import Record
from tfderm.errors import CheckFailed
from tfderm.export.bundle import build_bundle
from tfderm.export.parity import HeldOut
from tfderm.export.uncertainty import measure_severity, with_interval, with_uncertainty
from tfderm.runtime.predictor import Predictor
from tfderm.runtime.replay import replay_golden

INTERVAL = {"level": 0.9, "half_widths": {"mild": 1.0, "medium": 2.0, "severe": 6.0}, "counts": {}, "limits": [0, 72]}
MEASURED = {"split": "validation", "num_images": 96, "num_groups": 48, "synthetic": True}


def images_of(y_true, errors, patients, visits):
    """A validation split of 4x4 images whose grey level is the score the model below will say."""
    levels = np.asarray(y_true) + errors
    pixels = np.broadcast_to(levels[:, None, None, None], (len(levels), 4, 4, 3)).astype(np.uint8)
    records = [
        Record(f"{i}.png", p, metadata={"visit": v}) for i, (p, v) in enumerate(zip(patients, visits, strict=True))
    ]
    held_out = HeldOut(
        batches=lambda: iter([{"image": pixels}]),
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
    result = measure_severity(MODEL, images_of(np.full(80, 30), errors, patients, visits))
    # All are severe: rank ceil(81 * 0.9) = 73 of the sorted errors; every change is wrong by 2.
    assert result["interval"]["half_widths"]["severe"] == pytest.approx(np.sort(errors)[72], abs=1e-4)
    assert result["change"]["value"] == pytest.approx(2, abs=1e-4)
    assert result["change"]["num_pairs"] == 40
    assert result["measured_on"] == {"split": "validation", "num_images": 80, "num_groups": 40, "synthetic": True}


@pytest.mark.parametrize("scheme", ["float32", "static_wi8_ai8", "dynamic_wi8_afp32"])
def test_bundle_answers_with_interval_and_band(scheme, tmp_path):
    model, contract, images, calibration = case("severity")
    contract = with_uncertainty(contract, {"interval": INTERVAL, "measured_on": MEASURED})
    answering = with_interval(model, contract)
    bundle = build_bundle(
        answering, contract, scheme=scheme, output=tmp_path / scheme, held_out=images, calibration=calibration
    )
    check = next(c for c in bundle.parity["checks"] if c["name"] == "interval and band miss the score's")
    assert check["passed"] and check["value"] < 1e-3
    predictor = Predictor(bundle)
    seen = set()
    for image in next(iter(images.batches()))["image"][:32]:
        outputs, answer = predictor.predict(image), predictor.answer(image)
        half = INTERVAL["half_widths"][answer["band"]]
        assert answer["band"] == ("mild", "medium", "severe")[int(outputs["severity_band"][0])]
        expected = np.clip([answer["severity"] - half, answer["severity"] + half], 0, 72)
        np.testing.assert_allclose(answer["interval"], expected, atol=1e-3)
        seen.add(answer["band"])
    assert len(seen) > 1
    assert all(check["passed"] for check in replay_golden(bundle))


def test_an_interval_that_is_not_the_scores_is_refused(tmp_path):
    model, contract, images, _ = case("severity")
    contract = with_uncertainty(contract, {"interval": INTERVAL, "measured_on": MEASURED})
    other = {**INTERVAL, "half_widths": {"mild": 1.0, "medium": 2.0, "severe": 5.0}}
    wrong = with_interval(model, with_uncertainty(contract_of(model), {"interval": other, "measured_on": MEASURED}))
    with pytest.raises(CheckFailed, match="interval and band miss the score's"):
        build_bundle(wrong, contract, scheme="float32", output=tmp_path / "b", held_out=images, calibration={})
    assert not (tmp_path / "b").exists()


def test_too_few_are_said_and_not_made_up(capsys):
    few = images_of(np.full(4, 30), np.zeros(4, int), list("abcd"), ["1"] * 4)
    assert measure_severity(MODEL, few) == {}
    assert "no prediction intervals in this bundle" in capsys.readouterr().err
    single = images_of(np.full(30, 30), np.arange(30), [f"p{i}" for i in range(30)], ["1"] * 30)
    assert "change" not in measure_severity(MODEL, single)
    assert "no smallest detectable change" in capsys.readouterr().err
