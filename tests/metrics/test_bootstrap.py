"""The group bootstrap: coverage on clustered data, width, determinism, missing classes."""

import math

import numpy as np
import pytest

from tfderm.errors import InputError
from tfderm.metrics import bootstrap_interval, mean_absolute_error, mean_class_recall, paired_difference


def clustered(seed, groups=60, size=5):
    """Values with a deviation of 1 between groups and 0.5 within; their mean is 0."""
    random = np.random.default_rng(seed)
    index = np.repeat(np.arange(groups), size)
    return random.normal(size=groups)[index] + random.normal(0, 0.5, groups * size), index


def test_interval_covers_the_true_mean_as_often_as_it_says():
    trials = 300
    covered = ungrouped = 0
    for seed in range(trials):
        values, groups = clustered(seed)
        interval = bootstrap_interval(np.mean, (values,), groups, repeats=200, seed=seed)
        covered += interval.low <= 0 <= interval.high
        interval = bootstrap_interval(np.mean, (values,), range(len(values)), repeats=200, seed=seed)
        ungrouped += interval.low <= 0 <= interval.high
    # Binomial deviation of 300 trials at 0.95 is 0.0126; percentile intervals of 60 groups run about 0.01 short.
    assert 0.90 <= covered / trials <= 0.985
    assert ungrouped / trials < 0.75


def test_grouped_interval_is_wider():
    values, groups = clustered(7)
    grouped = bootstrap_interval(np.mean, (values,), groups)
    single = bootstrap_interval(np.mean, (values,), np.arange(len(values)))
    assert grouped.value == single.value == pytest.approx(values.mean())
    assert grouped.high - grouped.low > 1.5 * (single.high - single.low)


def test_width_is_that_of_the_group_means():
    values, groups = clustered(3, groups=200)
    interval = bootstrap_interval(np.mean, (values,), groups, repeats=4000)
    error = values.reshape(200, 5).mean(1).std() / math.sqrt(200)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * error, rel=0.06)


def test_same_seed_same_interval():
    values, groups = clustered(1)
    names = [f"patient-{group}" for group in groups]
    first = bootstrap_interval(np.mean, (values,), groups, seed=5)
    assert first == bootstrap_interval(np.mean, (values,), names, seed=5)
    assert first != bootstrap_interval(np.mean, (values,), groups, seed=6)


def test_every_image_of_a_drawn_group_is_taken():
    groups = ["a", "b", "a", "c", "c", "c"]
    sizes = {"a": 2, "b": 1, "c": 3}

    def check(rows):
        counts = {group: np.sum(rows == group) for group in sizes}
        assert all(count % sizes[group] == 0 for group, count in counts.items())
        assert sum(count // sizes[group] for group, count in counts.items()) == 3
        return 0.0

    bootstrap_interval(check, (np.array(groups),), groups, repeats=50)


def test_undefined_resamples_are_left_out_and_counted():
    y_true = np.array([0, 0, 0, 1])

    def recall_of_one(y_true):
        return math.nan if not np.any(y_true == 1) else 1.0

    interval = bootstrap_interval(recall_of_one, (y_true,), range(4), repeats=2000)
    assert (interval.value, interval.low, interval.high) == (1, 1, 1)
    assert interval.undefined == pytest.approx(0.75**4, abs=0.03)
    nowhere = bootstrap_interval(lambda y: math.nan, (y_true,), range(4), repeats=10)
    assert nowhere.to_json() == {"value": None, "low": None, "high": None, "undefined": 1.0}


def test_paired_difference_is_narrower_than_the_difference_of_separate_intervals():
    random = np.random.default_rng(0)
    y_true = random.gamma(2, 5, 400)
    hard = random.exponential(3, 400)
    a, b = y_true + hard, y_true + hard + random.uniform(0, 0.4, 400)
    groups = np.arange(400) // 4
    difference = paired_difference(mean_absolute_error, y_true, a, b, groups)
    alone = bootstrap_interval(mean_absolute_error, (y_true, a), groups)
    assert difference.value == pytest.approx(-0.2, abs=0.02)
    assert difference.high < 0
    assert difference.high - difference.low < 0.2 * (alone.high - alone.low)


def test_paired_difference_of_class_predictions():
    y_true = np.array([0, 1] * 20)
    difference = paired_difference(lambda t, p: mean_class_recall(t, p, 2), y_true, y_true, 0 * y_true, range(40))
    assert difference.value == 0.5


@pytest.mark.parametrize(("values", "groups"), [([1.0, 2.0], ["a"]), ([], [])])
def test_unequal_lengths_are_refused(values, groups):
    with pytest.raises(InputError, match="same length"):
        bootstrap_interval(np.mean, (values,), groups)
