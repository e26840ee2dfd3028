"""Geometry of boxes x1, y1, x2, y2 in pixels, and their x, y, width, height form outside the network."""

from keras import ops


def area(boxes):
    """(...,) area of boxes (..., 4); 0 for an inverted one."""
    return ops.prod(ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0), axis=-1)


def iou(a, b):
    """Intersection over union (B, N, M) of boxes a (B, N, 4) or (N, 4) and b (B, M, 4); 0 where both are empty."""
    low = ops.maximum(a[..., :, None, :2], b[..., None, :, :2])
    high = ops.minimum(a[..., :, None, 2:], b[..., None, :, 2:])
    intersection = ops.prod(ops.maximum(high - low, 0.0), axis=-1)
    union = area(a)[..., :, None] + area(b)[..., None, :] - intersection
    return ops.where(union > 0, intersection / ops.maximum(union, 1e-9), 0.0)


def clip_to_image(boxes, image_size):
    """Boxes (..., 4) cut at the borders of an image of (height, width) pixels."""
    height, width = image_size
    limit = ops.convert_to_tensor([width, height, width, height], dtype=boxes.dtype)
    return ops.minimum(ops.maximum(boxes, 0.0), limit)


def from_xywh(boxes):
    """x, y, width, height -> x1, y1, x2, y2."""
    return ops.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def to_xywh(boxes):
    """x1, y1, x2, y2 -> x, y, width, height."""
    return ops.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def gather(values, index):
    """Rows `index` (B, S) of values (B, N) or (B, N, K): (B, S) or (B, S, K)."""
    if len(values.shape) == 2:
        return ops.take_along_axis(values, index, axis=1)
    return ops.take_along_axis(values, ops.repeat(index[..., None], values.shape[2], axis=2), axis=1)
