"""Equation 4 by hand and by plain loops."""

import math

import numpy as np
import pytest

from tfderm.pipeline import location_maps


def by_loops(boxes, image_size, stride):
    height, width = math.ceil(image_size[0] / stride), math.ceil(image_size[1] / stride)
    target = np.zeros((height, width))
    for x, y, w, h in boxes:
        p_row, p_column = math.floor((y + h / 2) / stride), math.floor((x + w / 2) / stride)
        sigma = math.sqrt((w / stride) ** 2 + (h / stride) ** 2) / 6
        for i in range(height):
            for j in range(width):
                centre_y, centre_x = (i + 0.5) * stride, (j + 0.5) * stride
                inside = y <= centre_y < y + h and x <= centre_x < x + w
                value = math.exp(-(abs(p_column - j) + abs(p_row - i)) / sigma**2) if inside else 0.0
                if (i, j) == (p_row, p_column):
                    value = 1.0
                target[i, j] = max(target[i, j], value)
    return target


def test_one_box_by_hand():
    # 64 x 64 at stride 8; box 16..48: centre 32 -> cell 4, diagonal sqrt(2) * 4 cells, sigma^2 = 32 / 36.
    (target,) = location_maps([(16, 16, 32, 32)], (64, 64), [8])
    assert target.shape == (8, 8) and target[4, 4] == 1
    assert target[4, 3] == pytest.approx(math.exp(-1 * 36 / 32))
    assert target[2, 3] == pytest.approx(math.exp(-3 * 36 / 32))
    assert np.count_nonzero(target) == 16 and target[6, 4] == 0 and target[1, 4] == 0


def test_the_five_sizes_of_the_paper():
    maps = location_maps([(0, 0, 1024, 800)], (800, 1024))
    assert [m.shape for m in maps] == [(100, 128), (50, 64), (25, 32), (13, 16), (7, 8)]
    assert all(m.max() == 1 and m.dtype == np.float32 for m in maps)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_random_boxes_by_loops(stride):
    rng = np.random.default_rng(stride)
    for _ in range(20):
        size = (int(rng.integers(40, 120)), int(rng.integers(40, 120)))
        boxes = []
        for _ in range(rng.integers(0, 4)):
            x, y = rng.uniform(0, size[1] - 6), rng.uniform(0, size[0] - 6)
            boxes.append((x, y, rng.uniform(4, size[1] - x), rng.uniform(4, size[0] - y)))
        (target,) = location_maps(boxes, size, [stride])
        np.testing.assert_allclose(target, by_loops(boxes, size, stride), atol=1e-6)


def test_overlapping_boxes_take_the_maximum():
    first, second = (8, 8, 40, 40), (24, 24, 32, 32)
    a, b, both = (location_maps(boxes, (64, 64), [8])[0] for boxes in ([first], [second], [first, second]))
    np.testing.assert_array_equal(both, np.maximum(a, b))


def test_no_boxes_give_empty_maps_and_a_flat_box_is_refused():
    assert not location_maps([], (64, 64), [8])[0].any()
    with pytest.raises(ValueError, match="positive width and height"):
        location_maps([(3, 3, 0, 5)], (64, 64))
