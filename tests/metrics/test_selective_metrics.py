"""Temperature, cut-off and the accuracy-coverage curve against brute force and known answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfderm.errors import InputError
from tfderm.metrics import (
    Interval,
    accuracy_at_coverage,
    area_under_risk_coverage,
    cut_off,
    fit_temperature,
    logits_of,
    monotone_within,
    tempered,
)


def draws(count, temperature, seed=0):
    """Logits that are `temperature` times too sure, and classes drawn from the true probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (count, 4))
    probabilities = tempered(logits, 1.0)
    y_true = (rng.random((count, 1)) > np.cumsum(probabilities, axis=1)[:, :-1]).sum(axis=1)
    return logits * temperature, y_true


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_temperature_is_that_by_which_the_model_is_too_sure(temperature):
    fitted = [fit_temperature(*draws(4000, temperature, seed)) for seed in range(8)]
    # The fits' own scatter says how far their mean may lie from the truth: three standard errors.
    assert abs(np.mean(fitted) - temperature) < 3 * np.std(fitted, ddof=1) / np.sqrt(8)
    assert np.std(fitted, ddof=1) < 0.1 * temperature


def test_temperature_has_the_least_cross_entropy_of_a_grid():
    logits, y_true = draws(300, 3.0)
    grid = np.linspace(1, 6, 5001)
    losses = [-np.mean(np.log(tempered(logits, t)[np.arange(300), y_true])) for t in grid]
    assert fit_temperature(logits, y_true) == pytest.approx(grid[np.argmin(losses)], abs=grid[1] - grid[0])


def test_temperature_of_probabilities_is_that_of_their_logits():
    logits, y_true = draws(300, 3.0)
    probabilities = tempered(logits, 1.0).astype(np.float32)
    assert fit_temperature(logits_of(probabilities), y_true) == pytest.approx(fit_temperature(logits, y_true), rel=1e-5)
    np.testing.assert_array_equal(tempered(logits, 2.0).argmax(axis=1), logits.argmax(axis=1))


def test_temperature_stays_finite_where_everything_is_right_or_wrong():
    logits = 0.5 * np.eye(3)
    assert fit_temperature(logits, [0, 1, 2]) == pytest.approx(
        1, rel=1e-3
    )  # It does not claim to be surer than it was.
    assert fit_temperature(logits, [1, 2, 0]) == pytest.approx(20, rel=1e-3)
    with pytest.raises(InputError, match="at least 1"):
        fit_temperature(np.empty((0, 3)), [])


answers = st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=1, max_size=60)


@settings(deadline=None)
@given(answers, st.sampled_from([0.5, 0.75, 0.9, 1.0]), st.integers(1, 5))
def test_cut_off_is_the_smallest_from_which_all_higher_ones_hold(rows, wanted, smallest):
    correct = np.array([right for right, _ in rows])
    confidence = np.array([level / 12 for _, level in rows])

    def holds(threshold):
        answered = confidence >= threshold
        return answered.sum() < smallest or correct[answered].mean() >= wanted

    def enough(threshold):
        return np.sum(confidence >= threshold) >= smallest

    candidates = [t for t in confidence if enough(t) and all(holds(other) for other in confidence if other >= t)]
    threshold = cut_off(correct, confidence, wanted, smallest)
    if not candidates:
        assert threshold is None
    else:
        np.testing.assert_array_equal(confidence >= threshold, confidence >= min(candidates))


def test_no_image_has_no_cut_off_and_a_perfect_model_answers_all():
    assert cut_off([], [], 0.9) is None
    assert cut_off(np.ones(40), np.linspace(0.3, 1, 40), 0.9) == 0.0
    assert cut_off(np.ones(29), np.linspace(0.3, 1, 29), 0.9) is None  # Too few to say.


@settings(deadline=None)
@given(answers)
def test_accuracy_at_full_coverage_is_the_accuracy_and_one_image_is_the_surest(rows):
    correct = np.array([right for right, _ in rows])
    confidence = np.random.default_rng(0).permutation(len(rows)) / len(rows)
    assert accuracy_at_coverage(correct, confidence, 1.0) == pytest.approx(correct.mean())
    assert accuracy_at_coverage(correct, confidence, 1e-6) == correct[np.argmax(confidence)]
    ordered = correct[np.argsort(-confidence)]
    for count in range(1, len(rows) + 1):
        share = accuracy_at_coverage(correct, confidence, count / len(rows))
        assert share == pytest.approx(ordered[:count].mean())
    risks = [1 - ordered[:count].mean() for count in range(1, len(rows) + 1)]
    assert area_under_risk_coverage(correct, confidence) == pytest.approx(np.mean(risks))


def test_risk_is_least_for_the_confidence_that_knows_and_the_error_rate_for_one_that_does_not():
    rng = np.random.default_rng(0)
    correct = rng.random(4000) < 0.8
    knowing = area_under_risk_coverage(correct, correct + rng.random(4000) / 2)
    guessing = area_under_risk_coverage(correct, rng.random(4000))
    # With all errors last, k - 3200 of k are wrong beyond 80 % coverage: r + (1 - r) ln(1 - r) for the error rate r.
    rate = 1 - correct.mean()
    assert knowing == pytest.approx(rate + (1 - rate) * np.log(1 - rate), abs=1e-3)
    # The first few answers scatter most: the mean of k shares has a deviation of sqrt(2 r (1 - r) / n).
    assert guessing == pytest.approx(rate, abs=4 * np.sqrt(2 * rate * (1 - rate) / 4000))


def test_a_curve_is_monotone_where_a_falling_one_fits_into_its_intervals():
    falling = [Interval(0.95, 0.9, 1.0), Interval(0.9, 0.85, 0.95), Interval(0.92, 0.88, 0.96)]
    assert monotone_within(falling)
    assert not monotone_within([*falling, Interval(0.99, 0.97, 1.0)])  # Above what the second may be.


def test_shapes_and_shares_are_checked():
    with pytest.raises(InputError, match="both have shape"):
        accuracy_at_coverage([1, 0], [0.5], 0.5)
    with pytest.raises(InputError, match="above 0, at most 1"):
        accuracy_at_coverage([1], [0.5], 0.0)
    assert np.isnan(accuracy_at_coverage([], [], 0.5)) and np.isnan(area_under_risk_coverage([], []))
