"""Several kinds of lesion in one rendered photograph: same bytes everywhere, each kind's marks in the common mask."""

from collections import Counter

import numpy as np
import pytest
from synthetic_files import checksum, render_plainly, rows_of

from tfderm.datasets import load
from tfderm.datasets.synthetic import morphology
from tfderm.datasets.synthetic.morphologies import COUNT_WEIGHTS, WEIGHTS, generate, labels_of, render
from tfderm.datasets.synthetic.patients import make_patient

SMALL = {"num_patients": 20, "image_size": (48, 48), "seed": 3}
# Changes only together with morphologies.VERSION: sha256 over names and bytes of all files of the set SMALL.
CHECKSUM = "889b84677e10daa3d20bc02daa12bce9bf8f4ac7d43b9daa336e00049800e194"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("synthetic") / "small", **SMALL)


def test_same_bytes_as_ever_without_cpu_optimisations_too(small, tmp_path):
    assert checksum(small.parent) == CHECKSUM
    render_plainly(tmp_path / "plain", "morphologies", **SMALL)
    assert checksum(tmp_path / "plain") == CHECKSUM


def test_labels_are_written_with_semicolons_and_read_as_several(small):
    rows = {row["image"]: row for row in rows_of(small)}
    for record in load(str(small)).records:
        assert rows[record.image]["label"] == ";".join(record.labels)
        number = int(record.patient_id[1:]) if record.patient_id[1:].isdecimal() else None
        assert number is None or record.labels == labels_of(SMALL["seed"], make_patient(SMALL["seed"], number))


def test_numbers_of_labels_and_their_shares():
    drawn = [labels_of(0, make_patient(0, number)) for number in range(800)]
    counts = Counter(0 if labels == (morphology.NORMAL,) else len(labels) for labels in drawn)
    for number, share in enumerate(COUNT_WEIGHTS):
        assert abs(counts[number] / 800 - share) < 4 * (share * (1 - share) / 800) ** 0.5
    assert {label for labels in drawn for label in labels} == {*WEIGHTS, morphology.NORMAL}
    assert all(list(labels) == sorted(set(labels)) for labels in drawn)


def test_each_kind_of_lesion_is_painted():
    """Without one of its labels a photograph is another, and the mask has what the rest has not."""
    numbers = [n for n in range(60) if len(labels_of(0, make_patient(0, n))) == 2][:6]
    for number in numbers:
        patient = make_patient(0, number)
        labels = labels_of(0, patient)
        both = render(0, patient, 1, (96, 96))
        assert both.label == ";".join(labels)
        for painted in labels:
            one = morphology.render(0, patient, 1, (96, 96), painted)
            assert np.mean(one.image != both.image) > 0.01
        assert both.mask.any()
