"""Split conformal intervals: the quantile by hand, the guarantee by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfderm.errors import InputError
from tfderm.metrics.conformal import ConformalIntervals, conformal_quantile, repeated_coverage


@pytest.mark.parametrize(
    "n, level, rank",
    [
        (9, 0.9, 9),
        (19, 0.9, 18),
        (29, 0.9, 27),
        (99, 0.9, 90),
        (100, 0.9, 91),
        (1, 0.5, 1),
        (3, 0.5, 2),
        (8, 0.9, None),
    ],
)
def test_quantile_is_the_rank_of_the_definition(n, level, rank):
    errors = np.random.default_rng(0).permutation(np.arange(1, n + 1))
    assert conformal_quantile(errors, level) == (math.inf if rank is None else rank)


@given(st.integers(1, 60), st.integers(1, 99))
def test_a_new_exchangeable_error_is_held_with_the_stated_probability(n, percent):
    # Of n + 1 distinct exchangeable errors each is the new one equally often: count exactly how often it is held.
    errors = np.arange(1.0, n + 2)
    held = sum(errors[new] <= conformal_quantile(np.delete(errors, new), percent / 100) for new in range(n + 1))
    assert held * 100 >= percent * (n + 1)
    assert held == n + 1 or (held - 1) * 100 < percent * (n + 1)


def scores(rng, num_patients):
    """Long-tailed scores whose error grows with the score and has a share common to a patient's photographs."""
    groups = np.repeat(np.arange(num_patients), rng.integers(1, 7, num_patients))
    y_true = np.minimum(rng.exponential(12, groups.size), 72)
    error = rng.normal(0, 1, num_patients)[groups] + rng.normal(0, 1, groups.size)
    return y_true, np.clip(y_true + error * (1 + 0.1 * y_true), 0, 72), groups


def test_mean_coverage_is_the_level_in_every_predicted_band():
    rng = np.random.default_rng(0)
    y_true, y_pred, groups = scores(rng, 300)
    result = repeated_coverage(y_true, y_pred, groups, repeats=100, seed=1)
    assert 0.87 <= result["coverage"] <= 0.93
    for band in result["bands"].values():
        assert 0.87 <= band["coverage"] <= 0.93
    widths = [result["bands"][name]["width"] for name in ("mild", "medium", "severe")]
    assert widths == sorted(widths)


def test_a_band_without_photographs_takes_the_width_of_all():
    y_pred = np.array([1.0] * 20 + [30.0] * 3)
    y_true = y_pred + np.arange(23)
    intervals = ConformalIntervals.fit(y_true, y_pred)
    # 24 * 0.9 = 21.6: the 22nd of 23 errors 0..22; 21 * 0.9 = 18.9: the 19th of 0..19.
    assert intervals.half_widths == {"mild": 18.0, "medium": 21.0, "severe": 21.0}
    assert intervals.counts == {"mild": 20, "medium": 23, "severe": 23}


def test_bounds_stay_within_the_scale_and_survive_json():
    intervals = ConformalIntervals(0.9, {"mild": 2.0, "medium": 3.0, "severe": 10.0}, dict.fromkeys(("mild",), 9))
    again = ConformalIntervals.from_json(intervals.to_json())
    low, high = again.bounds([1.0, 5.0, 70.0])
    np.testing.assert_array_equal(low, [0.0, 2.0, 60.0])
    np.testing.assert_array_equal(high, [3.0, 8.0, 72.0])
    np.testing.assert_array_equal(again.covered([0.0, 8.1, 72.0], [1.0, 5.0, 70.0]), [True, False, True])


def test_too_little_to_calibrate_on_is_refused():
    with pytest.raises(InputError, match="at 90% needs at least 9 photographs to calibrate on. Received: 8"):
        ConformalIntervals.fit(np.arange(8.0), np.arange(8.0))
