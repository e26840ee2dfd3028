"""Losses of both stages against plain loops in float64, where so few candidates are there that all are sampled."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from tfderm.metrics.detection import box_iou
from tfderm.models.faster_rcnn.roi_head import Detections, roi_losses, sample_proposals
from tfderm.models.faster_rcnn.rpn import Proposals, candidate_losses, rpn_losses


def xyxy(boxes):
    boxes = np.asarray(boxes, np.float64)
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def deltas_of(box, reference, weights):
    """Of one box against another, both x, y, width, height."""
    centre, reference_centre = (b[:2] + b[2:] / 2 for b in (np.asarray(box), np.asarray(reference)))
    shift = (centre - reference_centre) / reference[2:]
    return np.array([*shift, *np.log(np.asarray(box)[2:] / np.asarray(reference)[2:])]) * weights


def smooth_l1(difference, beta):
    return sum(0.5 * d * d / beta if abs(d) < beta else abs(d) - 0.5 * beta for d in difference)


def cross_entropy(logit, positive):
    return math.log(1 + math.exp(-logit if positive else logit))


RNG = np.random.default_rng(0)
# x, y, width, height: near the first true box, between, and far from all.
CANDIDATES = np.array(
    [[10, 10, 20, 20], [11, 10, 20, 20], [14, 14, 20, 20], [40, 8, 12, 30], [41, 14, 12, 26], [60, 60, 8, 8]]
    + [[x, 70, 10, 10] for x in range(0, 80, 10)],
    np.float64,
)  # fmt: skip
TRUE = [np.array([[10.0, 11, 21, 19], [40, 10, 12, 28]]), np.array([[62.0, 62, 3, 3]]), np.empty((0, 4))]
LOGITS = RNG.normal(0, 2, (3, len(CANDIDATES))).astype(np.float32)
DELTAS = RNG.normal(0, 0.5, (3, len(CANDIDATES), 4)).astype(np.float32)


def padded():
    boxes, valid = np.zeros((3, 2, 4), np.float32), np.zeros((3, 2), bool)
    for index, own in enumerate(TRUE):
        boxes[index, : len(own)], valid[index, : len(own)] = xyxy(own), True
    return ops.array(boxes), ops.array(valid)


def expected(labels_of, weights, beta):
    class_loss, box_loss, count = 0.0, 0.0, 0
    for image, own in enumerate(TRUE):
        overlaps = box_iou(CANDIDATES, own)
        for place, (label, index) in enumerate(labels_of(overlaps)):
            if label < 0:
                continue
            count += 1
            class_loss += cross_entropy(float(LOGITS[image, place]), label == 1)
            if label == 1:
                target = deltas_of(own[index], CANDIDATES[place], weights)
                box_loss += smooth_l1(DELTAS[image, place].astype(np.float64) - target, beta)
    return class_loss / count, box_loss / count


def rpn_labels(overlaps):
    for row in overlaps:
        if not overlaps.shape[1]:
            yield 0, 0
            continue
        best = int(row.argmax())
        of_some_box = any(row[m] == overlaps[:, m].max() > 0 for m in range(len(row)))
        yield (1 if row[best] >= 0.7 or of_some_box else 0 if row[best] < 0.3 else -1), best


def test_region_proposal_losses():
    boxes, valid = padded()
    anchors = ops.array(xyxy(CANDIDATES).astype(np.float32))
    losses = rpn_losses(ops.array(LOGITS), ops.array(DELTAS), anchors, boxes, valid, keras.random.SeedGenerator(0))
    labels = [label for own in TRUE for label, _ in rpn_labels(box_iou(CANDIDATES, own))]
    assert 0 < labels.count(1) <= len(CANDIDATES) // 2 and -1 in labels
    np.testing.assert_allclose(losses, expected(rpn_labels, np.ones(4), 1 / 9), rtol=1e-5)


def test_detection_losses():
    boxes, valid = padded()
    proposals = ops.array(np.tile(xyxy(CANDIDATES).astype(np.float32), (3, 1, 1)))
    count = len(CANDIDATES)
    candidates, positive, used, targets = sample_proposals(
        proposals, ops.ones((3, count), "bool"), boxes, valid, 64, keras.random.SeedGenerator(0)
    )
    assert candidates.shape == (3, count + 2, 4)
    total = {"class": 0.0, "box": 0.0, "count": 0}
    logits, deltas = np.zeros((3, count + 2), np.float32), np.zeros((3, count + 2, 4), np.float32)
    weights = np.array([10, 10, 5, 5])
    for image, own in enumerate(TRUE):
        for place, candidate in enumerate(np.asarray(candidates)[image].astype(np.float64)):
            if not bool(used[image, place]):
                continue
            box = np.array([*candidate[:2], *(candidate[2:] - candidate[:2])])
            overlaps = box_iou([box], own)[0]
            is_positive = len(own) > 0 and overlaps.max() >= 0.5
            assert bool(positive[image, place]) == is_positive
            logit, delta = RNG.normal(), RNG.normal(size=4)
            logits[image, place], deltas[image, place] = logit, delta
            total["count"] += 1
            total["class"] += cross_entropy(logit, is_positive)
            if is_positive:
                total["box"] += smooth_l1(delta - deltas_of(own[overlaps.argmax()], box, weights), 1.0)
    # Image by image: 16 candidates, 7 of them positive of which a quarter of 16 stays; 15, all; 14, all.
    assert total["count"] == 13 + 15 + 14
    losses = roi_losses(ops.array(logits), ops.array(deltas), positive, used, targets)
    np.testing.assert_allclose(losses, [total["class"] / total["count"], total["box"] / total["count"]], rtol=1e-5)


def test_true_boxes_are_candidates_themselves():
    boxes, valid = padded()
    nothing = ops.zeros((3, 4, 4))
    candidates, positive, used, targets = sample_proposals(
        nothing, ops.zeros((3, 4), "bool"), boxes, valid, 6, keras.random.SeedGenerator(0)
    )
    chosen = np.asarray(candidates)[np.asarray(positive)]
    assert np.asarray(used).sum(axis=1).tolist() == [1, 1, 0]  # a quarter of six, and of none
    assert all(any(np.array_equal(box, true) for own in TRUE for true in xyxy(own)) for box in chosen)
    np.testing.assert_allclose(np.asarray(targets)[np.asarray(positive)], 0, atol=1e-5)


def test_nothing_used_costs_nothing():
    none = ops.zeros((2, 3), "bool")
    losses = candidate_losses(ops.ones((2, 3)), ops.ones((2, 3, 4)), none, none, ops.full((2, 3, 4), np.nan), 1.0)
    assert [float(loss) for loss in losses] == [0, 0]


def test_extreme_logits_stay_finite():
    logits = ops.array([[200.0, -200.0]])
    used = ops.ones((1, 2), "bool")
    loss, _ = candidate_losses(
        logits, ops.zeros((1, 2, 4)), ops.array([[False, True]]), used, ops.zeros((1, 2, 4)), 1.0
    )
    assert float(loss) == pytest.approx(200)


def test_proposals_are_the_best_boxes_within_the_image():
    layer = Proposals((32, 48), (16,), (16,), per_level=8, num_proposals=6)
    count = len(layer.anchors[0])
    logits = np.full((1, count), -5.0, np.float32)
    logits[0, [4, 10, 11]] = [3, 2, 1]  # square anchors of cells (0, 1) and (1, 0), and a tall one of the latter
    proposals, valid = (np.asarray(a)[0] for a in layer(logits, np.zeros((1, count, 4), np.float32)))
    np.testing.assert_array_equal(proposals[:2], [[8, 0, 24, 8], [0, 8, 8, 24]])
    assert proposals.shape == (6, 4) and valid[:2].all()
    assert np.all(proposals[valid] >= 0) and np.all(proposals[valid] <= [48, 32, 48, 32])


def test_detections_are_sorted_distinct_and_padded():
    layer = Detections((40, 40), max_detections=5, min_score=0.1)
    proposals = np.array([[[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 60, 60], [5, 30, 9, 34], [0, 0, 0, 0]]], np.float32)
    logits, valid = np.array([[1.0, 2.0, 0.0, -3.0, 9.0]], np.float32), np.array([[True] * 4 + [False]])
    boxes, scores = layer(logits, np.zeros((1, 5, 4), np.float32), proposals, valid)
    np.testing.assert_allclose(np.asarray(boxes)[0], [[1, 0, 10, 10], [20, 20, 20, 20], *[[-1] * 4] * 3], atol=1e-5)
    np.testing.assert_allclose(np.asarray(scores)[0], [1 / (1 + math.exp(-2)), 0.5, -1, -1, -1], rtol=1e-6)
