"""Matcher: which true box an anchor or a proposal answers for (Ren et al., 2015, section 3.1.2)."""

from keras import ops

POSITIVE, NEGATIVE, IGNORED = 1, 0, -1


def match(overlaps, valid, high, low, allow_low_quality=False):
    """Label each of N candidates by its overlap with M true boxes, some of them padding.

    A candidate takes the true box it overlaps most, the first one on a tie. It is positive from `high` on, negative
    below `low`, ignored between. With `allow_low_quality` the candidates that overlap some true box most of all
    candidates (each of them on a tie) are positive too, for their own best true box, so that hardly any true box goes
    without; an overlap of 0 matches nothing.

    Args:
        overlaps: intersection over union (B, N, M), in 0..1.
        valid: (B, M) bool, False for padding.
        high: overlap from which a candidate is positive.
        low: overlap below which it is negative, at most `high`.
        allow_low_quality: as above; for the region proposal network.

    Returns:
        Index of the true box (B, N) int32, meaningful where positive, and labels (B, N) int32: `POSITIVE`, `NEGATIVE`
        or `IGNORED`.
    """
    overlaps = ops.where(valid[:, None, :], overlaps, -1.0)
    index = ops.cast(ops.argmax(overlaps, axis=2), "int32")
    best = ops.max(overlaps, axis=2)
    labels = ops.where(best >= high, POSITIVE, ops.where(best < low, NEGATIVE, IGNORED))
    if allow_low_quality:
        best_of_box = ops.max(overlaps, axis=1, keepdims=True)
        labels = ops.where(ops.any((overlaps == best_of_box) & (overlaps > 0), axis=2), POSITIVE, labels)
    return index, ops.cast(labels, "int32")
