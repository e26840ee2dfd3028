"""Metrics of several labels on one image against scikit-learn's."""

import numpy as np
import pytest
import sklearn.metrics

from tfderm.errors import InputError
from tfderm.metrics import (
    binary_cross_entropy,
    exact_matches,
    f1,
    image_cross_entropies,
    label_average_precisions,
    label_thresholds,
    mean_average_precision,
    mean_roc_auc,
)

RNG = np.random.default_rng(0)
SHOWN = (RNG.random((300, 4)) < (0.05, 0.3, 0.6, 0.9)).astype(int)
PROBABILITIES = np.round(np.clip(RNG.normal(0.3 + 0.3 * SHOWN, 0.25), 0, 1), 1)  # With many ties.


def test_average_precision_with_ties():
    expected = [
        sklearn.metrics.average_precision_score(*columns) for columns in zip(SHOWN.T, PROBABILITIES.T, strict=True)
    ]
    np.testing.assert_allclose(label_average_precisions(SHOWN, PROBABILITIES), expected, rtol=1e-12)
    assert mean_average_precision(SHOWN, PROBABILITIES) == pytest.approx(np.mean(expected))


def test_knowing_nothing_scores_the_label_s_share_and_an_absent_label_nothing():
    constant = np.tile(SHOWN.mean(axis=0), (300, 1))
    np.testing.assert_allclose(label_average_precisions(SHOWN, constant), SHOWN.mean(axis=0))
    absent = SHOWN * (1, 1, 0, 0)
    assert np.isnan(label_average_precisions(absent, PROBABILITIES)).tolist() == [False, False, True, True]
    assert mean_average_precision(absent, constant) == pytest.approx(SHOWN.mean(axis=0)[:2].mean())
    assert np.isnan(mean_average_precision(SHOWN * 0, PROBABILITIES))


def test_cross_entropy_and_decisions():
    expected = np.mean(
        [
            sklearn.metrics.log_loss(*columns)
            for columns in zip(SHOWN.T, PROBABILITIES.T.clip(1e-7, 1 - 1e-7), strict=True)
        ]
    )
    assert binary_cross_entropy(SHOWN, PROBABILITIES) == pytest.approx(expected)
    assert np.mean(image_cross_entropies(SHOWN, PROBABILITIES)) == pytest.approx(expected)
    present = PROBABILITIES >= 0.5
    assert exact_matches(SHOWN, present) == pytest.approx(sklearn.metrics.accuracy_score(SHOWN, present))
    for shown, said in zip(SHOWN.T, present.T, strict=True):
        assert f1(shown, said) == pytest.approx(sklearn.metrics.f1_score(shown, said))
    assert np.isnan(f1([0, 0], [0, 0]))


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"\(N, num_labels\)"):
        mean_average_precision(SHOWN[:, 0], PROBABILITIES[:, 0])


def test_area_under_the_roc_curve_with_ties_and_whatever_the_share():
    expected = sklearn.metrics.roc_auc_score(SHOWN, PROBABILITIES, average="macro")
    assert mean_roc_auc(SHOWN, PROBABILITIES) == pytest.approx(expected, rel=1e-12)
    assert mean_roc_auc(SHOWN * (1, 1, 0, 0) + (0, 0, 0, 1), PROBABILITIES) == pytest.approx(
        sklearn.metrics.roc_auc_score(SHOWN[:, :2], PROBABILITIES[:, :2], average="macro")
    )
    assert np.isnan(mean_roc_auc(SHOWN * 0, PROBABILITIES))


def test_thresholds_have_the_largest_f1():
    probabilities = PROBABILITIES.astype(np.float32)  # As a graph gives them.
    chosen = label_thresholds(SHOWN * (1, 1, 1, 0), probabilities)
    for shown, given, threshold in zip(SHOWN.T[:3], probabilities.T, chosen, strict=False):
        best = max(sklearn.metrics.f1_score(shown, given >= value) for value in given)
        assert sklearn.metrics.f1_score(shown, given >= threshold) == pytest.approx(best)
    assert chosen[3] == 0.5
