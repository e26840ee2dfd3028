"""ColourHistogram against counting in plain loops, and what must not change it."""

from itertools import product

import keras
import numpy as np
import pytest

from tfderm.layers import ColourHistogram

BINS = (4, 3, 5)
RANGES = ((45, 235), (0, 120), (-20, 70))


def counted(image, cell):
    """Shares of every pair of neighbouring bins, by a loop over pixels in float64."""
    height, width = image.shape[0] // cell, image.shape[1] // cell
    cells = image[: height * cell, : width * cell].reshape(height, cell, width, cell, 3).astype(float)
    counts = np.zeros(BINS)
    for red, green, blue in cells.mean(axis=(1, 3)).reshape(-1, 3):
        neighbours = []
        axes = (red + green + blue) / 3, red - green, (red + green) / 2 - blue
        for value, bins, (low, high) in zip(axes, BINS, RANGES, strict=True):
            position = min(max((value - low) / (high - low), 0), 1) * (bins - 1)
            lower = min(int(position), bins - 2)
            neighbours.append([(lower, lower + 1 - position), (lower + 1, position - lower)])
        for (i, a), (j, b), (k, c) in product(*neighbours):
            counts[i, j, k] += a * b * c
    return counts.ravel() / (height * width)


def histogram(images, **options):
    return np.asarray(ColourHistogram(bins=BINS, **options)(images))


@pytest.mark.parametrize("cell", [1, 4])
def test_it_counts_as_a_loop_over_pixels_does(cell):
    images = np.random.default_rng(0).integers(0, 256, (3, 14, 17, 3)).astype(np.uint8)
    expected = np.stack([counted(image, cell) for image in images])
    # float32 rounds each of three positions to about 5e-7; over an empty bin the root's slope is 1 / (2 * 1e-3).
    tolerance = 500 * 3 * 5e-7 * cell**2 / (14 * 17) + 1e-6
    np.testing.assert_allclose(histogram(images, cell=cell), np.sqrt(expected + 1e-6) - 1e-3, rtol=0, atol=tolerance)


def test_where_a_colour_lies_does_not_matter():
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (1, 16, 16, 3)).astype(np.uint8)
    shuffled = rng.permutation(image.reshape(-1, 3)).reshape(image.shape)
    np.testing.assert_allclose(histogram(image, cell=1), histogram(shuffled, cell=1), rtol=0, atol=2e-6)


def test_a_colour_in_the_middle_of_a_bin_counts_there_alone():
    """(R, G, B) = (156.67, 96.67, 101.67): lightness 355/3, redness 60, yellowness 25; the middles of bins 1, 1, 2."""
    lightness = 45 + 190 / 3
    green = lightness - (60 - 25 + 30) / 3  # from R = G + 60 and B = G + 30 - 25
    image = np.full((1, 4, 4, 3), [green + 60, green, green + 5], np.float32)
    answer = histogram(image, cell=2).reshape(BINS)
    assert answer[1, 1, 2] == pytest.approx(1 - 1e-3, abs=1e-5)
    assert np.sort(answer.ravel())[-2] < 2e-3


def test_layer_survives_saving_and_refuses_nonsense(tmp_path):
    image = keras.Input((8, 8, 3), dtype="uint8")
    model = keras.Model(image, ColourHistogram(bins=(2, 3, 4), cell=2)(image))
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(2).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    again = keras.saving.load_model(tmp_path / "model.keras")(images)
    assert again.shape == (2, 24)
    np.testing.assert_array_equal(again, model(images))
    with pytest.raises(ValueError, match="bins=\\(1, 2, 2\\)"):
        ColourHistogram(bins=(1, 2, 2))
