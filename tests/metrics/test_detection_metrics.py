"""Detection metrics against pycocotools and against cases worked by hand."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tfderm.metrics.detection import (
    average_precision,
    box_iou,
    choose_confidence,
    match_detections,
    precision_at,
    precision_recall_curve,
    recall_at,
)


def random_images(rng, num_images):
    """Per image: true boxes, and detections that lie on them, near them or anywhere, some of equal score."""
    images = []
    for _ in range(num_images):
        true = np.concatenate([rng.uniform(0, 80, (rng.integers(0, 5), 2))] * 2, axis=1)
        true[:, 2:] = rng.uniform(5, 40, (len(true), 2))
        near = np.repeat(true, 2, axis=0) + rng.normal(0, 3, (2 * len(true), 4))
        anywhere = rng.uniform(1, 60, (rng.integers(0, 4), 4))
        boxes = np.concatenate([near, anywhere])
        boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
        images.append((true, boxes, np.round(rng.uniform(0, 1, len(boxes)), 1)))
    return images


def coco_eval(images, iou_threshold):
    truth, results = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "lesion"}]}, []
    for number, (true, boxes, scores) in enumerate(images, start=1):
        truth["images"].append({"id": number, "height": 200, "width": 200})
        for box in true.tolist():
            truth["annotations"].append(
                {"id": len(truth["annotations"]) + 1, "image_id": number, "category_id": 1, "bbox": box,
                 "area": box[2] * box[3], "iscrowd": 0}
            )  # fmt: skip
        for box, score in zip(boxes.tolist(), scores.tolist(), strict=True):
            results.append({"image_id": number, "category_id": 1, "bbox": box, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.params.iouThrs = np.array([iou_threshold])
        evaluation.evaluate()
        evaluation.accumulate()
    # Precision: thresholds, recalls, classes, area ranges (all is the first), detections per image (100 is the last).
    return evaluation.eval["precision"][0, :, 0, 0, -1].mean(), evaluation.eval["recall"][0, 0, 0, -1]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("iou_threshold", [0.5, 0.75])
def test_average_precision_and_recall_are_those_of_pycocotools(seed, iou_threshold):
    images = random_images(np.random.default_rng(seed), num_images=12)
    hits = np.concatenate([match_detections(b, s, t, iou_threshold) >= 0 for t, b, s in images])
    scores = np.concatenate([s for *_, s in images])
    num_true = sum(len(t) for t, *_ in images)
    expected_ap, expected_recall = coco_eval(images, iou_threshold)
    assert 0 < expected_ap < 1
    assert average_precision(scores, hits, num_true) == pytest.approx(expected_ap, abs=1e-12)
    assert recall_at(scores, hits, num_true, 0.0) == pytest.approx(expected_recall, abs=1e-12)


def test_overlap_by_hand():
    overlaps = box_iou([[0, 0, 10, 10], [0, 0, 0, 0]], [[5, 0, 10, 10], [0, 0, 10, 10], [20, 20, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_allclose(overlaps, [[1 / 3, 1, 0, 0], [0, 0, 0, 0]])


def test_a_true_box_is_found_once():
    true = [[0, 0, 10, 10]]
    boxes = [[1, 0, 10, 10], [0, 0, 10, 10], [50, 50, 10, 10]]
    np.testing.assert_array_equal(match_detections(boxes, [0.6, 0.9, 0.8], true), [-1, 0, -1])


def test_a_detection_takes_the_box_it_overlaps_most():
    true = [[0, 0, 10, 10], [2, 0, 10, 10]]
    np.testing.assert_array_equal(match_detections([[2, 0, 10, 10], [1, 0, 10, 10]], [0.9, 0.8], true), [1, 0])


def test_images_without_boxes_or_detections():
    assert match_detections(np.empty((0, 4)), [], [[0, 0, 1, 1]]).shape == (0,)
    np.testing.assert_array_equal(match_detections([[0, 0, 1, 1]], [0.5], np.empty((0, 4))), [-1])
    assert np.isnan(average_precision([], [], 0)) and np.isnan(recall_at([], [], 0, 0.5))
    assert average_precision([], [], 3) == 0 and np.isnan(precision_at([0.2], [True], 0.5))


def test_curve_and_operating_point_by_hand():
    scores, hits = [0.9, 0.8, 0.7, 0.6, 0.5], [True, True, False, True, False]
    recall, precision, _ = precision_recall_curve(scores, hits, 4)
    np.testing.assert_allclose(recall, [1 / 4, 2 / 4, 2 / 4, 3 / 4, 3 / 4])
    np.testing.assert_allclose(precision, [1, 1, 2 / 3, 3 / 4, 3 / 5])
    # F1 by confidence: 2/5, 4/6, 4/7, 6/8, 6/9.
    assert choose_confidence(scores, hits, 4) == 0.6
    assert choose_confidence(scores, hits, 4, min_precision=0.9) == 0.8
    assert choose_confidence([0.3, 0.2], [False, False], 4, min_precision=0.9) == 0.3
    assert recall_at(scores, hits, 4, 0.6) == 0.75 and precision_at(scores, hits, 0.6) == 0.75


def test_detections_of_equal_score_are_counted_together():
    # The first of the two at 0.8 alone would have precision 1, but no confidence separates them.
    assert choose_confidence([0.9, 0.8, 0.8], [True, True, False], 2, min_precision=0.9) == 0.9


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30), st.integers(0, 5))
def test_average_precision_stays_in_range_and_grows_with_hits(detections, missed):
    scores, hits = map(np.array, zip(*detections, strict=True))
    num_true = int(hits.sum()) + missed
    if num_true == 0:
        return
    value = average_precision(scores, hits, num_true)
    assert 0 <= value <= 1
    assert average_precision(scores, np.ones_like(hits), len(hits)) == pytest.approx(1)
    assert value <= recall_at(scores, hits, num_true, 0.0) + 0.01
