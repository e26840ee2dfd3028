"""Box coder: a box as deltas against a reference box (Girshick et al., R-CNN, CVPR 2014, appendix C).

    dx = w_x (x - x_ref) / width_ref        dw = w_w log(width / width_ref)        likewise dy, dh

with (x, y) the centre. Torchvision's weights: 1, 1, 1, 1 for proposals, 10, 10, 5, 5 for detections.
"""

import math

from keras import ops

RPN_WEIGHTS = (1.0, 1.0, 1.0, 1.0)
ROI_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
# A decoded side is at most 1000 / 16 times the reference's, so that a wild prediction does not overflow.
LOG_SCALE_CLIP = math.log(1000 / 16)
_SMALLEST_SIDE = 1e-3


def encode(boxes, references, weights):
    """Deltas dx, dy, dw, dh (..., 4) of boxes (..., 4) against references (..., 4), both x1, y1, x2, y2."""
    centre, side = _centre_and_side(boxes)
    reference_centre, reference_side = _centre_and_side(references)
    shift = (centre - reference_centre) / reference_side
    scale = ops.log(side / reference_side)
    return ops.concatenate([shift, scale], axis=-1) * ops.convert_to_tensor(weights, dtype=boxes.dtype)


def decode(deltas, references, weights):
    """Inverse of `encode`, with dw and dh limited to `LOG_SCALE_CLIP`: boxes x1, y1, x2, y2 (..., 4)."""
    deltas = deltas / ops.convert_to_tensor(weights, dtype=deltas.dtype)
    reference_centre, reference_side = _centre_and_side(references)
    centre = deltas[..., :2] * reference_side + reference_centre
    half = 0.5 * ops.exp(ops.minimum(deltas[..., 2:], LOG_SCALE_CLIP)) * reference_side
    return ops.concatenate([centre - half, centre + half], axis=-1)


def _centre_and_side(boxes):
    # Padded boxes have no extent: the floor keeps their logarithm finite, and a mask keeps them out of every loss.
    side = ops.maximum(boxes[..., 2:] - boxes[..., :2], _SMALLEST_SIDE)
    return 0.5 * (boxes[..., :2] + boxes[..., 2:]), side
