"""What is said of where a spatial transformer looks, on areas laid by hand."""

import numpy as np
import pytest

from tfderm.contract import ImageInput
from tfderm.datasets.corpus import Record
from tfderm.evaluation.area_of_interest import area_report, area_sentence

TARGET = ImageInput((100, 200))


def box(x, y, half_x, half_y):
    """Transform of the upright area with this centre and these half lengths, from -1 to 1."""
    return [[half_x, 0, x], [0, half_y, y]]


def record(number, *boxes):
    return Record(f"{number}.png", patient_id=f"p{number}", boxes=boxes, image_size=(200, 400))


def test_an_area_that_is_the_lesions_box_overlaps_it_wholly_and_a_centred_one_not_at_all():
    # In the photograph's 200x400 pixels: x 300..400, y 0..50, which is x 0.5..1 and y -1..-0.5.
    report = area_report(
        np.array([box(0.75, -0.75, 0.25, 0.25)] * 3), [record(i, (300, 0, 100, 50)) for i in range(3)], TARGET
    )
    lesions = report["lesions"]
    assert lesions["num_images"] == 3
    assert lesions["iou"]["value"] == pytest.approx(1) and lesions["iou_of_centred"]["value"] == 0
    assert lesions["difference"]["low"] == pytest.approx(1)
    assert report["zoom"] == pytest.approx(0.25) and report["outside"] == 0
    assert report["fixed"] and "at nearly the same part of every photograph" in area_sentence(
        {"area_of_interest": report}
    )


def test_several_lesions_count_as_the_rectangle_round_them():
    (area,) = [box(0, 0, 0.5, 1.0)]
    report = area_report(
        np.array([area] * 2), [record(i, (100, 0, 20, 20), (280, 180, 20, 20)) for i in range(2)], TARGET
    )
    assert report["lesions"]["iou"]["value"] == pytest.approx(1)


def test_what_lies_outside_is_told_and_does_not_count_as_overlap():
    report = area_report(np.array([box(1, 0, 1, 1)] * 2), [record(i, (200, 0, 200, 200)) for i in range(2)], TARGET)
    assert report["outside"] == pytest.approx(0.5)
    assert report["lesions"]["iou"]["value"] == pytest.approx(1)
    assert "50% of what it looks at lies outside" in area_sentence({"area_of_interest": report})


def test_a_transformer_that_looks_at_different_parts_is_not_fixed():
    report = area_report(np.array([box(-0.5, 0, 0.3, 0.3), box(0.5, 0, 0.3, 0.3)]), [record(0), record(1)], TARGET)
    assert not report["fixed"] and report["shift_spread"] == pytest.approx(0.25) and "lesions" not in report


def test_a_cropped_photograph_has_no_boxes_to_compare_with():
    report = area_report(np.array([box(0, 0, 1, 1)]), [record(0, (0, 0, 9, 9))], ImageInput((100, 200), crop=0.5))
    assert "lesions" not in report
