"""Class metrics and calibration against hand values and scikit-learn."""

import math

import numpy as np
import pytest
import sklearn.metrics

from tfderm import metrics
from tfderm.errors import InputError

Y_TRUE = [0, 0, 0, 1, 1, 3]
Y_PRED = [0, 0, 1, 1, 2, 3]


def test_by_hand():
    assert metrics.accuracy(Y_TRUE, Y_PRED) == pytest.approx(4 / 6)
    recalls = metrics.class_recalls(Y_TRUE, Y_PRED, 4)
    np.testing.assert_allclose(recalls, [2 / 3, 1 / 2, np.nan, 1])
    assert metrics.mean_class_recall(Y_TRUE, Y_PRED, 4) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    np.testing.assert_array_equal(
        metrics.confusion_matrix(Y_TRUE, Y_PRED, 4), [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    )


def test_against_scikit_learn():
    random = np.random.default_rng(1)
    y_true = random.integers(0, 5, 300)
    probabilities = random.dirichlet(np.ones(5), 300)
    y_pred = probabilities.argmax(1)
    assert metrics.mean_class_recall(y_true, y_pred, 5) == pytest.approx(
        sklearn.metrics.balanced_accuracy_score(y_true, y_pred)
    )
    np.testing.assert_array_equal(
        metrics.confusion_matrix(y_true, y_pred, 5), sklearn.metrics.confusion_matrix(y_true, y_pred)
    )
    assert metrics.cross_entropy(y_true, probabilities) == pytest.approx(
        sklearn.metrics.log_loss(y_true, probabilities), abs=1e-6
    )


def test_majority_class_recall_does_not_depend_on_imbalance():
    y_true = np.repeat([0, 1, 2], [1000, 10, 3])
    assert metrics.mean_class_recall(y_true, np.zeros_like(y_true), 3) == pytest.approx(1 / 3)


def test_no_images():
    empty = np.zeros(0, dtype=int)
    for value in (
        metrics.accuracy(empty, empty),
        metrics.mean_class_recall(empty, empty, 3),
        metrics.cross_entropy(empty, np.zeros((0, 3))),
        metrics.expected_calibration_error(empty, np.zeros((0, 3))),
    ):
        assert math.isnan(value)


def test_class_out_of_range_is_refused():
    with pytest.raises(InputError, match="0..2"):
        metrics.confusion_matrix([0, 3], [0, 1], 3)


def test_calibration_by_hand():
    # Two bins: (0, .5] holds one image (confidence .5, right), (.5, 1] three (mean .8, two right).
    probabilities = [[0.5, 0.5], [0.6, 0.4], [0.1, 0.9], [0.9, 0.1]]
    y_true = [0, 0, 1, 1]
    bins = metrics.reliability_bins(y_true, probabilities, bins=2)
    np.testing.assert_array_equal(bins.count, [1, 3])
    np.testing.assert_allclose(bins.confidence, [0.5, 0.8])
    np.testing.assert_allclose(bins.accuracy, [1, 2 / 3])
    expected = 1 / 4 * 0.5 + 3 / 4 * (0.8 - 2 / 3)
    assert metrics.expected_calibration_error(y_true, probabilities, bins=2) == pytest.approx(expected)


def test_calibrated_forecasts_have_small_error_and_overconfident_ones_large():
    random = np.random.default_rng(2)
    p = random.uniform(0.5, 1, 20_000)
    y_true = (random.uniform(size=p.size) > p).astype(int)
    assert metrics.expected_calibration_error(y_true, np.stack([p, 1 - p], 1)) < 0.02
    sure = np.stack([np.full_like(p, 0.99), np.full_like(p, 0.01)], 1)
    assert metrics.expected_calibration_error(y_true, sure) == pytest.approx(0.99 - np.mean(y_true == 0))


def test_rows_that_do_not_sum_to_one_are_refused():
    with pytest.raises(InputError, match="sum to 1"):
        metrics.expected_calibration_error([0], [[2.0, 1.0]])
