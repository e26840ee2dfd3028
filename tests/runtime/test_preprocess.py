"""The decoder and the resize against independent NumPy implementations."""

import math
import tracemalloc

import numpy as np
import pytest
from image_files import STORED, encode, noise, png_header
from PIL import Image

from tfderm.contract import ImageInput
from tfderm.errors import InputError
from tfderm.runtime.preprocess import decode, load, resize


def weights(size_in, size_out):
    """Rows of integer weights, in 2**-22, as the contract describes them."""
    scale = size_in / size_out
    widened = max(scale, 1.0)
    table = np.zeros((size_out, size_in), np.int64)
    for out in range(size_out):
        centre = (out + 0.5) * scale
        low, high = max(int(centre - widened + 0.5), 0), min(int(centre + widened + 0.5), size_in)
        triangle = [max(0.0, 1.0 - abs((i - centre + 0.5) / widened)) for i in range(low, high)]
        total = sum(triangle)
        table[out, low:high] = [math.floor(w / total * 2**22 + 0.5) for w in triangle]
    return table


def along(axis, image, size_out):
    moved = np.moveaxis(image.astype(np.int64), axis, 0)
    total = np.tensordot(weights(moved.shape[0], size_out), moved, axes=1)
    return np.moveaxis(np.clip((total + 2**21) >> 22, 0, 255), 0, axis)


@pytest.mark.parametrize("seed", range(60))
def test_resize_equals_integer_arithmetic_of_the_contract(seed):
    rng = np.random.default_rng(seed)
    height, width, new_height, new_width = rng.integers(1, 90, 4)
    image = noise(height, width, seed)
    expected = along(0, along(1, image, new_width), new_height)
    np.testing.assert_array_equal(resize(image, (int(new_height), int(new_width))), expected)


def test_resize_halves_by_hand():
    # Halving a row 0 0 200 200: the triangle of half-width 2 gives 1/8 3/8 3/8 1/8, cut and renormalised at the ends.
    row = np.repeat(np.array([[0, 0, 200, 200]], np.uint8)[..., None], 3, axis=2)
    assert resize(row, (1, 2))[0, :, 0].tolist() == [29, 171]


def test_resize_keeps_constant_images_and_equal_sizes():
    assert (resize(np.full((37, 91, 3), 137, np.uint8), (200, 13)) == 137).all()
    image = noise(9, 7)
    assert resize(image, (9, 7)) is image


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_every_orientation_is_turned_upright(orientation, kind):
    upright = noise(5, 8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    np.testing.assert_array_equal(decode(encode(stored, kind, exif=exif)), upright)


def test_sixteen_bit_grayscale_keeps_its_range():
    values = np.array([[0, 257, 60000, 65535]], np.uint16)
    assert decode(encode(Image.fromarray(values)))[0].tolist() == [[v] * 3 for v in (0, 1, 233, 255)]


def test_grayscale_and_palette():
    gray = np.array([[3, 200]], np.uint8)
    assert decode(encode(Image.fromarray(gray)))[0].tolist() == [[3] * 3, [200] * 3]
    colours = np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)
    palette = Image.fromarray(colours).convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_array_equal(decode(encode(palette)), colours)


def test_transparency_lies_over_white():
    pixels = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 51]]], np.uint8)
    assert decode(encode(Image.fromarray(pixels)))[0].tolist() == [[255] * 3, [10, 20, 30], [204] * 3]


def test_cmyk():
    ink = Image.new("CMYK", (2, 2), (0, 255, 255, 0))
    assert decode(encode(ink, "TIFF"))[0, 0].tolist() == [255, 0, 0]


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (decode(data) == (255, 0, 0)).all()


def test_huge_dimensions_are_refused_before_memory_is_taken():
    tracemalloc.start()
    with pytest.raises(InputError, match="bomb.png: 60000x60000 pixels exceed the limit"):
        decode(png_header(60_000, 60_000), "bomb.png")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "data, message",
    [
        (b"", "x.jpg: the file is empty"),
        (b"not an image", "x.jpg: not a readable image"),
        (encode(Image.fromarray(noise(64, 64)), "JPEG")[:900], "x.jpg: not a readable image .*truncated"),
        (encode(Image.fromarray(noise(64, 64)))[:900], "x.jpg: not a readable image"),
    ],
)
def test_damaged_files_are_named_in_one_line(data, message):
    with pytest.raises(InputError, match=message) as error:
        decode(data, "x.jpg")
    assert "\n" not in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="absent.jpg: cannot be read"):
        decode(tmp_path / "absent.jpg")


def test_load_decodes_then_resizes(tmp_path):
    image = noise(40, 30)
    Image.fromarray(image).save(tmp_path / "a.png")
    np.testing.assert_array_equal(load(tmp_path / "a.png", ImageInput((16, 16))), along(0, along(1, image, 16), 16))
