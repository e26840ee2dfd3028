"""The synthetic psoriasis set: same bytes everywhere, labels that the pixels have, and a difficulty that is held."""

import dataclasses
import json
import os
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GroupKFold
from synthetic_files import checksum, decode_run_lengths, render_plainly, rows_of

from tfderm.clinical.pasi import REGIONS, area_score, pasi
from tfderm.datasets.synthetic import psoriasis
from tfderm.datasets.synthetic.coco import run_lengths
from tfderm.datasets.synthetic.patients import Severity, make_patient
from tfderm.datasets.synthetic.png import write_png
from tfderm.datasets.synthetic.psoriasis import generate
from tfderm.datasets.synthetic.scene import render
from tfderm.errors import InputError
from tfderm.evaluation.baselines import ColourHistogramSeverity

SMALL = {"num_patients": 3, "image_size": (64, 80), "seed": 3}
# Changes only together with psoriasis.VERSION: sha256 over names and bytes of all files of the set SMALL.
CHECKSUM = "b6a9d7291dddc7908ddce06395607d7827a055cef51530e7d94d076c2f682671"


def load(manifest: Path, folder: str, rows: list[dict[str, str]]) -> list[np.ndarray]:
    return [np.asarray(Image.open(manifest.parent / folder / Path(row["image"]).name)) for row in rows]


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    return generate(tmp_path_factory.mktemp("synthetic") / "small", **SMALL)


def test_same_bytes_as_ever(small):
    assert checksum(small.parent) == CHECKSUM


def test_same_bytes_without_cpu_optimisations(tmp_path):
    """Not one of NumPy's run-time dispatched kernels, nor OpenCV's, changes a byte."""
    render_plainly(tmp_path / "plain", "psoriasis", **SMALL)
    assert checksum(tmp_path / "plain") == CHECKSUM


def test_same_bytes_with_one_worker(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert checksum(generate(tmp_path / "set", **SMALL).parent) == CHECKSUM


def test_another_seed_is_another_set(small, tmp_path):
    other = generate(tmp_path / "set", **{**SMALL, "seed": 4})
    assert other.read_bytes() != small.read_bytes()


def test_patients_do_not_depend_on_their_number(small, tmp_path):
    fewer = generate(tmp_path / "set", **{**SMALL, "num_patients": 1})
    rows = rows_of(fewer)
    assert rows == rows_of(small)[: len(rows)]
    for row in rows:
        assert (fewer.parent / row["image"]).read_bytes() == (small.parent / row["image"]).read_bytes()


def test_labels_are_what_the_formulas_say(small):
    visits = {}
    for row in rows_of(small):
        e, i, d, a = (int(row[name]) for name in ("erythema", "induration", "desquamation", "area"))
        assert int(row["severity"]) == (e + i + d) * a
        regions = visits.setdefault((row["patient_id"], row["visit"]), {})
        regions[row["region"]] = {"erythema": e, "induration": i, "desquamation": d, "area": a}
    recorded = {(row["patient_id"], row["visit"]): row["pasi"] for row in rows_of(small.parent / "pasi.csv")}
    assert {visit: str(pasi(regions)) for visit, regions in visits.items()} == recorded
    assert all(set(regions) == set(REGIONS) for regions in visits.values())


def test_area_score_is_that_of_the_pixels():
    for number in range(4):
        patient = make_patient(0, number)
        for region in REGIONS:
            photograph = render(0, patient, 1, region, (100, 128))
            assert not (photograph.mask & ~photograph.skin).any()
            percent = Decimal(100 * int(photograph.mask.sum())) / int(photograph.skin.sum())
            assert photograph.area == area_score(percent)
            assert (photograph.area == 0) == (not photograph.mask.any())
            if photograph.area == 0:
                assert photograph.severity == 0


def test_boxes_and_segmentations_are_those_of_the_masks(small):
    coco = json.loads((small.parent / "lesions.json").read_text())
    rows = rows_of(small)
    masks = dict(zip((row["image"] for row in rows), load(small, "masks", rows), strict=True))
    assert [image["file_name"] for image in coco["images"]] == list(masks)
    assert [annotation["id"] for annotation in coco["annotations"]] == list(range(1, len(coco["annotations"]) + 1))
    covered = {image["id"]: np.zeros((64, 80), int) for image in coco["images"]}
    for annotation in coco["annotations"]:
        lesion = decode_run_lengths(annotation["segmentation"])
        covered[annotation["image_id"]] += lesion
        ys, xs = np.nonzero(lesion)
        box = [xs.min(), ys.min(), xs.max() - xs.min() + 1, ys.max() - ys.min() + 1]
        assert annotation["bbox"] == box
        assert annotation["area"] == lesion.sum()
    for image in coco["images"]:
        np.testing.assert_array_equal(covered[image["id"]], masks[image["file_name"]])


def test_run_lengths_by_hand():
    # Columns (0, 1), (1, 1), (0, 0) read downwards: 0 1 1 1 0 0.
    assert run_lengths(np.array([[0, 1, 0], [1, 1, 0]], bool)) == [1, 3, 2]
    assert run_lengths(np.ones((2, 2), bool)) == [0, 4]


@pytest.mark.parametrize("shape", [(7, 13), (150, 200)])
def test_png_reads_back(tmp_path, shape):
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 256, (*shape, 3), np.uint8), rng.random(shape) < 0.5
    write_png(tmp_path / "image.png", image)
    write_png(tmp_path / "mask.png", mask)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "image.png")), image)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "mask.png")), mask)


