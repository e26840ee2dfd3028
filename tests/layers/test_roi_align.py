"""ROIAlign against reference values, hand-worked cases and invariances."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from tfderm.layers import ROIAlign

REFERENCE = np.load(Path(__file__).with_name("roi_align_reference.npz"))


def tolerance(features, side):
    """Rounding of float32: a few operations on positions up to `side`, times the steepest slope, and on the sums."""
    slope = 2 * np.abs(features).max()
    return np.finfo(np.float32).eps * (4 * side * slope + 8 * np.abs(features).max())


def align(features, boxes, **options):
    return np.asarray(ROIAlign(**options)(features, boxes))


def test_it_gives_the_reference_values():
    """Plain loops in float64, aligned, 2x2 samples per bin; boxes beyond the borders and below a pixel among them."""
    features, boxes = REFERENCE["features"], REFERENCE["boxes"]
    answer = align(features[None], boxes[None], output_size=7, spatial_scale=float(REFERENCE["scale"]))
    assert answer.shape == (1, len(boxes), 7, 7, features.shape[-1])
    np.testing.assert_allclose(answer[0], REFERENCE["output"], rtol=0, atol=tolerance(features, 28))


def test_a_ramp_gives_the_centres_of_the_bins():
    """On f(x, y) = x + 100 y at cell centres, bilinear samples are exact, so a bin has the value at its centre."""
    y, x = np.mgrid[0:12, 0:16].astype(np.float32)
    box = np.array([[[8.0, 16.0, 36.0, 40.0]]], np.float32)
    answer = align((x + 100 * y)[None, ..., None], box, output_size=2, spatial_scale=0.25)[0, 0, ..., 0]
    # In cells: x from 1.5 to 8.5, y from 3.5 to 9.5; bins of 3.5 and 3.
    np.testing.assert_allclose(answer, [[3.25 + 500, 6.75 + 500], [3.25 + 800, 6.75 + 800]], rtol=1e-6)


def test_images_of_a_batch_do_not_mix():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3, 9, 11, 5)).astype(np.float32)
    boxes = np.sort(rng.uniform(-5, 50, (3, 4, 2, 2)), axis=2).reshape(3, 4, 4).astype(np.float32)
    layer = ROIAlign(output_size=3, spatial_scale=0.25)
    together = np.asarray(layer(features, boxes))
    for index in range(3):
        np.testing.assert_array_equal(together[index], align_one(layer, features[index], boxes[index]))


def align_one(layer, features, boxes):
    return np.asarray(layer(features[None], boxes[None]))[0]


def test_moving_box_and_features_together_changes_nothing():
    rng = np.random.default_rng(1)
    features = np.zeros((1, 20, 24, 3), np.float32)
    features[:, 2:12, 3:15] = rng.normal(size=(10, 12, 3))
    box = np.array([[[14.0, 9.0, 50.0, 41.0]]], np.float32)
    moved = np.roll(features, (5, 6), axis=(1, 2))
    first = align(features, box, spatial_scale=0.25)
    second = align(moved, box + np.float32([24, 20, 24, 20]), spatial_scale=0.25)
    np.testing.assert_allclose(first, second, rtol=0, atol=tolerance(features, 24))


@pytest.mark.parametrize(
    "side, level", [(10, 2), (111, 2), (112, 3), (223, 3), (224, 4), (447, 4), (448, 5), (5000, 5)]
)
def test_boxes_go_to_their_level(side, level):
    """FPN, equation 1: k = floor(4 + log2(sqrt(w h) / 224)), clipped to the levels 2 to 5."""
    layer = ROIAlign(spatial_scale=(1 / 4, 1 / 8, 1 / 16, 1 / 32))
    boxes = ops.convert_to_tensor([[7.0, 9.0, 7.0 + side / 2, 9.0 + side * 2]])
    assert int(layer.level(boxes)[0]) == level - 2


def test_a_pyramid_reads_each_box_from_its_own_map():
    rng = np.random.default_rng(2)
    maps = [rng.normal(size=(2, 64 // s, 96 // s, 3)).astype(np.float32) for s in (1, 2, 4)]
    scales = (1 / 4, 1 / 8, 1 / 16)
    boxes = np.array([[[0, 0, 40, 60], [10, 20, 170, 150], [5, 5, 380, 250]]] * 2, np.float32)
    answer = align(maps, boxes, spatial_scale=scales)
    for place, (features, scale) in enumerate(zip(maps, scales, strict=True)):
        np.testing.assert_array_equal(answer[:, place], align(features, boxes, spatial_scale=scale)[:, place])


def test_boxes_without_extent_are_finite():
    boxes = np.array([[[0, 0, 0, 0], [30, 30, 10, 10]]], np.float32)
    assert np.isfinite(align([np.ones((1, 8, 8, 2)), np.ones((1, 4, 4, 2))], boxes, spatial_scale=(1 / 4, 1 / 8))).all()


def test_configuration_and_refusals():
    layer = ROIAlign(output_size=5, spatial_scale=(0.25, 0.125), sampling_ratio=3, canonical_size=112, name="align")
    config = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer)).get_config()
    assert config == layer.get_config() and config["sampling_ratio"] == 3
    for options in ({"output_size": 0}, {"sampling_ratio": 0}, {"spatial_scale": ()}, {"spatial_scale": -1.0}):
        with pytest.raises(ValueError, match="must be positive. Received"):
            ROIAlign(**options)
    with pytest.raises(ValueError, match="2 scales need as many maps"):
        layer([np.ones((1, 4, 4, 1))], np.ones((1, 1, 4)))
