"""What of a photograph a model sees: the same part in tfderm and in the client that shares no code with it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tfderm.contract import ImageInput
from tfderm.runtime.preprocess import central_part, fit

CLIENT = Path(__file__).parents[2] / "tflite" / "replay_golden.py"


def client():
    spec = importlib.util.spec_from_file_location("replay_golden", CLIENT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "size, image_size, crop, box",
    [
        ((100, 200), (50, 50), 1.0, (50, 0, 150, 100)),  # left, top, right, bottom: the square in the middle
        ((100, 200), (50, 50), 0.875, (56, 6, 144, 94)),  # 87.5 rounds to 88
        ((301, 200), (60, 80), 1.0, (0, 75, 200, 225)),  # 200x150; the odd pixel is lost at the far edge
        ((40, 40), (40, 40), 0.5, (10, 10, 30, 30)),
        ((1, 1), (224, 224), 0.1, (0, 0, 1, 1)),
    ],
)
def test_the_central_part_is_the_box_worked_out_by_hand(size, image_size, crop, box):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    np.testing.assert_array_equal(central_part(image, image_size, crop), np.asarray(Image.fromarray(image).crop(box)))


sides = st.integers(1, 60)


@given(sides, sides, sides, sides, st.floats(0.01, 1))
def test_it_is_the_clients_it_is_centred_and_has_the_shape_of_the_input(height, width, rows, columns, crop):
    image = np.arange(height * width * 3).reshape(height, width, 3)
    part = central_part(image, (rows, columns), crop)
    np.testing.assert_array_equal(part, client().central_part(image, (rows, columns), crop))
    inner_height, inner_width = part.shape[:2]
    assert abs(inner_height / rows - inner_width / columns) <= max(0.5 / rows + 0.5 / columns, 1 / rows, 1 / columns)
    top, left = divmod(int(part[0, 0, 0]) // 3, width)
    assert height - inner_height - 2 * top in (0, 1) and width - inner_width - 2 * left in (0, 1)


def test_without_a_crop_all_of_the_photograph_is_seen():
    image = np.random.default_rng(0).integers(0, 256, (30, 60, 3)).astype(np.uint8)
    assert client().central_part(image, (10, 10), None) is image
    stretched, cropped = (fit(image, ImageInput((10, 10), crop)) for crop in (None, 1.0))
    np.testing.assert_array_equal(cropped, fit(image[:, 15:45], ImageInput((10, 10))))
    assert not np.array_equal(stretched, cropped)
