"""Networks with ImageNet weights give the numbers of the originals, weights loaded by name.

`reference/*.npz` were made with timm 1.0.31 (alexnet: torchvision's layers): names and shapes of all tensors, logits at
two sizes, and shape, mean, deviation and central vector of feature maps, for weights that follow from a tensor's name.
"""

import json
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest

from tfderm.errors import InputError
from tfderm.models import SYSTEMS, create_model
from tfderm.models.backbones import ARCHITECTURES, IMAGENET_MEAN, IMAGENET_STD, architecture
from tfderm.models.normalization import image_of
from tfderm.models.weights import load_weights, read_weights
from tfderm.models.weights.state_dict import load_state_dict

REFERENCE = Path(__file__).parent / "reference"
ORIGINAL = {"mobilenetv3_large": "mobilenetv3_large_100"}
LARGE = ("densenet161", "pnasnet5large", "resnet152", "senet154", "vgg16", "vgg19")
# With such weights the gates of SENet-154 make its third stage chaotic: an image changed by a millionth gives other
# maps and logits, in the original as well. Its first three maps are determined.
DETERMINED_MAPS = {"senet154": 3}
OF_KERAS = {"efficientnetv2_b0": "EfficientNetV2B0", "nasnet_mobile": "NASNetMobile"}
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else [])
    for name in ARCHITECTURES
    if (REFERENCE / f"{ORIGINAL.get(name, name)}.npz").exists()
]


def reference_of(name):
    values = np.load(REFERENCE / f"{ORIGINAL.get(name, name)}.npz")
    return json.loads(values["description"].tobytes()), values


def tensor_of(key, shape, salt):
    """The value that the reference gave to the tensor of this name and shape."""
    rng = np.random.default_rng([zlib.crc32(key.encode()), salt])
    if key.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if key.endswith("running_mean"):
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    if len(shape) >= 2:
        return (rng.standard_normal(shape) * np.sqrt(1.6 / np.prod(shape[1:]))).astype(np.float32)
    if key.endswith("bias"):
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    return rng.uniform(0.5, 1.5, shape).astype(np.float32)


def with_logits(name, size, num_classes=1000):
    """The network on normalised pixels, with its logits and feature maps as outputs."""
    keras.utils.clear_session()
    network = architecture(name)
    image = keras.Input((*size, 3))
    maps = network.backbone(image)
    return keras.Model(image, [network.head(maps[-1], num_classes), *maps], name=name)


