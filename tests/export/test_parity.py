from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from small_models import LABELS, contract_of, held_out

from tfderm.contract import Output
from tfderm.export.parity import compare, failures, table


class Shapes:
    """What `contract_of` reads of a model."""

    def __init__(self, **outputs):
        self.output = {name: np.empty((1, *shape)) for name, shape in outputs.items()}
        self.inputs = [SimpleNamespace(name="image", shape=(None, 8, 8, 3))]


SEVERITY = contract_of(Shapes(severity=(1,), location_map_4=(4, 4, 1)))
CLASSES = contract_of(Shapes(probabilities=(3,)), LABELS)


def severity_case(count=60, error=0.0, noise=3.0):
    random = np.random.default_rng(0)
    y_true = random.uniform(0, 40, count).astype(np.float32)
    maps = random.random((count, 4, 4, 1)).astype(np.float32)
    scores = (y_true + random.normal(0, noise, count))[:, None].astype(np.float32)
    reference = {"severity": scores, "location_map_4": maps}
    candidate = {"severity": reference["severity"] + np.float32(error), "location_map_4": maps.copy()}
    return reference, candidate, held_out(np.empty((count, 1)), y_true, np.ones(count, bool))


def class_case(count=400):
    random = np.random.default_rng(0)
    y_true = random.integers(0, 3, count)
    logits = np.eye(3)[y_true] * 2 + random.normal(0, 0.7, (count, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return {"probabilities": probabilities.astype(np.float32)}, held_out(np.empty((count, 1)), y_true)


def failed(parity):
    return [check["name"] for check in parity["checks"] if not check["passed"]]


@pytest.mark.parametrize(("error", "passed"), [(0.0009, True), (0.0012, False)])
def test_float32_severity_is_held_to_a_thousandth(error, passed):
    reference, candidate, images = severity_case(error=error)
    parity = compare(SEVERITY, "float32", reference, candidate, images)
    assert parity["passed"] is passed
    assert failed(parity) == ([] if passed else ["severity max abs difference"])


@pytest.mark.parametrize(("error", "passed"), [(9e-5, True), (1.2e-4, False)])
def test_float32_probabilities_are_held_to_a_ten_thousandth(error, passed):
    reference, images = class_case()
    candidate = {"probabilities": reference["probabilities"].copy()}
    candidate["probabilities"][7, 1] += error
    assert compare(CLASSES, "float32", reference, candidate, images)["passed"] is passed


def test_score_budget_is_a_tenth_of_a_point_or_five_percent_of_the_models_own_error():
    exact = severity_case(error=0.11, noise=0.0)
    assert failed(compare(SEVERITY, "static_wi8_ai8", *exact)) == ["mean abs score difference"]
    rough = severity_case(error=0.11, noise=3.0)
    parity = compare(SEVERITY, "static_wi8_ai8", *rough)
    assert parity["passed"]
    check = next(check for check in parity["checks"] if check["name"] == "mean abs score difference")
    own = np.mean(np.abs(rough[0]["severity"][:, 0] - rough[2].y_true))
    assert check["limit"] == pytest.approx(0.05 * own, rel=1e-5)
    assert check["value"] == pytest.approx(0.11, rel=1e-4)


def test_score_that_loses_the_order_of_pairs_is_refused():
    reference, candidate, images = severity_case(noise=0.0, count=400)
    close = {**reference, "severity": reference["severity"] / 100}  # The same order in a hundredth of the range.
    images = held_out(np.empty((400, 1)), images.y_true / 100, images.lesions)
    candidate["severity"] = close["severity"] + np.random.default_rng(1).normal(0, 0.01, (400, 1)).astype(np.float32)
    assert failed(compare(SEVERITY, "mixed", close, candidate, images)) == ["pair accuracy drop"]


def test_squeezed_output_is_refused():
    reference, candidate, images = severity_case(noise=3.0, count=200)
    step = 40 / 12
    candidate["severity"] = np.round(reference["severity"] / step) * step
    assert "distinct output values" in failed(compare(SEVERITY, "static_wi8_ai8", reference, candidate, images))


def test_maps_overlap_only_counts_images_with_lesions():
    reference, candidate, images = severity_case()
    candidate["location_map_4"][:30, :2] = 0
    assert failed(compare(SEVERITY, "mixed", reference, candidate, images)) == ["location_map_4 overlap (IoU at 0.3)"]
    lesions = np.arange(60) >= 30
    healthy = held_out(np.empty((60, 1)), images.y_true, lesions)
    assert compare(SEVERITY, "mixed", reference, candidate, healthy)["passed"]


def test_overlap_is_the_mean_intersection_over_union():
    reference, candidate, images = severity_case(count=2)
    reference["location_map_4"][:] = 0
    candidate["location_map_4"][:] = 0
    reference["location_map_4"][0, 0, :3] = 0.9
    candidate["location_map_4"][0, 0, 1:4] = 0.9  # 2 of 4 cells.
    reference["location_map_4"][1, 1, 1] = candidate["location_map_4"][1, 1, 1] = 0.3
    parity = compare(SEVERITY, "mixed", reference, candidate, images)
    assert parity["outputs"]["location_map_4"]["overlap"] == pytest.approx((0.5 + 1.0) / 2)


@pytest.mark.parametrize(
    ("before", "after", "overlap"), [(0.31, 0.28, 1.0), (0.28, 0.32, 1.0), (0.33, 0.27, 0.5), (0.27, 0.33, 0.5)]
)
def test_a_cell_at_the_threshold_may_cross_it_by_little(before, after, overlap):
    reference, candidate, images = severity_case(count=2)
    for outputs, value in ((reference, before), (candidate, after)):
        outputs["location_map_4"][:] = 0
        outputs["location_map_4"][:, 0, :2, 0] = 0.9, value
    parity = compare(SEVERITY, "mixed", reference, candidate, images)
    assert parity["outputs"]["location_map_4"]["overlap"] == overlap


def test_one_class_that_is_given_up_is_refused_although_accuracy_and_agreement_hold():
    random = np.random.default_rng(0)
    y_true = np.array([0] * 960 + [1] * 10 + [2] * 30)
    probabilities = np.eye(3)[y_true] * 0.5 + random.random((1000, 3)) * 0.1 + 0.1
    probabilities = (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32)
    candidate = probabilities.copy()
    candidate[960:969] = candidate[960:969][:, [1, 0, 2]]
    images = held_out(np.empty((1000, 1)), y_true)
    parity = compare(CLASSES, "static_wi8_ai8", {"probabilities": probabilities}, {"probabilities": candidate}, images)
    assert failed(parity) == ["recall drop of red, low end of its interval"]
    assert "recall drop of red" in failures(parity) and "NO" in table(parity)


def test_disagreement_on_more_than_two_percent_is_refused_although_accuracy_holds():
    reference, images = class_case()
    candidate = {"probabilities": reference["probabilities"].copy()}
    predicted = reference["probabilities"].argmax(axis=1)
    wrong = np.flatnonzero(predicted != images.y_true)[:10]
    candidate["probabilities"][wrong] = np.eye(3, dtype=np.float32)[images.y_true[wrong]]
    assert failed(compare(CLASSES, "mixed", reference, candidate, images)) == ["top-1 agreement"]


@pytest.mark.parametrize(("scheme", "error", "passed"), [
    ("float32", 9e-4, True), ("float32", 1.2e-3, False), ("static_wi8_ai8", 0.09, True), ("mixed", 0.11, False),
])  # fmt: skip
def test_components_are_held_to_a_tenth_of_a_grade_and_closer_in_float32(scheme, error, passed):
    reference, candidate, images = severity_case()
    reference["erythema"] = np.random.default_rng(2).uniform(0, 4, (60, 1)).astype(np.float32)
    candidate["erythema"] = reference["erythema"] + np.float32(error)
    contract = contract_of(Shapes(severity=(1,), location_map_4=(4, 4, 1), erythema=(1,)))
    parity = compare(contract, scheme, reference, candidate, images)
    assert parity["passed"] is passed
    assert all("erythema" in name for name in failed(parity))


def test_nan_is_refused():
    reference, candidate, images = severity_case()
    candidate["severity"][3] = np.nan
    for scheme in ("float32", "mixed"):
        assert "finite outputs" in failed(compare(SEVERITY, scheme, reference, candidate, images))


def test_agreement_is_reported_for_every_class():
    reference, images = class_case()
    candidate = {"probabilities": reference["probabilities"].copy()}
    of_second = np.flatnonzero(images.y_true == 1)
    flipped = of_second[: len(of_second) // 4]
    candidate["probabilities"][flipped] = np.roll(candidate["probabilities"][flipped], 1, axis=1)
    images.y_true[images.y_true == 2] = 0
    parity = compare(CLASSES, "static_wi8_ai8", reference, candidate, images)
    expected = {
        LABELS[0]: {"num_images": 400 - len(of_second), "share": 1.0},
        LABELS[1]: {"num_images": len(of_second), "share": 1 - len(flipped) / len(of_second)},
        LABELS[2]: {"num_images": 0, "share": None},
    }
    assert parity["outputs"]["probabilities"]["agreement_by_class"] == expected
    assert f"| top-1 agreement on {LABELS[2]}, 0 images | no image | | |" in table(parity)


def label_case(count=400):
    random = np.random.default_rng(0)
    shown = (random.random((count, 3)) < (0.2, 0.4, 0.6)).astype(int)
    probabilities = np.clip(random.normal(0.3 + 0.4 * shown, 0.15), 0, 1).astype(np.float32)
    thresholds = np.float32([0.5, 0.45, 0.4])
    contract = contract_of(Shapes(probabilities=(3,)), LABELS)
    present = Output("present", "present", (3,), (0.0, 1.0))
    uncertainty = {"labels": {"thresholds": dict(zip(LABELS, thresholds.tolist(), strict=True))}}
    contract = replace(contract, task="multilabel", outputs=(*contract.outputs, present), uncertainty=uncertainty)

    def outputs(values):
        return {"probabilities": values, "present": (values >= thresholds).astype(np.float32)}

    return contract, outputs, probabilities, held_out(np.empty((count, 1)), shown)


def test_labels_may_change_rarely_and_only_at_their_thresholds():
    contract, outputs, probabilities, images = label_case()
    reference = outputs(probabilities)
    noise = np.random.default_rng(1).normal(0, 1, probabilities.shape).astype(np.float32)
    near = compare(contract, "static_wi8_ai8", reference, outputs(probabilities + 0.005 * noise), images)
    assert near["passed"] and near["candidate"]["mean_average_precision"] > 0.9
    far = compare(contract, "static_wi8_ai8", reference, outputs(probabilities + 0.2 * noise), images)
    assert {"present agreement, of all labels of all images", "mean average precision drop"} <= set(failed(far))
    assert any(name.startswith("average precision drop of") for name in failed(far))
    wrong = outputs(probabilities) | {"present": 1 - reference["present"]}
    assert "present misses the probabilities'" in failed(compare(contract, "float32", reference, wrong, images))
