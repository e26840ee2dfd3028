"""Augmentation moves boxes with the pixels they frame."""

import numpy as np
import pytest

from tfderm.pipeline.augment import augment
from tfderm.recipe import Augmentation


def framed(image):
    """Box of the white pixels: x, y, width, height."""
    rows, columns = np.nonzero(image[..., 0] > 127)
    return columns.min(), rows.min(), columns.max() + 1 - columns.min(), rows.max() + 1 - rows.min()


def white_rectangle(x, y, width, height):
    image = np.zeros((60, 90, 3), np.uint8)
    image[y : y + height, x : x + width] = 255
    return image


def test_flips_move_boxes_exactly():
    image = white_rectangle(10, 5, 30, 20)
    seen = set()
    for seed in range(16):
        settings = Augmentation(horizontal_flip=True, vertical_flip=True)
        moved, boxes = augment(image, np.array([[10, 5, 30, 20]], float), settings, np.random.default_rng(seed))
        assert tuple(boxes[0]) == framed(moved)
        seen.add(tuple(boxes[0]))
    assert seen == {(10, 5, 30, 20), (50, 5, 30, 20), (10, 35, 30, 20), (50, 35, 30, 20)}


def test_a_quarter_turn_of_a_centred_box():
    image = white_rectangle(35, 25, 20, 10)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        moved, boxes = augment(image, np.array([[35, 25, 20, 10]], float), Augmentation(rotation=180.0), rng)
        # Interpolation blurs an edge by up to one pixel on either side.
        np.testing.assert_allclose(boxes[0], framed(moved), atol=2)


def test_nothing_asked_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    moved, boxes = augment(image, np.array([[1.0, 2, 3, 4]]), Augmentation(), np.random.default_rng(0))
    np.testing.assert_array_equal(moved, image)
    np.testing.assert_array_equal(boxes, [[1, 2, 3, 4]])


def test_the_same_generator_state_gives_the_same_image():
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    settings = Augmentation(True, True, 30.0, 0.2, 0.1, 0.2, 0.3)
    first, second, other = (augment(image, np.empty((0, 4)), settings, np.random.default_rng(s))[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("field", ["brightness", "contrast", "saturation"])
def test_colours_stay_within_the_range(field):
    image = np.full((8, 8, 3), (200, 120, 90), np.uint8)
    image[:4] = (90, 120, 200)
    for seed in range(30):
        moved, _ = augment(image, np.empty((0, 4)), Augmentation(**{field: 0.1}), np.random.default_rng(seed))
        # A tenth of 255, of the distance from the mean, or of the distance from gray: at most 26 levels.
        assert np.abs(moved.astype(int) - image).max() <= 26
