"""Psoriasis against eczema, rendered: same bytes everywhere, and only the lesion's morphology tells the label."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from synthetic_files import checksum, decode_run_lengths, render_plainly, rows_of

from tfderm.datasets import load
from tfderm.datasets.synthetic.labelled import COLUMNS, photographs
from tfderm.datasets.synthetic.patients import make_patient
from tfderm.datasets.synthetic.psoriasis_eczema import LABELS, STREAM, generate, render
from tfderm.errors import InputError
from tfderm.evaluation.baselines import ColourHistogramClassifier

SMALL = {"num_patients": 6, "image_size": (64, 96), "seed": 3}
# Changes only together with psoriasis_eczema.VERSION: sha256 over names and bytes of all files of the set SMALL.
CHECKSUM = "0bb7eeb0813744e1632df7b3402f661f433ad666fdfeb29d69054ad9783ff6d4"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return generate(tmp_path_factory.mktemp("synthetic") / "small", **SMALL)


def render_set(num_patients, image_size):
    tasks = photographs(0, num_patients, STREAM)
    return [render(0, *task, image_size) for task in tasks], np.array([patient.number for patient, _ in tasks])


@pytest.fixture(scope="module")
def pictures():
    """120 patients' photographs, small, and the number of each one's patient."""
    return render_set(120, (72, 108))


def test_same_bytes_as_ever(small):
    assert checksum(small.parent) == CHECKSUM


def test_same_bytes_without_cpu_optimisations(tmp_path):
    render_plainly(tmp_path / "plain", "psoriasis_eczema", **SMALL)
    assert checksum(tmp_path / "plain") == CHECKSUM


def test_a_patient_has_one_disease_and_does_not_depend_on_the_others(small, tmp_path):
    rows = rows_of(small)
    assert tuple(rows[0]) == COLUMNS and {row["label"] for row in rows} == set(LABELS)
    diseases = {(row["patient_id"], row["label"]) for row in rows}
    assert len(diseases) == len({row["patient_id"] for row in rows}) == 6 < len(rows)
    fewer = generate(tmp_path / "set", **{**SMALL, "num_patients": 2})
    assert rows_of(fewer) == [row for row in rows if row["patient_id"] in ("p0000", "p0001")]
    for row in rows_of(fewer):
        assert (fewer.parent / row["image"]).read_bytes() == (small.parent / row["image"]).read_bytes()


def test_every_photograph_has_the_box_of_its_mask(small):
    corpus = load(small)
    assert corpus.synthetic and corpus.name == "synthetic psoriasis and eczema"
    assert "SYNTHETIC" in (small.parent / "README.md").read_text()
    annotations = json.loads((small.parent / "lesions.json").read_text())["annotations"]
    for record, annotation in zip(corpus.records, annotations, strict=True):
        mask = np.asarray(Image.open(corpus.root / record.mask))
        np.testing.assert_array_equal(decode_run_lengths(annotation["segmentation"]), mask)
        rows, columns = np.nonzero(mask)
        box = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        assert record.boxes == (box,) and record.image_size == mask.shape == (64, 96)
        assert annotation["area"] == mask.sum()


def test_lesions_are_small_and_anywhere(pictures):
    """Boxes cover 3 to 20 % of the picture, and their centres lie as if a lesion could be anywhere that it fits."""
    shares, centres = [], []
    for picture in pictures[0]:
        rows, columns = np.nonzero(picture.mask)
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        shares.append(height * width / picture.mask.size)
        centres.append(((rows.min() + height / 2) / 72, (columns.min() + width / 2) / 108))
    low, high = np.percentile(shares, [5, 95])
    assert 0.03 < low and high < 0.2 and max(shares) < 0.3
    offsets = np.abs(np.array(centres) - 0.5)
    assert np.mean(offsets.max(axis=1) > 0.125) > 0.75  # outside the middle quarter of either side
    assert np.mean(np.array(centres), axis=0) == pytest.approx(0.5, abs=0.045)  # sd 0.2, n about 220: three errors
    assert (np.histogram2d(*np.array(centres).T, bins=[[0, 1 / 3, 2 / 3, 1]] * 2)[0] > 0.02 * len(shares)).all()


def test_nuisances_are_alike_in_both_diseases(pictures):
    """As rank statistics: area, place, the picture's redness and brightness, skin tone and region tell nothing."""
    found, numbers = pictures
    y = np.array([LABELS.index(picture.label) for picture in found])
    lab = np.stack([cv2.cvtColor(picture.image, cv2.COLOR_RGB2Lab).reshape(-1, 3).mean(axis=0) for picture in found])
    centres = np.stack([np.mean(np.nonzero(picture.mask), axis=1) for picture in found])
    tones = [make_patient(0, number).tone for number in numbers]
    regions = np.array([picture.region for picture in found])
    nuisances = [*lab.T, *centres.T, [picture.mask.mean() for picture in found], tones]
    nuisances += [regions == region for region in set(regions)]
    # Two groups of about 60 patients: the standard error is at most sqrt(121 / (12 * 60 * 60)) = 0.053; three of them.
    for values in nuisances:
        assert abs(roc_auc_score(y, values) - 0.5) < 0.16


def test_the_same_lesion_may_be_either():
    """Painted as the other disease, a photograph keeps its mask and its surroundings, and redness hardly differs."""
    difference = []
    for number in range(20):
        patient = make_patient(1, number)
        psoriasis, eczema = (render(1, patient, 1, (108, 162), label) for label in LABELS)
        assert (psoriasis.label, eczema.label) == LABELS and psoriasis.region == eczema.region
        np.testing.assert_array_equal(psoriasis.mask, eczema.mask)
        change = np.abs(psoriasis.image.astype(int) - eczema.image).max(axis=2)
        far = cv2.dilate(psoriasis.mask.astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
        assert change[psoriasis.mask].mean() > 10 and (not far.any() or change[far].max() == 0)
        reds = [cv2.cvtColor(p.image, cv2.COLOR_RGB2Lab)[p.mask][:, 1].mean() for p in (psoriasis, eczema)]
        difference.append(reds[1] - reds[0])
    assert abs(np.mean(difference)) < 4  # of 255; lesions themselves vary over more than 25


@pytest.mark.slow
def test_a_colour_histogram_does_not_solve_it():
    found, groups = render_set(300, (108, 162))
    images = np.stack([picture.image for picture in found])
    y = np.array([LABELS.index(picture.label) for picture in found])
    y_pred = np.empty(len(y), int)
    for train, test in GroupKFold(4).split(images, y, groups):
        y_pred[test] = ColourHistogramClassifier().fit(images[train], y[train], groups[train]).predict(images[test])
    assert np.mean(y_pred == y) < 0.65


@pytest.mark.parametrize("image_size", [(32, 32), (40, 200), (200, 40)], ids=str)
def test_other_shapes_have_a_lesion_too(image_size):
    for number in range(6):
        assert render(0, make_patient(0, number), 1, image_size).mask.any()


def test_loads_by_name_with_a_number_of_patients(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDERM_CACHE", str(tmp_path))
    monkeypatch.setattr("tfderm.datasets.synthetic.psoriasis_eczema.render", _grey)
    corpus = load("synthetic:psoriasis_eczema:5")
    assert len({record.group for record in corpus.records}) == 5
    with pytest.raises(InputError, match="No synthetic set"):
        load("synthetic:eczema:5")


def _grey(seed, patient, number, image_size):
    picture = render(seed, patient, number, (32, 48))
    return type(picture)(np.full((*image_size, 3), 99, np.uint8), np.ones(image_size, bool), picture.label, "torso")
