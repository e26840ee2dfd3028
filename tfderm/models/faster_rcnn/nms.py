"""Greedy non-maximum suppression with static shapes."""

from keras import ops

from tfderm.models.faster_rcnn.boxes import iou


def non_maximum_suppression(boxes, scores, valid, iou_threshold):
    """Keep a box unless a kept box of higher score (on a tie: of lower index) overlaps it by more than the threshold.

    This is the greedy result exactly. Whether a box is kept depends on better boxes alone, so applying the rule to all
    boxes at once settles the best box in the first round, and at least the next one in every further round; rounds end
    when nothing changes, for real images after a handful.

    Args:
        boxes: (B, N, 4) x1, y1, x2, y2.
        scores: (B, N).
        valid: (B, N) bool; a box that is not valid is neither kept nor suppresses.
        iou_threshold: 0..1.

    Returns:
        (B, N) bool. No gradient flows through it.
    """
    boxes, scores = ops.stop_gradient(boxes), ops.stop_gradient(scores)
    order = ops.arange(scores.shape[1])
    better = (scores[:, :, None] > scores[:, None, :]) | (
        (scores[:, :, None] == scores[:, None, :]) & (order[:, None] < order[None, :])
    )
    suppresses = better & (iou(boxes, boxes) > iou_threshold)

    def survivors(keep):
        return valid & ~ops.any(keep[:, :, None] & suppresses, axis=1)

    def unsettled(keep, previous):
        return ops.any(keep != previous)

    keep, _ = ops.while_loop(unsettled, lambda keep, _: (survivors(keep), keep), (survivors(valid), valid))
    return keep