def test_says_that_it_is_synthetic(small):
    assert "SYNTHETIC" in (small.parent / "README.md").read_text()
    assert json.loads((small.parent / "dataset.json").read_text())["synthetic"] is True
    assert json.loads((small.parent / "lesions.json").read_text())["info"]["synthetic"] is True


def test_scene_is_the_same_at_another_size():
    """At twice the size the labels stay and the picture shows the same scene."""
    patient = make_patient(0, 1)
    for region in REGIONS:
        small, large = (render(0, patient, 1, region, size) for size in ((100, 128), (200, 256)))
        assert (small.erythema, small.induration, small.desquamation) == (
            large.erythema,
            large.induration,
            large.desquamation,
        )
        shrunk = large.skin.reshape(100, 2, 128, 2).mean((1, 3)) > 0.5
        assert (shrunk == small.skin).mean() > 0.98


def test_replaces_a_synthetic_set_and_nothing_else(tmp_path):
    folder = tmp_path / "set"
    generate(folder, **SMALL)
    generate(folder, **{**SMALL, "num_patients": 1})
    assert {row["patient_id"] for row in rows_of(folder / "manifest.csv")} == {"p0000"}
    other = tmp_path / "mine"
    other.mkdir()
    (other / "manifest.csv").write_text("mine")
    with pytest.raises(InputError, match="holds files that are no synthetic set"):
        generate(other, **SMALL)
    assert [path.name for path in other.iterdir()] == ["manifest.csv"]
    assert (other / "manifest.csv").read_text() == "mine"


def test_failure_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(psoriasis, "write_png", fail)
    with pytest.raises(InputError, match="Disk full"):
        generate(tmp_path / "set", **SMALL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [{"num_patients": 0}, {"image_size": (16, 64)}, {"image_size": (64,)}, {"seed": -1}], ids=str
)
def test_arguments_out_of_range(tmp_path, wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))} must be"):
        generate(tmp_path / "set", **{**SMALL, **wrong})
    assert list(tmp_path.iterdir()) == []


def test_visits_are_few_and_mostly_improve():
    patients = [make_patient(0, number) for number in range(400)]
    counts = np.bincount([len(patient.visits) for patient in patients], minlength=7)
    assert counts[0] == 0 and (counts[1:7] > 0).all() and counts[1] > counts[2] > counts[3] and len(counts) == 7

    def burden(visit):
        return sum((s.erythema + s.induration + s.desquamation) * s.percent for s in visit.values())

    steps = [(a, b) for patient in patients for a, b in zip(patient.visits, patient.visits[1:], strict=False)]
    improved = np.mean([burden(after) < burden(before) for before, after in steps])
    assert 0.65 < improved < 0.95


