"""The synthetic morphologies: same bytes everywhere, masks where the lesions are, and colour does not solve it."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold
from synthetic_files import checksum, decode_run_lengths, render_plainly, rows_of

from tfderm.datasets import load
from tfderm.datasets.synthetic.labelled import COLUMNS, photographs
from tfderm.datasets.synthetic.morphology import LABELS, NORMAL, STREAM, WEIGHTS, generate, label_of, render
from tfderm.datasets.synthetic.patients import make_patient
from tfderm.evaluation.baselines import ColourHistogramClassifier

SMALL = {"num_patients": 30, "image_size": (48, 48), "seed": 3}
# Changes only together with morphology.VERSION: sha256 over names and bytes of all files of the set SMALL.
CHECKSUM = "569214cd93d5d33e9b4129df56d439d71f1eaa04cbef34334e9b01b1b387fe40"


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return generate(tmp_path_factory.mktemp("synthetic") / "small", **SMALL)


def test_same_bytes_as_ever(small):
    assert checksum(small.parent) == CHECKSUM


def test_same_bytes_without_cpu_optimisations(tmp_path):
    render_plainly(tmp_path / "plain", "morphology", **SMALL)
    assert checksum(tmp_path / "plain") == CHECKSUM


def test_labels_are_the_paper_s_and_normal():
    assert sorted(LABELS) == sorted(
        "Acne Alopecia Crust Erythema Leukoderma Pustule Ulcer Wheal Normal".split() + ["Pigmented Maculae"]
    )


def test_a_patient_has_one_morphology(small):
    rows = rows_of(small)
    assert tuple(rows[0]) == COLUMNS
    assert len({(row["patient_id"], row["label"]) for row in rows}) == 30 < len(rows)


def test_frequencies_are_uneven():
    counts = Counter(label_of(0, make_patient(0, number)) for number in range(600))
    assert set(counts) == set(LABELS) and WEIGHTS["Acne"] >= 4 * WEIGHTS["Ulcer"]
    for label, weight in WEIGHTS.items():
        share = weight / sum(WEIGHTS.values())
        assert abs(counts[label] / 600 - share) < 4 * (share * (1 - share) / 600) ** 0.5


def test_boxes_and_segmentations_are_those_of_the_masks(small):
    corpus = load(small)
    assert corpus.synthetic and "SYNTHETIC" in (small.parent / "README.md").read_text()
    coco = json.loads((small.parent / "lesions.json").read_text())
    covered = {image["file_name"]: np.zeros((48, 48), bool) for image in coco["images"]}
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    for annotation in coco["annotations"]:
        lesion = decode_run_lengths(annotation["segmentation"])
        x, y, width, height = annotation["bbox"]
        assert lesion.sum() == lesion[y : y + height, x : x + width].sum() == annotation["area"]
        assert lesion.any(axis=0).sum() <= width and lesion[:, [x, x + width - 1]].any(axis=0).all()
        covered[names[annotation["image_id"]]] |= lesion
    for record in corpus.records:
        np.testing.assert_array_equal(covered[record.image], np.asarray(Image.open(corpus.root / record.mask)))
        assert (record.boxes == ()) == (record.label == NORMAL)


@pytest.mark.parametrize("label", [label for label in LABELS if label != NORMAL])
def test_a_morphology_changes_the_picture_where_its_mask_is(label, monkeypatch):
    """Against the same photograph whose painter paints nothing: the change is in the mask and round it."""
    from tfderm.datasets.synthetic import morphology

    inside, outside = [], []
    for number in range(8):
        picture = render(0, make_patient(0, number), 1, (96, 96), label)
        share = picture.mask.mean()
        assert 0 < share < 0.75 and picture.label == label
        with monkeypatch.context() as patch:
            _paint_nothing(patch, morphology, label)
            plain = render(0, make_patient(0, number), 1, (96, 96), label)
        change = np.abs(picture.image.astype(int) - plain.image).mean(axis=2)
        far = cv2.dilate(picture.mask.astype(np.uint8), np.ones((31, 31), np.uint8)) == 0
        inside.append(change[picture.mask].mean())
        outside.append(change[far].mean() if far.any() else 0.0)
    assert np.mean(inside) > 8 and np.mean(outside) < 0.25 * np.mean(inside)


def _paint_nothing(patch, morphology, label):
    """The painter takes its random numbers, so that all that follows is the same."""

    def keep(painter):
        def paint(rng, site, planes, *more):
            painter(rng, site, planes, *more)
            return planes, np.zeros(site.frame.shape, bool)

        return paint

    if label == morphology.ALOPECIA:
        from tfderm.datasets.synthetic import scalp

        patch.setattr(scalp, "patches", lambda rng, *more: np.full(more[0].shape, -1e3))
    else:
        painters = {**morphology._PAINTERS, label: keep(morphology._PAINTERS[label])}
        patch.setattr(morphology, "_PAINTERS", painters)


@pytest.mark.slow
def test_a_colour_histogram_does_not_solve_it():
    tasks = photographs(0, 300, STREAM)
    found = [render(0, *task, (64, 64)) for task in tasks]
    images, groups = np.stack([picture.image for picture in found]), np.array([p.number for p, _ in tasks])
    y = np.array([LABELS.index(picture.label) for picture in found])
    train, test = next(GroupKFold(3).split(images, y, groups))
    y_pred = ColourHistogramClassifier().fit(images[train], y[train], groups[train]).predict(images[test])
    assert 0.1 < balanced_accuracy_score(y[test], y_pred) < 0.5


def test_every_morphology_is_on_light_and_dark_skin_and_hair_is_no_alopecia():
    patients = [make_patient(0, number) for number in range(400)]
    types = {(label_of(0, patient), patient.fitzpatrick > 3) for patient in patients}
    assert len(types) == 2 * len(LABELS)
    regions = [render(0, patient, 1, (32, 32), NORMAL).region for patient in patients[:100]]
    assert 0.2 < np.mean([region == "scalp" for region in regions]) < 0.6  # 0.4, four standard deviations


def test_loads_by_name_with_a_number_of_patients(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDERM_CACHE", str(tmp_path))
    corpus = load("synthetic:morphology:30")
    assert len({record.group for record in corpus.records}) == 30
    assert all(record.boxes is not None and record.image_size == (128, 128) for record in corpus.records)
    assert {record.metadata["region"] for record in corpus.records} <= {
        "head", "torso", "upper_limbs", "lower_limbs", "scalp",
    }  # fmt: skip
