"""Conformal sets: thresholds by hand, coverage by simulation within binomial limits."""

import numpy as np
import pytest

from tfderm.errors import InputError
from tfderm.metrics import ConformalSets, repeated_set_coverage, tempered

LABELS = ("common", "rare", "rarest")
SHARES = (0.8, 0.15, 0.05)


def draws(count, seed):
    """Exchangeable images: classes with unequal shares, the rarer the harder to tell."""
    rng = np.random.default_rng(seed)
    y_true = rng.choice(3, count, p=SHARES)
    logits = rng.normal(0, 1, (count, 3)) + np.eye(3)[y_true] * np.array([2.5, 1.0, 0.5])[y_true][:, None]
    return y_true, tempered(logits, 1.0)


def test_thresholds_are_the_ranks_of_the_definition():
    of_first = np.linspace(0.3, 0.9, 20)  # Scores 0.1 .. 0.7; rank ceil(21 * 0.9) = 19: the second smallest here.
    probabilities = np.column_stack([of_first, 1 - of_first])
    sets = ConformalSets.fit(np.zeros(20, int), probabilities, ("a", "b"))
    assert sets.thresholds["a"] == pytest.approx(of_first[1])
    assert sets.thresholds["b"] == sets.thresholds["a"]  # No image of its own: that of all.
    assert sets.counts == {"a": 20, "b": 20}
    members = sets.members([[0.5, 0.5], [of_first[1], 1 - of_first[1]], [0.2, 0.8]])
    np.testing.assert_array_equal(members, [[1, 1], [1, 1], [0, 1]])
    assert ConformalSets.from_json(sets.to_json()) == sets


def test_a_set_is_empty_where_no_class_is_as_probable_as_it_should_be():
    probabilities = np.array([[0.9, 0.1]] * 20 + [[0.1, 0.9]] * 20)
    sets = ConformalSets.fit([0] * 20 + [1] * 20, probabilities, ("a", "b"))
    assert not sets.members([[0.5, 0.5]]).any()


def test_every_class_is_covered_at_the_level_however_rare():
    level, repeats, count = 0.9, 300, 400
    held, seen = np.zeros(3), np.zeros(3)
    for seed in range(repeats):
        y_true, probabilities = draws(count, seed)
        truth, new = draws(count, 10_000 + seed)
        sets = ConformalSets.fit(y_true, probabilities, LABELS, level)
        if min(np.bincount(y_true, minlength=3)) < 9:
            continue
        covered = sets.members(new)[np.arange(count), truth]
        held += np.bincount(truth, weights=covered, minlength=3)
        seen += np.bincount(truth, minlength=3)
    # Given calibration images n of a class, coverage is Beta distributed about level .. level + 1/(n + 1) with a
    # variance of level (1 - level) / (n + 2); that of the mean over calibrations adds the binomial one of the images.
    smallest = np.array(SHARES) * count
    deviation = np.sqrt(level * (1 - level) * (1 / ((smallest + 2) * repeats) + 1 / seen))
    assert np.all(held / seen > level - 4 * deviation)
    assert np.all(held / seen < level + 1 / (smallest / 2) + 4 * deviation)


def test_repeated_halvings_cover_at_the_level_by_whole_patients():
    rng = np.random.default_rng(0)
    y_true, probabilities = draws(1500, 1)
    groups = rng.integers(0, 700, 1500)
    result = repeated_set_coverage(y_true, probabilities, groups, LABELS, repeats=100, seed=2)
    assert 0.87 <= result["coverage"] <= 0.93
    assert all(0.85 <= row["coverage"] <= 0.96 for row in result["classes"].values())
    assert [row["n"] for row in result["classes"].values()] == np.bincount(y_true).tolist()
    assert result["single"] + result["empty"] <= 1 and 1 <= result["size"] <= 3


def test_too_little_to_calibrate_on_is_refused():
    with pytest.raises(InputError, match="A prediction set at 90% needs at least 9 photographs"):
        ConformalSets.fit([0] * 8, np.full((8, 2), 0.5), ("a", "b"))
    with pytest.raises(InputError, match="at least two patients"):
        repeated_set_coverage([0] * 30, np.full((30, 2), 0.5), ["one"] * 30, ("a", "b"))


def test_members_are_those_of_float32_probabilities():
    """A threshold between two float32 numbers, as the graph of an exported model rounds it."""
    threshold = float(np.float32(0.9)) + 1e-9
    sets = ConformalSets(0.9, {"a": threshold, "b": 0.5}, {})
    assert float(np.float32(threshold)) < threshold
    assert sets.members(np.array([[np.float32(threshold), 0.0]], np.float32)).tolist() == [[True, False]]
