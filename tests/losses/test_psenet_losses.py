"""Equations 5 to 9 of paper 1 against plain loops and numbers worked by hand."""

import itertools
import math

import numpy as np
import pytest

from tfderm.losses import LocationFocalLoss, PairLoss, SeverityLoss


def smooth_l1(d):
    return 0.5 * d * d if abs(d) < 1 else abs(d) - 0.5


def column(values):
    return np.array(values, "float32")[:, None]


def test_focal_loss_by_hand():
    # One positive cell (G = 0.3 is the threshold itself) at D = 0.5 and one negative at D = 0.2.
    truth = np.array([[[[0.3], [0.29]]]], "float32")
    predicted = np.array([[[[0.5], [0.2]]]], "float32")
    positive = 0.75 * 0.5**2 * math.log(2)
    negative = 0.25 * 0.2**2 * -math.log(0.8)
    assert float(LocationFocalLoss()(truth, predicted)) == pytest.approx((positive + negative) / 2, rel=1e-5)


def test_focal_loss_by_loops_over_images_and_cells():
    rng = np.random.default_rng(0)
    truth, predicted = rng.random((3, 4, 5, 1)).astype("f4"), rng.uniform(0.01, 0.99, (3, 4, 5, 1)).astype("f4")
    expected = 0.0
    for image in range(3):
        cells = 0.0
        for i, j in itertools.product(range(4), range(5)):
            g, d = float(truth[image, i, j, 0]), float(predicted[image, i, j, 0])
            cells += -0.75 * (1 - d) ** 2 * math.log(d) if g >= 0.3 else -0.25 * d**2 * math.log(1 - d)
        expected += cells / 20 / 3
    assert float(LocationFocalLoss()(truth, predicted)) == pytest.approx(expected, rel=1e-5)


def test_focal_loss_ignores_cells_nobody_annotated():
    truth, predicted = np.full((1, 2, 2, 1), -1, "f4"), np.full((1, 2, 2, 1), 0.9, "f4")
    assert float(LocationFocalLoss()(truth, predicted)) == 0


def test_focal_loss_is_finite_at_certain_and_wrong():
    truth = np.array([[[[1.0], [0.0]]]], "f4")
    assert np.isfinite(float(LocationFocalLoss()(truth, 1 - truth)))


def test_pair_loss_has_the_absolute_value_that_equation_7_omits():
    # |s_A - s_B| = 2, |y_A - y_B| = 7: the printed condition (-5 < 1) would square; smooth L1 gives 4.5.
    assert float(PairLoss("random")(column([10, 3]), column([5, 3]))) == pytest.approx(4.5)


def test_pair_loss_pairs_neighbours_only():
    y_true, y_pred = column([1, 2, 10, 20]), column([1, 2.5, 12, 20])
    expected = (smooth_l1(1.5 - 1) + smooth_l1(8 - 10)) / 2
    assert float(PairLoss("random")(y_true, y_pred)) == pytest.approx(expected, rel=1e-6)


def test_all_pairs_by_loops_and_independent_of_the_order_in_the_batch():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.uniform(0, 40, 7), rng.uniform(0, 40, 7)
    pairs = list(itertools.combinations(range(7), 2))
    assert len(pairs) == 7 * 6 // 2
    expected = np.mean([smooth_l1((y_pred[a] - y_pred[b]) - (y_true[a] - y_true[b])) for a, b in pairs])
    loss = PairLoss("all")
    assert float(loss(column(y_true), column(y_pred))) == pytest.approx(expected, rel=1e-5)
    order = rng.permutation(7)
    assert float(loss(column(y_true[order]), column(y_pred[order]))) == pytest.approx(expected, rel=1e-5)


def test_random_and_all_pairs_agree_on_a_pair_in_the_right_order():
    y_true, y_pred = column([3, 9]), column([4, 30])
    assert float(PairLoss("random")(y_true, y_pred)) == pytest.approx(float(PairLoss("all")(y_true, y_pred)), rel=1e-6)


def test_a_pair_in_the_wrong_order_is_parted_by_the_distance_and_turned_by_the_signed_difference():
    # True 3 and 9, predicted 7 and 6: the distance should grow from 1 to 6, the signed difference go from 1 to -6.
    def slope(pairs):
        def loss(first):
            return float(PairLoss(pairs)(column([3, 9]), column([first, 6])))

        return (loss(7.5) - loss(6.5)) / (7.5 - 6.5)

    assert slope("random") == pytest.approx(-1)
    assert slope("all") == pytest.approx(1)


def test_equation_9_for_one_pair():
    y_true, y_pred = [4.0, 9.0], [4.4, 15.0]
    siamese = smooth_l1(10.6 - 5)
    regression = smooth_l1(0.4) + smooth_l1(6.0)  # equation 8: the sum over A and B
    for pairs in ("random", "all"):
        loss = float(SeverityLoss(pairs)(column(y_true), column(y_pred)))
        assert loss == pytest.approx(0.2 * siamese + 0.2 * regression, rel=1e-5)
    assert float(SeverityLoss("none")(column(y_true), column(y_pred))) == pytest.approx(0.2 * regression, rel=1e-5)


def test_a_single_image_has_no_pair_loss():
    assert float(PairLoss("all")(column([3]), column([9]))) == 0


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="pairs='none'"):
        PairLoss("none")
    with pytest.raises(ValueError, match="alpha=1.5"):
        LocationFocalLoss(alpha=1.5)
