"""Non-maximum suppression against reference values and against the plain greedy loop."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from tfderm.metrics.detection import box_iou
from tfderm.models.faster_rcnn.nms import non_maximum_suppression

REFERENCE = np.load(Path(__file__).with_name("nms_reference.npz"))


def keep(boxes, scores, valid=None, threshold=0.5):
    valid = np.ones(scores.shape, bool) if valid is None else valid
    return np.asarray(non_maximum_suppression(ops.array(boxes), ops.array(scores), ops.array(valid), threshold))


def greedy(boxes, scores, valid, threshold):
    """Indices kept, by the definition: take the best that is left, drop what overlaps it."""
    xywh = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    overlaps = box_iou(xywh, xywh)
    kept = []
    for index in np.argsort(-scores, kind="stable"):
        if valid[index] and all(overlaps[index, other] <= threshold for other in kept):
            kept.append(int(index))
    return kept


def test_it_keeps_what_the_reference_keeps():
    boxes, scores = REFERENCE["boxes"], REFERENCE["scores"]
    kept = np.flatnonzero(keep(boxes[None], scores[None])[0])
    assert sorted(REFERENCE["keep"].tolist()) == kept.tolist()
    np.testing.assert_array_equal(kept[np.argsort(-scores[kept], kind="stable")], REFERENCE["keep"])


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_a_crowded_batch_equals_the_greedy_loop(threshold):
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 40, (6, 120, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 40, (6, 120, 2))], axis=2).astype(np.float32)
    scores = rng.integers(0, 30, (6, 120)).astype(np.float32)  # many ties
    valid = rng.random((6, 120)) < 0.8
    answer = keep(boxes, scores, valid, threshold)
    for index in range(6):
        expected = greedy(boxes[index], scores[index], valid[index], threshold)
        assert sorted(expected) == np.flatnonzero(answer[index]).tolist()
    assert 6 < answer.sum() < valid.sum()


def test_a_chain_is_settled_link_by_link():
    """Each box overlaps only its neighbours: the first suppresses the second, which therefore spares the third, ..."""
    x = 4.0 * np.arange(40)
    boxes = np.stack([x, 0 * x, x + 10, 0 * x + 10], axis=1)[None].astype(np.float32)
    answer = keep(boxes, -np.arange(40.0, dtype=np.float32)[None], threshold=0.4)
    np.testing.assert_array_equal(answer[0], np.arange(40) % 2 == 0)


def test_the_first_of_two_equal_boxes_stays():
    assert keep(np.array([[[0, 0, 9, 9]] * 3], np.float32), np.ones((1, 3), np.float32)).tolist() == [
        [True, False, False]
    ]


def test_overlap_at_the_threshold_is_allowed():
    boxes = np.array([[[0, 0, 10, 10], [0, 0, 5, 10]]], np.float32)
    assert keep(boxes, np.array([[1.0, 0.5]], np.float32), threshold=0.5).all()