@pytest.mark.parametrize("name", NAMES)
def test_logits_and_feature_maps_are_the_originals(name):
    description, values = reference_of(name)
    salt = description["salt"]
    tensors = {key: tensor_of(key, shape, salt) for key, shape in description["tensors"].items()}
    for case in description["cases"]:
        size = case["size"]
        model = with_logits(name, (size, size))
        load_state_dict(model, tensors)
        parameters = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
        assert parameters == description["parameters"] == ARCHITECTURES[name].parameters
        pixels = np.random.default_rng([12345, salt, size]).standard_normal((1, size, size, 3)).astype(np.float32)
        logits, *maps = (np.asarray(tensor)[0] for tensor in model(pixels, training=False))
        determined = DETERMINED_MAPS.get(name)
        if determined is None:
            np.testing.assert_allclose(logits, values[case["logits"]], rtol=0, atol=1e-4 * case["logits_std"])
        for index, expected in enumerate(case.get("features", ())[:determined]):
            feature, deviation = maps[index], expected["std"]
            assert list(feature.shape) == expected["shape"]
            assert feature.mean() == pytest.approx(expected["mean"], abs=1e-4 * deviation)
            assert feature.std() == pytest.approx(deviation, rel=1e-4)
            centre = feature[feature.shape[0] // 2, feature.shape[1] // 2]
            np.testing.assert_allclose(centre, values[f"feature{index}_{size}"], rtol=0, atol=1e-4 * deviation)


@pytest.mark.parametrize("size", [(96, 128), (75, 101)])
@pytest.mark.parametrize("name", OF_KERAS)
def test_networks_of_keras_give_its_numbers(name, size, monkeypatch):
    keras.utils.clear_session()
    application = getattr(keras.applications, OF_KERAS[name])
    original = application(weights=None, input_shape=(*size, 3), classifier_activation=None, classes=1000)
    rng = np.random.default_rng(0)
    for variable in original.variables:
        if variable.name.startswith("moving"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    monkeypatch.setattr(keras.applications, OF_KERAS[name], lambda **options: original)
    found = read_weights("imagenet", architecture(name))
    monkeypatch.undo()
    model = with_logits(name, size)
    load_weights(model, found, architecture(name).last)
    pixels = rng.standard_normal((1, *size, 3)).astype(np.float32)
    logits = np.asarray(model(pixels, training=False)[0])
    # EfficientNet's own first layers take pixels to what is given here.
    mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
    theirs = 255 * (pixels * std + mean) if name == "efficientnetv2_b0" else pixels
    expected = np.asarray(original(theirs.astype(np.float32), training=False))
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4 * expected.std())


def test_every_system_has_the_parameters_and_the_size_it_is_listed_with():
    for name, system in SYSTEMS.items():
        model = create_model(name)
        assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == system.parameters, name
        assert image_of(model).shape[1:3] == system.image_size, name


def test_every_network_has_the_parameters_it_is_listed_with_and_the_layer_that_tells_the_classes():
    for name, network in ARCHITECTURES.items():
        if name in LARGE:
            continue  # Their references hold the count.
        model = create_model(name, image_size=(96, 96))
        assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == network.parameters, name
        assert model.get_layer(network.last).bias.shape == (1000,)


def test_what_does_not_fit_is_listed_and_nothing_is_loaded():
    model = with_logits("resnet18", (32, 32), num_classes=3)
    before = model.get_weights()
    description, _ = reference_of("resnet18")
    tensors = {key: np.ones(shape, np.float32) for key, shape in description["tensors"].items()}
    del tensors["layer1.0.conv1.weight"]
    tensors["layer9.weight"] = np.ones(3, np.float32)
    with pytest.raises(InputError) as error:
        load_state_dict(model, tensors)
    for words in (
        "layer1_0_conv1.weight is missing",
        "layer9.weight has no place",
        "fc.weight has shape (1000, 512), which does not fit (512, 3)",
        "Nothing was loaded",
    ):
        assert words in str(error.value)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["resnet18", "alexnet", "mobilenetv3_large", "nasnet_mobile", "inception_bn"])
def test_models_take_pixels_and_give_probabilities_or_features(name):
    size = (96, 128)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *size, 3)).astype(np.uint8)
    probabilities = np.asarray(create_model(name, image_size=size, num_classes=5)(pixels)["probabilities"])
    assert probabilities.shape == (2, 5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    features = create_model(name, image_size=size, features_only=True)(pixels)
    assert list(features) == [f"features_{stride}" for stride in architecture(name).strides]
    for stride, tensor in zip(architecture(name).strides, features.values(), strict=True):
        assert all(abs(side - length / stride) <= 2 for side, length in zip(tensor.shape[1:3], size, strict=True))


def test_the_first_layer_normalises_by_the_networks_own_mean_and_deviation():
    model = create_model("inception_v3", image_size=(96, 96))
    pixels = np.array([0, 255], np.uint8)[None, None, :, None] * np.ones((1, 1, 1, 3), np.uint8)
    normalised = np.asarray(model.get_layer("normalization")(pixels))
    np.testing.assert_allclose(normalised[0, 0, :, 0], [-1, 1], atol=1e-6)


@pytest.mark.parametrize("name", ["inception_v3", "alexnet"])
def test_images_that_are_too_small_are_refused(name):
    with pytest.raises(InputError, match=f"{name} cannot take images of 24x24 pixels"):
        create_model(name, image_size=(24, 24))


def test_an_unknown_network_is_refused():
    with pytest.raises(InputError, match="No model 'resnet51'. There are: alexnet, "):
        create_model("resnet51")
