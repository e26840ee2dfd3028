"""Detection metrics of one class, as pycocotools computes them: matching, recall, precision, average precision."""

import numpy as np
from numpy.typing import ArrayLike

MISSED = -1
_RECALL_THRESHOLDS = np.linspace(0, 1, 101)


def box_iou(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Intersection over union (n, m) float64 of boxes a (n, 4) and b (m, 4), x, y, width, height."""
    a, b = (np.asarray(boxes, np.float64).reshape(-1, 4) for boxes in (a, b))
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    intersection = np.prod(np.maximum(high - low, 0), axis=2)
    union = np.prod(a[:, 2:], axis=1)[:, None] + np.prod(b[:, 2:], axis=1)[None] - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def match_detections(
    boxes: ArrayLike, scores: ArrayLike, true_boxes: ArrayLike, iou_threshold: float = 0.5
) -> np.ndarray:
    """Assign the detections of one image to its true boxes, one to one, the highest score first.

    Each detection takes, of the true boxes that are still free, the one it overlaps most, if it reaches the threshold
    (on a tie of overlaps the last one, on a tie of scores the first detection goes first).

    Args:
        boxes: (n, 4) x, y, width, height.
        scores: (n,).
        true_boxes: (m, 4).
        iou_threshold: 0..1.

    Returns:
        (n,) int64: index of the true box of each detection, in the order given, or `MISSED` (-1).
    """
    overlaps = box_iou(boxes, true_boxes)
    matched = np.full(len(overlaps), MISSED, np.int64)
    if overlaps.size == 0:
        return matched
    for detection in np.argsort(-np.asarray(scores, np.float64), kind="stable"):
        last_best = overlaps.shape[1] - 1 - int(np.argmax(overlaps[detection, ::-1]))
        if overlaps[detection, last_best] >= min(iou_threshold, 1 - 1e-10):
            matched[detection] = last_best
            overlaps[:, last_best] = -1
    return matched


def precision_recall_curve(scores: ArrayLike, hits: ArrayLike, num_true: int) -> tuple[np.ndarray, ...]:
    """Recall, precision and score after each detection of a data set, the highest score first.

    Args:
        scores: (n,) of all images.
        hits: (n,) whether each detection has a true box.
        num_true: true boxes of all images; recall is NaN where it is 0.
    """
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    found = np.cumsum(np.asarray(hits, bool)[order])
    recall = found / num_true if num_true else np.full(len(found), np.nan)
    return recall, found / np.arange(1, len(found) + 1), np.asarray(scores, np.float64)[order]


def average_precision(scores: ArrayLike, hits: ArrayLike, num_true: int) -> float:
    """Mean over the recalls 0, 0.01, ... 1 of the best precision at that recall or above; NaN without true boxes."""
    if not num_true:
        return float("nan")
    recall, precision, _ = precision_recall_curve(scores, hits, num_true)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(best[np.searchsorted(recall, _RECALL_THRESHOLDS, side="left")].mean())


def recall_at(scores: ArrayLike, hits: ArrayLike, num_true: int, confidence: float) -> float:
    """Share of the true boxes that have a detection of at least this confidence; NaN without true boxes."""
    counted = np.asarray(scores) >= confidence
    return float(np.sum(np.asarray(hits, bool)[counted]) / num_true) if num_true else float("nan")


def precision_at(scores: ArrayLike, hits: ArrayLike, confidence: float) -> float:
    """Share of the detections of at least this confidence that have a true box; NaN without such detections."""
    counted = np.asarray(scores) >= confidence
    return float(np.mean(np.asarray(hits, bool)[counted])) if counted.any() else float("nan")


def choose_confidence(scores: ArrayLike, hits: ArrayLike, num_true: int, min_precision: float = 0.0) -> float:
    """The confidence of largest F1 among those whose precision is at least `min_precision`, or among all if none is.

    Args:
        scores: (n,) of all images of a validation split.
        hits: (n,).
        num_true: true boxes of all images.
        min_precision: 0..1.

    Returns:
        A score that occurs; 0.5 where there is nothing to choose from.
    """
    if not num_true or not len(np.asarray(scores)):
        return 0.5
    recall, precision, score = precision_recall_curve(scores, hits, num_true)
    # A confidence takes in all detections of equal score, so only the last of them is a point to choose.
    last = np.append(score[1:] != score[:-1], True)
    recall, precision, score = recall[last], precision[last], score[last]
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    enough = precision >= min_precision
    return float(score[np.argmax(np.where(enough, f1, -1.0) if enough.any() else f1)])
