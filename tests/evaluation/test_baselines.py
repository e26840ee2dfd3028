"""Trivial baselines on images whose colours and answers are known."""

import numpy as np
import pytest

from tfderm.errors import InputError
from tfderm.evaluation.baselines import (
    BINS,
    ColourHistogramClassifier,
    ColourHistogramLabels,
    ColourHistogramSeverity,
    ConstantSeverity,
    LabelShares,
    MajorityClass,
    colour_histogram,
)


def two_colours(share, rng, size=20):
    """A blue image, `share` of whose pixels, at random places, are red."""
    image = np.tile(np.array([40, 60, 160], np.uint8), (size * size, 1))
    image[rng.permutation(size * size)[: round(share * size * size)]] = (180, 40, 40)
    return image.reshape(size, size, 3)


def test_histogram_of_two_colours():
    histogram = colour_histogram(two_colours(0.25, np.random.default_rng(0)))
    assert histogram.shape == (np.prod(BINS),)
    assert sorted(histogram[histogram > 0]) == pytest.approx([0.5, 0.75**0.5], abs=1e-12)


def test_histogram_of_grey_is_in_the_bin_of_lab():
    # Grey 255 has 8-bit Lab (255, 128, 128): bins 7, (128 - 104) * 12 // 96 = 3, (128 - 96) * 12 // 96 = 4.
    histogram = colour_histogram(np.full((4, 4, 3), 255, np.uint8))
    assert np.flatnonzero(histogram).tolist() == [(7 * 12 + 3) * 12 + 4]


def test_histogram_ignores_where_colours_are():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (16, 24, 3), np.uint8)
    moved = rng.permutation(image.reshape(-1, 3)).reshape(24, 16, 3)
    np.testing.assert_array_equal(colour_histogram(image), colour_histogram(moved))


def test_histogram_refuses_floats():
    with pytest.raises(InputError, match="uint8 RGB"):
        colour_histogram(np.zeros((4, 4, 3)))


def test_constant_is_the_median():
    images = np.zeros((5, 4, 4, 3), np.uint8)
    baseline = ConstantSeverity().fit(images, [0, 1, 2, 30, 72], list("abcde"))
    assert baseline.predict(images[:2]).tolist() == [2.0, 2.0]


def test_histogram_regression_learns_a_share_of_red():
    rng = np.random.default_rng(0)
    shares = rng.random(80)
    images = np.stack([two_colours(share, rng) for share in shares])
    y, groups = 40 * np.sqrt(shares), np.arange(80) // 4
    baseline = ColourHistogramSeverity().fit(images[:60], y[:60], groups[:60])
    error = np.abs(baseline.predict(images[60:]) - y[60:]).mean()
    constant = np.abs(np.median(y[:60]) - y[60:]).mean()
    assert error < 0.05 * constant  # y is linear in the square root of the share, which is the feature


def test_histogram_regression_is_no_better_than_constant_on_noise():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 12, 12, 3), np.uint8)
    y = rng.random(60) * 72
    baseline = ColourHistogramSeverity().fit(images[:40], y[:40], np.arange(40) // 2)
    assert np.abs(baseline.predict(images[40:]) - y[40:]).mean() > 0.85 * np.abs(np.median(y[:40]) - y[40:]).mean()


def test_regularisation_is_chosen_across_groups():
    """Each patient has colours and a score of their own: memorising them pays only where patients are divided."""
    rng = np.random.default_rng(0)
    palette = np.array([(40, 60, 160), (180, 40, 40), (60, 160, 60), (230, 220, 210), (90, 60, 40)], np.uint8)
    patients = np.arange(90) // 6
    shares, scores = rng.dirichlet(np.ones(5), 15), rng.random(15) * 72
    images = np.stack([palette[rng.choice(5, (16, 16), p=shares[patient])] for patient in patients])
    honest = ColourHistogramSeverity().fit(images, scores[patients], patients)
    leaking = ColourHistogramSeverity().fit(images, scores[patients], np.arange(90))
    assert honest.model.alpha > leaking.model.alpha


def test_majority_class():
    images = np.zeros((4, 4, 4, 3), np.uint8)
    baseline = MajorityClass().fit(images, [2, 0, 2, 2], list("abcd"))
    assert baseline.predict(images[:2]).tolist() == [2, 2]
    np.testing.assert_array_equal(baseline.predict_proba(images[:1]), [[0.25, 0.0, 0.75]])


def test_histogram_classifier_balances_classes():
    """Nine of ten images are of class 0; where colour says nothing in between, both classes get an equal chance."""
    rng = np.random.default_rng(0)
    labels = np.array([0] * 90 + [1] * 10)
    images = np.stack([two_colours(0.1 + 0.8 * label, rng) for label in labels])
    baseline = ColourHistogramClassifier().fit(images, labels, np.arange(100))
    assert baseline.predict(images).tolist() == labels.tolist()
    probabilities = baseline.predict_proba(images)
    assert probabilities.shape == (100, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-9)
    assert probabilities[:90, 1].mean() == pytest.approx(probabilities[90:, 0].mean(), abs=0.05)


def test_histogram_classifier_keeps_the_columns_of_absent_classes():
    rng = np.random.default_rng(0)
    labels = np.array([0, 2] * 10)
    images = np.stack([two_colours(0.1 + 0.4 * label, rng) for label in labels])
    baseline = ColourHistogramClassifier().fit(images, labels, np.arange(20))
    probabilities = baseline.predict_proba(images)
    assert probabilities.shape == (20, 3)
    assert not probabilities[:, 1].any()
    assert baseline.predict(images).tolist() == labels.tolist()


@pytest.mark.parametrize(
    "baseline", [ConstantSeverity, ColourHistogramSeverity, MajorityClass, ColourHistogramClassifier]
)
def test_lengths_must_agree(baseline):
    with pytest.raises(InputError, match="equally long"):
        baseline().fit(np.zeros((2, 4, 4, 3), np.uint8), [1, 0, 1], list("abc"))


def test_labels_are_told_by_colour_or_by_their_share():
    rng = np.random.default_rng(0)
    shares = rng.uniform(0, 1, 80)
    images = np.stack([two_colours(share, rng) for share in shares])
    shown = np.stack([shares > 0.6, rng.random(80) < 0.3, np.ones(80)], axis=1).astype(int)
    groups = [str(number) for number in range(80)]
    constant = LabelShares().fit(images[:60], shown[:60], groups[:60]).predict_proba(images[60:])
    np.testing.assert_allclose(constant, np.tile(shown[:60].mean(axis=0), (20, 1)))
    told = ColourHistogramLabels().fit(images[:60], shown[:60], groups[:60]).predict_proba(images[60:])
    assert told.shape == (20, 3) and (told[:, 2] == 1).all()
    assert told[shown[60:, 0] == 1, 0].min() > told[shown[60:, 0] == 0, 0].max()
    with pytest.raises(InputError, match="y of shape"):
        LabelShares().fit(images, shown[:, 0], groups)
