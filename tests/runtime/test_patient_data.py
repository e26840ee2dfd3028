"""One encoding of what is known of a patient: unknown is a mask, and what training never saw is told, not guessed."""

import numpy as np
import pytest

from tfderm.contract import MetadataColumn
from tfderm.errors import InputError
from tfderm.runtime.patient_data import encode, unseen

COLUMNS = (
    MetadataColumn("age", mean=40.0, std=10.0, range=(0.0, 85.0), unit="years"),
    MetadataColumn("sex", values=("female", "male")),
    MetadataColumn("site", values=("back", "lower extremity")),
)


def test_numbers_stand_for_themselves_and_words_for_their_position():
    inputs = encode({"age": "62", "sex": "male", "site": "lower extremity", "label": "nv"}, COLUMNS)
    assert inputs["metadata"].tolist() == [62.0, 1.0, 1.0] and inputs["metadata_known"].tolist() == [1.0, 1.0, 1.0]
    assert all(values.dtype == np.float32 for values in inputs.values())
    assert encode({"age": 62.0, "sex": " MALE "}, COLUMNS)["metadata"][:2].tolist() == [62.0, 1.0]


@pytest.mark.parametrize("nothing", [{}, {"age": "", "sex": "unknown", "site": "UNK"}, {"age": "nan"}])
def test_the_unknown_is_masked_and_needs_no_word(nothing):
    assert encode(nothing, COLUMNS)["metadata_known"].tolist() == [0.0, 0.0, 0.0]
    assert unseen(nothing, COLUMNS) == []


def test_what_training_never_saw_counts_as_unknown_and_is_told():
    known = {"age": "93", "sex": "diverse", "site": "back"}
    assert encode(known, COLUMNS)["metadata_known"].tolist() == [0.0, 0.0, 1.0]
    assert unseen(known, COLUMNS) == [
        "age 93 counts as unknown: training saw 0 to 85 years",
        "sex diverse counts as unknown: training saw female, male",
    ]


@pytest.mark.parametrize("text", ["about forty", "1e400", "inf"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(InputError, match=f"age must be a number. Received: {text}"):
        encode({"age": text}, COLUMNS)


def test_a_model_of_images_alone_has_no_such_inputs():
    assert encode({"age": 40}, ()) == {}
