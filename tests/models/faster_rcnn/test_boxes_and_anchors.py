"""Geometry, anchors and box coder, against values worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from tfderm.metrics.detection import box_iou
from tfderm.models.faster_rcnn import box_coder
from tfderm.models.faster_rcnn.anchors import base_anchors, level_anchors, pyramid_anchors
from tfderm.models.faster_rcnn.boxes import clip_to_image, from_xywh, gather, iou, to_xywh


def test_base_anchors_are_those_of_torchvision():
    """Side 32, ratios 1/2, 1, 2: widths 45.25, 32, 22.63, halved and rounded to 23, 16, 11."""
    np.testing.assert_array_equal(base_anchors(32), [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]])


def test_halves_are_rounded_to_even():
    np.testing.assert_array_equal(base_anchors(9, [1.0]), [[-4, -4, 4, 4]])
    np.testing.assert_array_equal(base_anchors(11, [1.0]), [[-6, -6, 6, 6]])


def test_anchors_follow_rows_then_columns_then_ratios():
    anchors = level_anchors((2, 3), 16, 8, [1.0, 4.0])
    assert anchors.shape == (12, 4) and anchors.dtype == np.float32
    np.testing.assert_array_equal(anchors[0], [-4, -4, 4, 4])
    np.testing.assert_array_equal(anchors[1], [-2, -8, 2, 8])
    np.testing.assert_array_equal(anchors[2], [12, -4, 20, 4])  # next column
    np.testing.assert_array_equal(anchors[6], [-4, 12, 4, 20])  # next row


def test_every_level_has_the_cells_of_its_map():
    levels = pyramid_anchors((200, 256), (4, 8, 16, 32, 64), (8, 16, 32, 64, 128))
    assert [len(level) for level in levels] == [3 * n for n in (50 * 64, 25 * 32, 13 * 16, 7 * 8, 4 * 4)]
    with pytest.raises(ValueError, match="Every level needs an anchor size"):
        pyramid_anchors((200, 256), (4, 8), (8,))


def test_overlaps_are_those_of_the_metric():
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(0, 50, (2, n, 4)).astype(np.float32) for n in (7, 5))
    answer = np.asarray(iou(from_xywh(ops.array(a)), from_xywh(ops.array(b))))
    for index in range(2):
        np.testing.assert_allclose(answer[index], box_iou(a[index], b[index]), rtol=0, atol=1e-5)
    empty = ops.zeros((1, 1, 4))
    assert float(iou(empty, empty)[0, 0, 0]) == 0


def test_forms_and_clipping():
    boxes = np.array([[-3.0, 5.0, 30.0, 80.0]], np.float32)
    np.testing.assert_array_equal(clip_to_image(ops.array(boxes), (60, 20)), [[0, 5, 20, 60]])
    np.testing.assert_array_equal(to_xywh(from_xywh(ops.array(boxes))), boxes)
    values, index = np.arange(24.0).reshape(2, 3, 4), np.array([[2, 0], [1, 1]], "int32")
    np.testing.assert_array_equal(gather(ops.array(values), ops.array(index)), [values[0, [2, 0]], values[1, [1, 1]]])
    np.testing.assert_array_equal(gather(ops.array(values[..., 0]), ops.array(index)), [[8, 0], [16, 16]])


def test_deltas_by_hand():
    """Centre (30, 45) against (20, 40), sides 20 x 10 against 10 x 20."""
    box, reference = ops.array([20.0, 40.0, 40.0, 50.0]), ops.array([15.0, 30.0, 25.0, 50.0])
    expected = np.array([1.0, 0.25, math.log(2), math.log(0.5)])
    np.testing.assert_allclose(box_coder.encode(box, reference, box_coder.RPN_WEIGHTS), expected, rtol=1e-6)
    np.testing.assert_allclose(
        box_coder.encode(box, reference, box_coder.ROI_WEIGHTS), expected * [10, 10, 5, 5], rtol=1e-6
    )


def test_a_wild_scale_is_clipped():
    decoded = np.asarray(
        box_coder.decode(ops.array([0.0, 0.0, 50.0, 50.0]), ops.array([0.0, 0.0, 16.0, 16.0]), (1,) * 4)
    )
    np.testing.assert_allclose(decoded, [-492, -492, 508, 508], rtol=1e-5)


BOX = st.tuples(st.floats(-50, 300), st.floats(-50, 300), st.floats(1, 400), st.floats(1, 400))


@settings(max_examples=200, deadline=None)
@given(BOX, BOX, st.sampled_from([box_coder.RPN_WEIGHTS, box_coder.ROI_WEIGHTS]))
def test_decoding_what_was_encoded_gives_the_box(box, reference, weights):
    box, reference = (np.array([x, y, x + w, y + h], np.float32) for x, y, w, h in (box, reference))
    if np.max((box[2:] - box[:2]) / (reference[2:] - reference[:2])) > 1000 / 16:
        return
    decoded = box_coder.decode(
        box_coder.encode(ops.array(box), ops.array(reference), weights), ops.array(reference), weights
    )
    # Rounding of coordinates up to 700, a few times over; a scale is exponentiated from up to ln 62.5 = 4.1.
    np.testing.assert_allclose(decoded, box, rtol=0, atol=700 * 16 * np.finfo(np.float32).eps)


def test_padding_stays_finite():
    deltas = box_coder.encode(ops.zeros((1, 4)), ops.array([[0.0, 0.0, 8.0, 8.0]]), box_coder.ROI_WEIGHTS)
    assert np.isfinite(np.asarray(deltas)).all()
