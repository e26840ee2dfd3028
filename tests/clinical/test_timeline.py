"""A patient's timeline, worked by hand."""

import pytest

from tfderm.clinical.timeline import timeline

HALF_WIDTHS = {"mild": 1.0, "medium": 2.0, "severe": 6.0}


def test_changes_are_counted_from_the_first_visit():
    points = timeline({"1": [8.0, 10.0], "2": [7.0], "3": [5.5], "4": [12.5]}, HALF_WIDTHS, (0.0, 72.0), 3.0)
    assert [point.severity for point in points] == [9.0, 7.0, 5.5, 12.5]
    assert [point.change for point in points] == [None, -2.0, -3.5, 3.5]
    assert [point.verdict for point in points] == ["", "no detectable change", "better", "worse"]
    assert [point.num_photographs for point in points] == [2, 1, 1, 1]


def test_a_change_of_exactly_the_limit_is_not_detectable():
    assert timeline({"1": [4.0], "2": [7.0]}, HALF_WIDTHS, (0.0, 72.0), 3.0)[1].verdict == "no detectable change"


@pytest.mark.parametrize("score, interval", [(0.5, (0.0, 1.5)), (6.0, (4.0, 8.0)), (70.0, (64.0, 72.0))])
def test_interval_follows_the_band_and_stays_on_the_scale(score, interval):
    assert timeline({"1": [score]}, HALF_WIDTHS, (0.0, 72.0), 3.0)[0].interval == interval
