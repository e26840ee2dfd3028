"""Correlation of location maps with lesion masks, against NumPy's own and on masks of known shape."""

import numpy as np
import pytest
from PIL import Image

from tfderm.contract import ImageInput
from tfderm.datasets.corpus import Corpus, Record
from tfderm.evaluation.location import covered_share, location_report
from tfderm.evaluation.wording import location_sentence
from tfderm.pipeline import location_maps

IMAGE_SIZE = (24, 40)


def corpus_of(folder, masks, boxes):
    """A photograph per mask, of a patient of its own; `masks` are (H, W) bool at any size."""
    (folder / "masks").mkdir()
    records = []
    for index, (mask, box) in enumerate(zip(masks, boxes, strict=True)):
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"masks/{index}.png")
        records.append(
            Record(f"{index}.png", patient_id=f"p{index}", boxes=box, image_size=mask.shape, mask=f"masks/{index}.png")
        )
    return Corpus(name="masks", root=folder, records=tuple(records))


@pytest.fixture
def discs(tmp_path):
    """Ten discs with their boxes, at twice the model's size."""
    height, width = 2 * IMAGE_SIZE[0], 2 * IMAGE_SIZE[1]
    rows, columns = np.mgrid[:height, :width]
    random = np.random.default_rng(0)
    masks, boxes = [], []
    for _ in range(10):
        radius = random.integers(8, 14)
        y, x = random.integers(radius, height - radius), random.integers(radius, width - radius)
        masks.append((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)
        boxes.append(((float(x - radius), float(y - radius), 2.0 * radius + 1, 2.0 * radius + 1),))
    return corpus_of(tmp_path, masks, boxes)


def shares(corpus, stride):
    """Mean of 2 stride x 2 stride blocks of every mask, read without tfderm."""
    block = 2 * stride
    masks = [np.asarray(Image.open(corpus.root / record.mask)) / 255 for record in corpus.records]
    rows, columns = masks[0].shape[0] // block, masks[0].shape[1] // block
    return np.stack([mask.reshape(rows, block, columns, block).mean((1, 3)) for mask in masks])


def test_a_map_of_the_mask_itself_correlates_fully_and_boxes_less(discs):
    truth = shares(discs, 8)
    report = location_report({8: truth[..., None]}, discs, discs.records, ImageInput(IMAGE_SIZE))
    row = report["strides"]["8"]
    # 8 bits per pixel of the resized mask: the share of a cell is off by under 1/255, the correlation by its square.
    assert row["model"]["value"] == pytest.approx(1, abs=1e-4)
    boxes = [np.array(record.boxes) / 2 for record in discs.records]
    aims = [location_maps(box, IMAGE_SIZE, [8])[0] for box in boxes]
    expected = np.mean([np.corrcoef(aim.ravel(), share.ravel())[0, 1] for aim, share in zip(aims, truth, strict=True)])
    assert row["target"]["value"] == pytest.approx(expected, abs=1e-3)
    assert row["difference"]["value"] == pytest.approx(row["model"]["value"] - row["target"]["value"])
    assert 0 < row["difference"]["low"] <= row["difference"]["value"] <= row["difference"]["high"]
    assert report["num_images"] == report["num_groups"] == 10
    assert "more closely than the maps of boxes" in location_sentence({"location": report})


def test_a_map_of_boxes_is_not_distinguishable_from_its_target(discs):
    aims = [location_maps(np.array(record.boxes) / 2, IMAGE_SIZE, [8])[0] for record in discs.records]
    report = location_report({8: np.stack(aims)[..., None]}, discs, discs.records, ImageInput(IMAGE_SIZE))
    difference = report["strides"]["8"]["difference"]
    assert difference["value"] == difference["low"] == difference["high"] == 0
    assert "about as closely" in location_sentence({"location": report})


def test_what_has_no_mask_no_box_or_a_constant_map_does_not_count(discs):
    maps = shares(discs, 8)[..., None]
    maps[3] = 0.5
    records = list(discs.records)
    without = [Record(r.image, patient_id=r.patient_id) for r in records[:2]]
    report = location_report({8: maps}, discs, [*without, *records[2:]], ImageInput(IMAGE_SIZE))
    assert report["num_images"] == 8
    assert report["strides"]["8"]["model"]["value"] == pytest.approx(1, abs=1e-4)
    assert location_report({8: maps}, discs, without, ImageInput(IMAGE_SIZE)) is None
    assert location_report({16: maps[:, :2, :3]}, discs, records, ImageInput(IMAGE_SIZE)) is None
    assert location_sentence({}) == ""


def test_cells_at_the_edge_count_only_what_is_in_the_image():
    mask = np.zeros((5, 6))
    mask[4, :] = 1
    np.testing.assert_allclose(covered_share(mask, 4), [[0, 0], [1, 1]])
    mask = np.arange(30.0).reshape(5, 6)
    np.testing.assert_allclose(covered_share(mask, 4), [[mask[:4, :4].mean(), mask[:4, 4:].mean()],
                                                        [mask[4:, :4].mean(), mask[4:, 4:].mean()]])  # fmt: skip
