"""Mean absolute error and pair accuracy against hand values, a plain double loop, and invariances."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfderm.errors import InputError
from tfderm.metrics import SEVERITY_RANGES, mean_absolute_error, pair_accuracy, severity_range

scores = st.lists(st.tuples(st.integers(0, 6), st.integers(-4, 4)), min_size=0, max_size=40)


def double_loop(y_true, y_pred):
    """The definition, one pair at a time."""
    counted = []
    for (true_a, pred_a), (true_b, pred_b) in itertools.combinations(zip(y_true, y_pred, strict=True), 2):
        if true_a == true_b:
            continue
        if pred_a == pred_b:
            counted.append(0.5)
        else:
            counted.append(float((true_a < true_b) == (pred_a < pred_b)))
    return sum(counted) / len(counted) if counted else math.nan


def test_mean_absolute_error_by_hand():
    assert mean_absolute_error([0, 10, 72], [1, 7, 72]) == pytest.approx(4 / 3)
    assert math.isnan(mean_absolute_error([], []))


def test_pair_accuracy_by_hand():
    # Pairs: (1,2) right, (1,3) right, (2,3) wrong.
    assert pair_accuracy([1, 2, 3], [0.1, 0.9, 0.5]) == pytest.approx(2 / 3)
    # The pair of equal truths is left out; of the two left, one is tied.
    assert pair_accuracy([1, 1, 2], [0, 5, 5]) == pytest.approx(0.75)
    assert pair_accuracy([1, 2, 3, 40], [7, 7, 7, 7]) == 0.5


@pytest.mark.parametrize("y_true", [[], [3.0], [3.0, 3.0]])
def test_pair_accuracy_without_pairs_is_nan(y_true):
    assert math.isnan(pair_accuracy(y_true, np.arange(len(y_true))))


@settings(max_examples=200, deadline=None)
@given(scores)
def test_pair_accuracy_equals_double_loop(pairs):
    y_true, y_pred = ([pair[i] for pair in pairs] for i in (0, 1))
    expected = double_loop(y_true, y_pred)
    received = pair_accuracy(y_true, y_pred)
    assert received == expected or (math.isnan(received) and math.isnan(expected))


@settings(max_examples=50, deadline=None)
@given(scores.filter(lambda pairs: len({pair[0] for pair in pairs}) > 1), st.randoms(use_true_random=False))
def test_pair_accuracy_invariances(pairs, random):
    y_true, y_pred = (np.array([pair[i] for pair in pairs], dtype=float) for i in (0, 1))
    value = pair_accuracy(y_true, y_pred)
    assert pair_accuracy(y_true, np.exp(y_pred) + 3) == value
    assert pair_accuracy(y_true**3 + 1, y_pred) == value
    assert pair_accuracy(y_true, -y_pred) == pytest.approx(1 - value)
    order = random.sample(range(len(pairs)), len(pairs))
    assert pair_accuracy(y_true[order], y_pred[order]) == value


def test_pair_accuracy_of_many_images_is_fast():
    random = np.random.default_rng(0)
    y_true = random.gamma(2, 5, 50_000)
    start = time.perf_counter()
    assert 0.49 < pair_accuracy(y_true, random.normal(size=50_000)) < 0.51
    assert time.perf_counter() - start < 5  # 1.25e9 pairs: impossible in quadratic time.


@pytest.mark.parametrize("metric", [mean_absolute_error, pair_accuracy])
@pytest.mark.parametrize("y_pred", [[1.0], [[1.0], [2.0]], [1.0, np.nan], [1.0, np.inf]])
def test_unusable_predictions_are_refused(metric, y_pred):
    with pytest.raises(InputError, match="y_pred"):
        metric([1.0, 2.0], y_pred)


def test_ranges_follow_the_clinical_bands_and_the_papers_last_range():
    scores = [0, 4.99, 5, 9.99, 10, 15, 19.99, 20, 20.01, 72]
    labels = [SEVERITY_RANGES[index] for index in severity_range(scores)]
    assert labels == ["[0, 5)"] * 2 + ["[5, 10)"] * 2 + ["[10, 15)"] + ["[15, 20]"] * 3 + ["(20, 72]"] * 2
