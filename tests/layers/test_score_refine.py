"""ScoreRefine against equation 3 written out in NumPy, its sharing of parameters, and its serialisation."""

import keras
import numpy as np
import pytest

from tfderm.layers import ScoreRefine

SIZES = [(8, 10), (4, 5), (2, 3), (1, 2), (1, 1)]


def feature_maps(batch=2, channels=6, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((batch, height, width, channels)).astype("float32") for height, width in SIZES]


def convolve(image, kernel, bias):
    """Zero-padded correlation by plain loops over the kernel: (H, W, C) x (k, k, C, F) -> (H, W, F)."""
    size = kernel.shape[0]
    margin = size // 2
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)))
    height, width = image.shape[:2]
    result = np.zeros((height, width, kernel.shape[3])) + bias
    for row in range(size):
        for column in range(size):
            result += padded[row : row + height, column : column + width] @ kernel[row, column]
    return result


@pytest.mark.parametrize("depthwise", [False, True])
def test_scores_and_location_maps_equal_the_equations_in_numpy(depthwise):
    layer = ScoreRefine(features=8, bottleneck=4, depthwise=depthwise)
    maps = feature_maps()
    scores, locations = layer(maps)
    combination = np.random.default_rng(1).standard_normal((5, 3)).astype("float32")
    layer.combination.assign(combination)
    scores, locations = layer(maps)

    def run(branch, tensor, activations):
        activations = iter(activations)
        for part in branch:
            kernel, bias = part.get_weights()
            if isinstance(part, keras.layers.DepthwiseConv2D):
                kernel = kernel * np.eye(kernel.shape[2])  # (k, k, C, 1) -> (k, k, C, C): no channel sees another
                tensor = convolve(tensor, kernel.astype("float64"), bias)
            else:
                tensor = next(activations)(convolve(tensor, kernel.astype("float64"), bias))
        assert next(activations, None) is None
        return tensor

    def relu(x):
        return np.maximum(x, 0)

    def identity(x):
        return x

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    for index, feature_map in enumerate(maps):
        for image in range(len(feature_map)):
            x = feature_map[image].astype("float64")
            features = np.concatenate(
                [run(layer.score_fine, x, [relu, relu]), run(layer.score_coarse, x, [relu, relu])], axis=-1
            )
            v = run(layer.score_weights, x, [relu, identity]).mean(axis=(0, 1))
            score_map = np.zeros(features.shape[:2])
            for row, column in np.ndindex(score_map.shape):
                score_map[row, column] = np.dot(features[row, column], v)  # equation 3
            location = run(layer.locate, x, [relu, relu, sigmoid])[..., 0]
            refined = score_map * location
            statistics = [refined.max(), refined.mean(), refined.sum() / np.sqrt(refined.size)]
            expected = np.dot(statistics, combination[index])
            scale = np.abs(statistics * combination[index]).sum()
            assert abs(float(scores[image, index]) - expected) <= 1e-5 * max(scale, 1)
            np.testing.assert_allclose(locations[index][image, ..., 0], location, atol=1e-6)


def test_only_the_three_combination_weights_are_per_map():
    one, five = ScoreRefine(features=8, bottleneck=4), ScoreRefine(features=8, bottleneck=4)
    one.build([(None, 8, 10, 6)])
    five.build([(None, *size, 6) for size in SIZES])
    assert five.count_params() - one.count_params() == 3 * 4
    pointwise = 4 * (6 * 4 + 4)
    wide = (9 * 4 * 4 + 4) + (25 * 4 * 4 + 4) + (4 * 8 + 8) + (9 * 4 * 4 + 4) + (4 * 1 + 1)
    assert five.count_params() == pointwise + wide + 3 * 5


def test_location_maps_start_at_the_prior():
    layer = ScoreRefine(features=8, bottleneck=4, location_prior=0.2)
    _, locations = layer([np.zeros_like(m) for m in feature_maps()])
    for location in locations:
        np.testing.assert_allclose(location, 0.2, rtol=1e-5)


def test_config_round_trip_keeps_every_argument():
    regularizer = keras.regularizers.L2(0.25)
    layer = ScoreRefine(8, bottleneck=4, depthwise=True, location_prior=0.2, kernel_regularizer=regularizer)
    copy = ScoreRefine.from_config(layer.get_config())
    assert (copy.features, copy.bottleneck, copy.depthwise, copy.location_prior) == (8, 4, True, 0.2)
    assert float(copy.kernel_regularizer.l2) == 0.25


@pytest.mark.parametrize("arguments", [{"features": 7}, {"features": 0}, {"location_prior": 1.0}])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=f"Received: {next(iter(arguments))}="):
        ScoreRefine(**arguments)


def test_maps_of_different_channels_are_refused():
    with pytest.raises(ValueError, match="equal channels"):
        ScoreRefine(features=8).build([(None, 4, 4, 6), (None, 2, 2, 7)])
