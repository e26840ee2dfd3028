"""What is computed in the graph equals the NumPy twins and hand-made photographs."""

import cv2
import keras
import numpy as np
import pytest

from tfderm.datasets.synthetic.skin import _TONES
from tfderm.layers import FeatureDistance, LabelsPresent, OutsideLimits, PhotographMeasures, SelectiveAnswer
from tfderm.metrics import ConformalSets, PrincipalSubspace, tempered

THRESHOLDS = {"a": 0.2, "b": 0.3, "c": 0.45}


def test_answers_equal_the_metrics():
    logits = np.random.default_rng(0).normal(0, 3, (200, 3)).astype(np.float32)
    answers = SelectiveAnswer(1.7, 0.6, list(THRESHOLDS.values()))(logits)
    expected = tempered(logits, 1.7)
    np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-6)
    np.testing.assert_array_equal(answers["answered"][:, 0], expected.max(axis=1) >= 0.6)
    sets = ConformalSets(0.9, THRESHOLDS, {})
    np.testing.assert_array_equal(answers["prediction_set"], sets.members(expected))
    assert set(SelectiveAnswer(1.7)(logits)) == {"probabilities"}


def test_labels_are_present_from_their_thresholds_on():
    present = LabelsPresent([0.5, 0.25])(np.float32([[0.5, 0.24], [0.49, 0.25]]))
    np.testing.assert_array_equal(present, [[1, 0], [0, 1]])


def test_distance_equals_the_metric():
    rng = np.random.default_rng(0)
    subspace = PrincipalSubspace.fit(rng.normal(0, 1, (100, 12)) * np.linspace(0.1, 4, 12) + 3)
    layer = FeatureDistance(len(subspace.components))
    new = rng.normal(3, 2, (30, 12)).astype(np.float32)
    layer.build(new.shape)
    layer.set_weights([subspace.mean, subspace.components, np.float32(subspace.spread)])
    np.testing.assert_allclose(np.asarray(layer(new))[:, 0], subspace.distance(new), rtol=1e-4)


def test_a_value_on_its_limit_is_not_outside():
    values = [np.float32([[1], [2], [3]])] * 2
    outside = OutsideLimits([2, 2], ["below", "above"])(values)
    np.testing.assert_array_equal(outside, [[1, 0], [0, 0], [0, 1]])
    with pytest.raises(ValueError, match="one limit and one side"):
        OutsideLimits([1, 2], ["below"])


def measures(images):
    return {name: np.asarray(values)[:, 0] for name, values in PhotographMeasures()(np.asarray(images)).items()}


def skin(tone, seed=0, size=(64, 80)):
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.normal(1, 0.12, (12, 14)), size[::-1], interpolation=cv2.INTER_CUBIC)
    texture = cv2.GaussianBlur(rng.normal(0, 0.15, size), (0, 0), 0.7)
    return np.clip(np.array(tone) * (coarse + texture)[..., None], 0, 255).astype(np.uint8)


def test_skin_of_all_six_types_counts_as_skin_and_is_measured_alike():
    seen = measures([skin(tone) for tone in _TONES])
    assert seen["skin_share"].min() > 0.9
    assert np.ptp(seen["sharpness"]) < 0.1  # A blurred photograph of the same has less than half.
    assert seen["brightness"].min() > 40
    others = [np.full((64, 80, 3), colour, np.uint8) for colour in ((70, 120, 60), (120, 160, 220), (128,) * 3)]
    noise = np.random.default_rng(0).integers(0, 256, (64, 80, 3)).astype(np.uint8)
    assert measures([*others, noise])["skin_share"].max() < 0.3


@pytest.mark.parametrize("contrast", [1.0, 0.4])
def test_blur_lowers_sharpness_whatever_the_contrast(contrast):
    sharp = np.clip(120 + (skin(_TONES[2]).astype(float) - 120) * contrast, 0, 255).astype(np.uint8)
    blurred = [cv2.GaussianBlur(sharp, (0, 0), sigma) for sigma in (1, 2, 4)]
    values = measures([sharp, *blurred])["sharpness"]
    assert values[0] > 1.5 * values[1] and values[1] > values[2]


def test_exposure_is_mean_and_share_of_luminance():
    image = skin(_TONES[1])
    half = image.copy()
    half[:32] = 255
    seen = measures([image, half])
    luminance = image @ np.array([0.299, 0.587, 0.114])
    assert seen["brightness"][0] == pytest.approx(luminance.mean(), rel=1e-5)
    assert seen["burnt_share"][1] == pytest.approx(0.5 + np.mean(luminance[32:] > 0.95 * 255) / 2, abs=1e-6)


def test_layers_survive_saving(tmp_path):
    image, logits = keras.Input((16, 16, 3), dtype="uint8"), keras.Input((3,))
    seen = PhotographMeasures()(image)
    outputs = {
        **SelectiveAnswer(2.0, 0.5, [0.1, 0.2, 0.3])(logits),
        "distance": FeatureDistance(2)(logits),
        "outside": OutsideLimits([0.3, 0.2], ["below", "above"])([seen["sharpness"], seen["burnt_share"]]),
    }
    model = keras.Model([image, logits], outputs)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    inputs = [np.stack([skin(_TONES[0], size=(16, 16))] * 2), np.float32([[1, 2, 3], [9, 0, 0]])]
    for name, values in model(inputs).items():
        np.testing.assert_array_equal(values, again(inputs)[name])