def pair_accuracy(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    worse = y_true[:, None] > y_true[None, :]
    difference = (y_pred[:, None] - y_pred[None, :])[worse]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


def rgb_histogram(image: np.ndarray) -> np.ndarray:
    """Square roots of the shares of pixels in 8x8x8 cells of the RGB cube."""
    cells = (image.reshape(-1, 3) // 32).astype(int) @ (64, 8, 1)
    return np.sqrt(np.bincount(cells, minlength=512) / cells.size)


def check_difficulty(seed: int, image_size: tuple[int, int], num_trees: int) -> None:
    """Colour amounts tell a linear model and a random forest little; the labels are spread as described.

    The forest looks at a third of the bins at each split, its strongest setting.
    """
    patients = [make_patient(seed, number) for number in range(160)]
    tasks = [(p, visit, region) for p in patients for visit in range(1, len(p.visits) + 1) for region in REGIONS]
    with ThreadPoolExecutor(2) as pool:
        photographs = list(pool.map(lambda task: render(seed, *task, image_size), tasks))
    images = np.stack([photograph.image for photograph in photographs])
    y = np.array([float(photograph.severity) for photograph in photographs])
    groups = np.array([patient.name for patient, _, _ in tasks])

    histograms = np.stack([rgb_histogram(image) for image in images])

    accuracies, improvements, forest_accuracies = [], [], []
    for train, test in GroupKFold(5).split(images, y, groups):
        y_pred = ColourHistogramSeverity().fit(images[train], y[train], groups[train]).predict(images[test])
        accuracies.append(pair_accuracy(y[test], y_pred))
        constant = np.abs(np.median(y[train]) - y[test]).mean()
        improvements.append(1.0 - np.abs(y_pred - y[test]).mean() / constant)
        forest = RandomForestRegressor(num_trees, min_samples_leaf=3, max_features=0.33, random_state=0)
        forest_pred = forest.fit(histograms[train], y[train]).predict(histograms[test])
        forest_accuracies.append(pair_accuracy(y[test], forest_pred))
    assert 0.55 < np.mean(accuracies) <= 0.70  # above chance: colour does tell something
    assert np.mean(improvements) < 0.25
    assert np.mean(forest_accuracies) <= 0.70

    fraction = np.array([photograph.mask.sum() / photograph.skin.sum() for photograph in photographs])
    fitted = np.polyval(np.polyfit(fraction, y, 2), fraction)
    assert 1.0 - np.mean((y - fitted) ** 2) / np.var(y) <= 0.8

    shares = np.histogram(y, [0, 5, 10, 15, 20.5, 73])[0] / len(y)
    assert shares.argmax() == 0 and shares[0] + shares[1] > 0.5  # mild and medium are the majority
    assert (shares > 0.03).all()
    assert np.mean(y == 0) > 0.02


@pytest.mark.slow
def test_difficulty():
    check_difficulty(0, (100, 128), num_trees=60)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_difficulty_at_the_default_size(seed):
    check_difficulty(seed, (200, 256), num_trees=250)


@pytest.mark.parametrize("component", ["erythema", "induration", "desquamation"])
def test_components_are_visible(component):
    """One component raised from 0 or 1 to 4, all else equal: the pixels of the plaques change, and those alone."""
    low = {"erythema": 1, "induration": 0, "desquamation": 0, "percent": 25.0}
    patient = make_patient(0, 0)
    severities = Severity(**low), Severity(**{**low, component: 4})
    before, after = (
        render(0, dataclasses.replace(patient, visits=({"torso": severity},)), 1, "torso", (200, 256))
        for severity in severities
    )
    np.testing.assert_array_equal(before.mask, after.mask)
    change = np.abs(before.image.astype(int) - after.image.astype(int)).mean(axis=2)
    assert change[before.mask].mean() > 8.0
    far = ~cv2.dilate(before.mask.astype(np.uint8), np.ones((13, 13), np.uint8)).astype(bool)
    assert change[far].mean() < 0.05 * change[before.mask].mean()
