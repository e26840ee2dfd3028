"""Padded boxes, and what `fit` receives for a detector."""

from dataclasses import replace

import numpy as np
import pytest

from tfderm import datasets
from tfderm.contract import ImageInput
from tfderm.errors import InputError
from tfderm.pipeline import load_images
from tfderm.pipeline.arrays import write_arrays
from tfderm.pipeline.detection_targets import padded_boxes
from tfderm.pipeline.input_pipeline import InputPipeline, scaled_boxes
from tfderm.recipe import Augmentation
from tfderm.recipes import get_recipe


@pytest.fixture(scope="module")
def corpus(psoriasis):
    return datasets.load(psoriasis)


def recipe(**changes):
    small = replace(get_recipe("lesion_detector:demo"), image_size=(32, 40), batch_size=4, augmentation=Augmentation())
    return replace(small, **changes)


def test_boxes_are_padded_and_marked():
    boxes, valid = padded_boxes([np.array([[1, 2, 3, 4], [5, 6, 7, 8]]), np.empty((0, 4))], 3)
    np.testing.assert_array_equal(boxes, [[[1, 2, 3, 4], [5, 6, 7, 8], [0] * 4], [[0] * 4] * 3])
    np.testing.assert_array_equal(valid, [[1, 1, 0], [0, 0, 0]])
    assert boxes.dtype == valid.dtype == np.float32
    with pytest.raises(ValueError, match="must be at least the number of boxes of an image, 2. Received: 1"):
        padded_boxes([np.ones((2, 4))], 1)


def test_targets_are_the_records_boxes_in_pixels_of_the_input(corpus):
    records = list(corpus.records[:6])
    records[1] = replace(records[1], boxes=())
    pipeline = InputPipeline(corpus, records, recipe(), (), training=False)
    batches = list(pipeline.dataset())
    assert [len(image) for image, _ in batches] == [4, 2]
    np.testing.assert_array_equal(
        np.concatenate([i for i, _ in batches]), load_images(corpus, records, ImageInput((32, 40)))
    )
    most = max(len(record.boxes) for record in records)
    boxes, valid = (np.concatenate([t[name] for _, t in batches]) for name in ("boxes", "valid"))
    assert boxes.shape == (6, most, 4)
    for record, own, mask in zip(records, boxes, valid, strict=True):
        np.testing.assert_allclose(own[mask > 0], scaled_boxes(record, (32, 40))[1], rtol=1e-6)
        np.testing.assert_allclose(own[mask > 0], np.array(record.boxes).reshape(-1, 4) / 2, rtol=1e-6)


def test_boxes_move_with_the_augmented_image(corpus):
    record = replace(corpus.records[0], boxes=((8.0, 4.0, 20.0, 12.0),), image_size=(64, 80))
    changed = recipe(augmentation=Augmentation(horizontal_flip=True))
    pipeline = InputPipeline(corpus, [record, record], changed, (), training=True)
    seen = set()
    plain = load_images(corpus, [record], ImageInput((32, 40)))[0]
    for epoch in range(8):
        for images, targets in pipeline.dataset(epoch):
            for image, box in zip(images.numpy(), targets["boxes"].numpy()[:, 0].tolist(), strict=True):
                flipped = box == [40 - 4 - 10, 2, 10, 6]
                assert flipped or box == [4, 2, 10, 6]
                np.testing.assert_array_equal(image, plain[:, ::-1] if flipped else plain)
                seen.add(flipped)
    assert seen == {True, False}


def test_photographs_nobody_marked_are_left_out(corpus):
    unmarked = replace(corpus.records[0], boxes=None, image_size=None)
    empty = replace(corpus.records[1], boxes=())
    selection = datasets.select(replace(corpus, records=(unmarked, empty, *corpus.records[2:5])), recipe())
    assert [record.image for record in selection.records] == [record.image for record in corpus.records[1:5]]
    assert selection.left_out == ((unmarked.image, "no lesion boxes, not even an empty list"),)
    with pytest.raises(InputError, match="no image has a lesion box .* give data with lesions.json"):
        datasets.select(replace(corpus, records=(unmarked,)), recipe())


def test_arrays_for_training_elsewhere_hold_the_boxes(corpus, tmp_path):
    write_arrays(corpus, corpus.records[:3], recipe(), tmp_path / "data.npz")
    with np.load(tmp_path / "data.npz") as arrays:
        assert not {"label", "labels", "severity"} & set(arrays)
        for index, record in enumerate(corpus.records[:3]):
            own = arrays["boxes"][arrays["box_record"] == index]
            np.testing.assert_allclose(own, np.array(record.boxes).reshape(-1, 4) / 2, rtol=1e-6)
