"""Matcher and sampler: rules of the papers at their edges."""

import keras
import numpy as np
import pytest
from keras import ops

from tfderm.models.faster_rcnn.matcher import IGNORED, NEGATIVE, POSITIVE, match
from tfderm.models.faster_rcnn.sampler import sample


def matched(overlaps, valid=None, **options):
    """Index and labels for one image; overlaps as a list with a row per candidate."""
    overlaps = np.array(overlaps, np.float32)[None]
    valid = np.ones(overlaps.shape[::2], bool) if valid is None else np.array([valid])
    index, labels = match(ops.array(overlaps), ops.array(valid), 0.7, 0.3, **options)
    return np.asarray(index)[0].tolist(), np.asarray(labels)[0].tolist()


def test_thresholds_include_high_and_exclude_low():
    _, labels = matched([[0.7], [0.699], [0.3], [0.299], [0.0]])
    assert labels == [POSITIVE, IGNORED, IGNORED, NEGATIVE, NEGATIVE]


def test_without_true_boxes_all_candidates_are_negative():
    for allow in (False, True):
        assert matched([[0.9, 0.8], [0.1, 0.0]], [False, False], allow_low_quality=allow)[1] == [NEGATIVE] * 2


def test_padding_is_never_matched():
    index, labels = matched([[0.75, 1.0]], [True, False])
    assert (index, labels) == ([0], [POSITIVE])


def test_the_first_true_box_wins_a_tie():
    assert matched([[0.8, 0.8]])[0] == [0]


def test_a_lost_true_box_keeps_its_best_candidates():
    overlaps = [[0.1, 0.2], [0.4, 0.2], [0.4, 0.05], [0.0, 0.0]]
    assert matched(overlaps)[1] == [NEGATIVE, IGNORED, IGNORED, NEGATIVE]
    # Both candidates with 0.4 are the best of true box 0, and two with 0.2 the best of true box 1.
    index, labels = matched(overlaps, allow_low_quality=True)
    assert labels == [POSITIVE, POSITIVE, POSITIVE, NEGATIVE]
    # As in torchvision, such a candidate answers for its own best true box, which may be another one.
    assert index[:3] == [1, 0, 0]


def test_no_overlap_at_all_is_no_match():
    assert matched([[0.0], [0.0]], allow_low_quality=True)[1] == [NEGATIVE, NEGATIVE]


def draw(labels, num_samples, fraction, seed=0):
    index, used = sample(ops.array(np.array(labels, "int32")), num_samples, fraction, keras.random.SeedGenerator(seed))
    return np.asarray(index), np.asarray(used)


LABELS = np.array([[1] * 30 + [0] * 60 + [-1] * 10, [1] * 3 + [0] * 90 + [-1] * 7, [1] * 80 + [0] * 5 + [-1] * 15])


def test_positives_up_to_their_share_then_negatives():
    index, used = draw(LABELS, 40, 0.25)
    assert index.shape == (3, 40)
    for labels, own, valid, positives, negatives in zip(LABELS, index, used, (10, 3, 10), (30, 37, 5), strict=True):
        assert len(set(own.tolist())) == 40
        chosen = labels[own[valid]]
        assert (np.sum(chosen == 1), np.sum(chosen == 0), np.sum(chosen == -1)) == (positives, negatives, 0)


def test_fewer_candidates_than_samples():
    index, used = draw([[1, 0, -1]], 256, 0.5)
    assert index.shape == (1, 3) and sorted(index[0][used[0]].tolist()) == [0, 1]


def test_every_candidate_has_the_same_chance():
    labels = np.tile(LABELS[:1], (3000, 1))
    index, used = draw(labels, 40, 0.25)
    counts = np.bincount(index[used], minlength=100)
    # Positives are drawn with chance 1/3, negatives with 1/2: standard deviations 25.8 and 27.4, five of them.
    assert np.all(np.abs(counts[:30] - 1000) < 130) and np.all(np.abs(counts[30:90] - 1500) < 137)
    assert np.all(counts[90:] == 0)


def test_draws_differ_and_repeat_with_the_seed():
    generator = keras.random.SeedGenerator(3)
    labels = ops.array(LABELS.astype("int32"))
    first, second = (np.asarray(sample(labels, 40, 0.25, generator)[0]) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, draw(LABELS, 40, 0.25, seed=3)[0])


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_extreme_shares(fraction):
    index, used = draw(LABELS[:1], 20, fraction)
    assert np.all(LABELS[0][index[used]] == fraction)
