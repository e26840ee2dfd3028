"""Metadata columns as classes."""

import numpy as np

from tfderm.datasets.corpus import Record
from tfderm.pipeline.auxiliary import UNKNOWN, auxiliary_targets


def records(**columns):
    rows = zip(*columns.values(), strict=True)
    return [
        Record(
            f"{index}.png", metadata={name: text for name, text in zip(columns, row, strict=True) if text is not None}
        )
        for index, row in enumerate(rows)
    ]


def test_words_are_classes_in_alphabetical_order():
    train = records(site=["scalp", "hand", None, "scalp"])
    (site,) = auxiliary_targets(train, ["site"])
    assert (site.output, site.num_classes) == ("auxiliary_site", 2)
    np.testing.assert_array_equal(site.classes(train), [1, 0, UNKNOWN, 1])
    np.testing.assert_array_equal(site.classes(records(site=["hand", "foot"])), [0, UNKNOWN])


def test_numbers_are_five_equally_filled_ranges():
    train = records(age=[str(age) for age in range(1, 101)])
    (age,) = auxiliary_targets(train, ["age"])
    assert age.num_classes == 5
    np.testing.assert_array_equal(np.bincount(age.classes(train)), [20] * 5)
    np.testing.assert_array_equal(age.classes(records(age=["0", "200", "x", "nan", None])), [0, 4, *[UNKNOWN] * 3])


def test_repeated_numbers_make_fewer_ranges():
    train = records(age=["50"] * 8 + ["60", "70"])
    (age,) = auxiliary_targets(train, ["age"])
    np.testing.assert_array_equal(age.classes(train), [age.num_classes - 2] * 8 + [age.num_classes - 1] * 2)


def test_columns_that_tell_nothing_are_left_out():
    train = records(sex=["f", "m", "f"], site=["hand", None, "hand"], age=["40", "40", "40"])
    assert [target.column for target in auxiliary_targets(train, ["site", "sex", "age", "phototype"])] == ["sex"]
