"""The baseline networks of table 1, against numbers of independent implementations."""

import keras
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tfderm
from tfderm.errors import InputError
from tfderm.models.backbones.inception_bn import inception_bn_backbone

# Ioffe and Szegedy, figure 5, rows "inception": #1x1, #3x3 reduce, #3x3, double #3x3 reduce, double #3x3, pool, proj;
# the projections of 4c and 4d are the published weights' 128 and not the printed 96.
FIGURE_5 = {
    "3a": (64, 64, 64, 64, 96, "avg", 32), "3b": (64, 64, 96, 64, 96, "avg", 64), "3c": (0, 128, 160, 64, 96, "max", 0),
    "4a": (224, 64, 96, 96, 128, "avg", 128), "4b": (192, 96, 128, 96, 128, "avg", 128),
    "4c": (160, 128, 160, 128, 160, "avg", 128), "4d": (96, 128, 192, 160, 192, "avg", 128),
    "4e": (0, 128, 192, 192, 256, "max", 0),
    "5a": (352, 192, 320, 160, 224, "avg", 128), "5b": (352, 192, 320, 192, 224, "max", 128),
}  # fmt: skip
OUTPUT_CHANNELS = (256, 320, 576, 576, 576, 608, 608, 1056, 1024, 1024)


def windows(tensor, size, strides, before, after, fill):
    """(H', W', C, size, size) windows of (H, W, C) padded with `fill` on its near and far sides."""
    padded = np.pad(tensor, [(before, after), (before, after), (0, 0)], constant_values=fill)
    return sliding_window_view(padded, (size, size), axis=(0, 1))[::strides, ::strides]


class NumPyInception:
    """Figure 5 in NumPy, float64, with the weights of a Keras model taken by layer name."""

    def __init__(self, model):
        self.weights = {layer.name: [np.asarray(w, np.float64) for w in layer.get_weights()] for layer in model.layers}

    def convolution(self, tensor, name, strides=1):
        [kernel] = self.weights[name]
        gamma, beta, mean, variance = self.weights[f"{name}_bn"]
        half = kernel.shape[0] // 2
        patches = windows(tensor, kernel.shape[0], strides, half, half, 0.0)
        result = np.einsum("hwcij,ijco->hwo", patches, kernel, optimize=True)
        return np.maximum((result - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0)

    def pool(self, tensor, kind, strides):
        """Sides are even, so the windows of a stride of 2 hang over the far edge alone."""
        if kind == "max":
            return windows(tensor, 3, strides, 2 - strides, 1, -np.inf).max(axis=(3, 4))
        return windows(tensor, 3, strides, 1, 1, 0.0).mean(axis=(3, 4))

    def __call__(self, image):
        tensor = self.pool(self.convolution(image, "conv1_7x7_s2", 2), "max", 2)
        tensor = self.pool(self.convolution(self.convolution(tensor, "conv2_3x3_reduce"), "conv2_3x3"), "max", 2)
        for (name, (first, *_, kind, projected)), channels in zip(FIGURE_5.items(), OUTPUT_CHANNELS, strict=True):
            start, strides = f"inception_{name}", 1 if first else 2
            branches = [self.convolution(tensor, f"{start}_1x1")] if first else []
            branches.append(self.convolution(self.convolution(tensor, f"{start}_3x3_reduce"), f"{start}_3x3", strides))
            double = self.convolution(self.convolution(tensor, f"{start}_double_3x3_reduce"), f"{start}_double_3x3_1")
            branches.append(self.convolution(double, f"{start}_double_3x3_2", strides))
            pooled = self.pool(tensor, kind, strides)
            branches.append(self.convolution(pooled, f"{start}_pool_proj") if projected else pooled)
            tensor = np.concatenate(branches, axis=-1)
            assert tensor.shape[-1] == channels
        return tensor


def test_inception_bn_equals_its_definition_in_numpy():
    image = keras.Input((64, 96, 3))
    model = keras.Model(image, inception_bn_backbone(image))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.gamma.shape[0]
            values = rng.uniform(0.5, 1.5, n), rng.normal(0, 0.1, n), rng.normal(0, 0.1, n), rng.uniform(0.5, 1.5, n)
            layer.set_weights(list(values))
    for name, (first, reduce, single, double_reduce, double, _, projected) in FIGURE_5.items():
        expected = {
            "1x1": first, "3x3_reduce": reduce, "3x3": single, "double_3x3_reduce": double_reduce,
            "double_3x3_1": double, "double_3x3_2": double, "pool_proj": projected,
        }  # fmt: skip
        for branch, channels in expected.items():
            if channels:
                assert model.get_layer(f"inception_{name}_{branch}").filters == channels
    pixels = rng.standard_normal((1, 64, 96, 3)).astype(np.float32)
    maps = [np.asarray(tensor)[0] for tensor in model(pixels, training=False)]
    assert [m.shape for m in maps] == [(32, 48, 64), (16, 24, 192), (8, 12, 320), (4, 6, 608), (2, 3, 1024)]
    expected = NumPyInception(model)(pixels[0].astype(np.float64))
    # Some thirty float32 layers one after another, each off by a few units of 2^-24 of its largest value.
    np.testing.assert_allclose(maps[-1], expected, atol=30 * 8 * 2.0**-24 * np.abs(expected).max())


@pytest.mark.parametrize("backbone", ["resnet50", "inception_bn"])
def test_regressor_is_the_average_of_the_last_map_and_a_line(backbone):
    model = tfderm.create_model("severity_regressor", image_size=(64, 64), backbone=backbone)
    last_map = keras.Model(model.inputs[0], model.get_layer("average").input)
    image = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    kernel, bias = model.get_layer("severity").get_weights()
    expected = np.asarray(last_map(image)).mean(axis=(1, 2)) @ kernel + bias
    assert list(model.output) == ["severity"]
    np.testing.assert_allclose(model(image)["severity"], expected, rtol=1e-5, atol=1e-5)


def test_an_unknown_backbone_is_refused():
    with pytest.raises(InputError, match="No network 'resnet51'"):
        tfderm.create_model("severity_regressor", backbone="resnet51")
