"""The smallest detectable change, on errors worked by hand and by simulation."""

import numpy as np
import pytest

from tfderm.errors import InputError
from tfderm.metrics.change import smallest_detectable_change


def test_a_constant_error_of_a_patient_cancels():
    series, visits = np.repeat(np.arange(10), 4), np.tile(np.arange(4), 10)
    y_true = np.random.default_rng(0).uniform(0, 30, 40)
    result = smallest_detectable_change(y_true, y_true + 5 * series, series, visits)
    assert result["value"] == pytest.approx(0, abs=1e-12)
    assert (result["num_pairs"], result["num_series"]) == (60, 10)


def test_photographs_of_a_visit_are_averaged_and_single_visits_do_not_count():
    # Errors: visit 1 (2 and 4, mean 3), visit 2 (1): one change of 2; the second series has one visit.
    result = smallest_detectable_change([0, 0, 0, 0], [2, 4, 1, 9], ["a", "a", "a", "b"], [1, 1, 2, 1], level=0.5)
    assert result == {"value": 2.0, "level": 0.5, "num_pairs": 1, "num_series": 1}


def test_independent_errors_give_the_quantile_of_their_difference():
    rng = np.random.default_rng(0)
    series, visits = np.repeat(np.arange(20000), 2), np.tile([1, 2], 20000)
    y_true = rng.uniform(0, 30, 40000)
    result = smallest_detectable_change(y_true, y_true + rng.normal(0, 2, 40000), series, visits)
    # |N(0, 2 sqrt 2)| lies below 1.96 * 2 sqrt 2 with probability 0.95; its density there is 0.0414 per point, so the
    # quantile of 20,000 has a standard error of sqrt(0.95 * 0.05 / 20000) / 0.0414 = 0.037: four of them.
    assert result["value"] == pytest.approx(1.96 * 2 * 2**0.5, abs=0.15)


def test_too_few_pairs_are_refused():
    with pytest.raises(InputError, match="more pairs of visits at 95%. Received: 1"):
        smallest_detectable_change([1, 2], [1, 2], ["a", "a"], [1, 2])
