"""Sampler: a random, balanced minibatch of candidates (Ren et al., 2015, section 3.1.3)."""

import keras
from keras import ops

from tfderm.models.faster_rcnn.matcher import NEGATIVE, POSITIVE


def sample(labels, num_samples, positive_fraction, seed):
    """Draw candidates per image: positives up to their share, then negatives up to `num_samples`.

    Args:
        labels: (B, N) int32 of `matcher.match`.
        num_samples: candidates per image, S = min(num_samples, N).
        positive_fraction: largest share of positives, 0..1.
        seed: a `keras.random.SeedGenerator`.

    Returns:
        Indices (B, S) int32, all different, and valid (B, S) bool: False where there were not enough candidates.
    """
    count = labels.shape[1]
    num_samples = min(num_samples, count)
    most_positives = min(int(num_samples * positive_fraction), num_samples)
    draw = keras.random.uniform(ops.shape(labels), seed=seed)
    positive = ops.where(labels == POSITIVE, draw, -1.0)
    if most_positives:
        # The positives that lose the draw are left out, not counted as negatives.
        lowest = ops.top_k(positive, most_positives)[0][:, -1:]
        positive = ops.where(positive >= lowest, positive, -1.0)
    else:
        positive = ops.full_like(positive, -1.0)
    key = ops.where(positive >= 0, positive + 2.0, ops.where(labels == NEGATIVE, draw, -1.0))
    key, index = ops.top_k(key, num_samples)
    return ops.cast(index, "int32"), key >= 0
