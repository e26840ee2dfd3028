"""Weights from every kind of file give the network they came from; what does not fit changes nothing."""

import json
import re

import h5py
import keras
import numpy as np
import pytest
from huggingface_hub import constants as hub_constants
from safetensors.numpy import save_file
from state_dicts import state_dict

from tfderm.errors import InputError
from tfderm.models import create_model
from tfderm.models.backbones import architecture
from tfderm.models.normalization import pixel_statistics
from tfderm.models.weights import Weights, load_weights, network_of, read_weights
from tfderm.models.weights.hub import fetch

SIZE = (64, 64)
# Modules of PyTorch's ResNet-18 whose names hold dots; underscores stand for them in ours.
DOTTED = re.compile(r"^(layer\d)_(\d)_(?:(downsample)_)?")


def random_model(name="resnet18", num_classes=1000, **options):
    keras.utils.set_random_seed(1)
    model = create_model(name, image_size=SIZE, num_classes=num_classes, **options)
    rng = np.random.default_rng(2)
    for variable in model.variables:
        if variable.name.startswith("moving"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return model


def dotted(model):
    """A ResNet-18 of ours by PyTorch's names."""
    return {
        DOTTED.sub(lambda m: ".".join(part for part in m.groups() if part) + ".", name): tensor
        for name, tensor in state_dict(model).items()
    }


def answers(model):
    images = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3)).astype(np.uint8)
    return np.asarray(model(images, training=False)["probabilities"])


@pytest.fixture(scope="module")
def original():
    return random_model()


@pytest.fixture(scope="module")
def folder(original, tmp_path_factory):
    """The same weights in every kind of file."""
    folder = tmp_path_factory.mktemp("weights")
    save_file(dotted(original), folder / "resnet18.safetensors")
    original.save(folder / "resnet18.keras")
    original.save_weights(folder / "resnet18.weights.h5")
    with h5py.File(folder / "resnet18.h5", "w") as file:  # As keras.applications has them.
        layers = [layer for layer in original.layers if layer.weights]
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{variable.name}:0" for variable in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, layer.weights, strict=True):
                group[name] = np.asarray(variable)
    return folder


@pytest.mark.parametrize("file", ["resnet18.safetensors", "resnet18.keras", "resnet18.weights.h5", "resnet18.h5"])
def test_every_kind_of_file_gives_the_same_answers(file, folder, original):
    model = create_model("resnet18", image_size=SIZE, weights=folder / file)
    np.testing.assert_array_equal(answers(model), answers(original))


@pytest.mark.parametrize("file", ["resnet18.safetensors", "resnet18.keras", "resnet18.h5"])
def test_the_network_is_told_by_the_weights(file, folder):
    assert network_of(read_weights(folder / file)) == "resnet18"


@pytest.mark.parametrize("file", ["resnet18.safetensors", "resnet18.keras", "resnet18.weights.h5", "resnet18.h5"])
def test_with_other_classes_the_last_layer_is_fresh_and_this_is_said(file, folder, original, capsys):
    model = create_model("resnet18", image_size=SIZE, num_classes=3, weights=folder / file)
    assert re.search(r"tells 1000 classes, the model 3: its last layer, fc, is fresh", capsys.readouterr().err)
    for layer in model.layers:
        expected = original.get_layer(layer.name).get_weights() if layer.name not in ("image", "fc") else []
        for one, other in zip(expected, layer.get_weights(), strict=layer.name != "fc"):
            np.testing.assert_array_equal(one, other)


def test_as_many_classes_as_the_weights_tell(tmp_path):
    model = random_model(num_classes=7)
    save_file(dotted(model), tmp_path / "seven.safetensors")
    loaded = create_model("resnet18", image_size=SIZE, weights=tmp_path / "seven.safetensors")
    np.testing.assert_array_equal(answers(loaded), answers(model))
    assert network_of(read_weights(tmp_path / "seven.safetensors")) == "resnet18"


def test_features_have_the_weights_too(folder, original):
    features = create_model("resnet18", image_size=SIZE, features_only=True, weights=folder / "resnet18.safetensors")
    assert "fc" not in {layer.name for layer in features.layers}
    for layer in features.layers:
        for one, other in zip(original.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_regressor_begins_from_a_classifiers_weights(folder, original):
    path = folder / "resnet18.safetensors"
    regressor = create_model("severity_regressor", image_size=SIZE, backbone="resnet18", weights=path)
    assert list(regressor.output) == ["severity"]
    for layer in regressor.layers:
        expected = original.get_layer(layer.name).get_weights() if layer.name != "severity" else layer.get_weights()
        for one, other in zip(expected, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("file", ["resnet18.safetensors", "resnet18.keras", "resnet18.weights.h5", "resnet18.h5"])
def test_weights_of_another_network_are_refused(file, folder):
    with pytest.raises(InputError, match="fit.* Nothing was loaded"):
        create_model("resnet50", image_size=SIZE, weights=folder / file)


def test_a_layer_too_few_or_too_many_changes_nothing(folder, tmp_path):
    path = tmp_path / "other.weights.h5"
    path.write_bytes((folder / "resnet18.weights.h5").read_bytes())
    with h5py.File(path, "a") as file:
        file["layers/dense/vars"].attrs["name"] = "another"
    model = random_model()
    before = model.get_weights()
    with pytest.raises(InputError, match="fc.0 is missing; fc.1 is missing; another.0 has no place; another.1 has no"):
        load_weights(model, read_weights(path), "fc")
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_tensors_for_one_place_and_what_is_no_number_change_nothing(folder):
    model = random_model()
    before = model.get_weights()
    tensors = dotted(model)
    tensors["layer1_0_conv1.weight"] = tensors["layer1.0.conv1.weight"]
    tensors["fc.bias"] = np.array(["a"] * 1000)
    with pytest.raises(InputError, match="layer1_0_conv1.weight and layer1.0.conv1.weight are for one place") as error:
        load_weights(model, Weights("some", False, tensors), "fc")
    assert "fc.bias holds <U1 instead of numbers" in str(error.value)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_converted_file_keeps_the_pixels_of_its_weights(folder, tmp_path):
    keras.utils.set_random_seed(0)
    pixels = (0.5, 0.25, 0.125), (0.25, 0.5, 0.5)
    converted = create_model("resnet18", image_size=SIZE, mean=pixels[0], std=pixels[1])
    converted.save(tmp_path / "converted.keras")
    model = create_model("resnet18", image_size=SIZE, weights=tmp_path / "converted.keras")
    assert pixel_statistics(model) == pixels
    np.testing.assert_array_equal(answers(model), answers(converted))


def test_pixels_of_the_description_go_into_the_graph(folder, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((folder / "resnet18.safetensors").read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"pretrained_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}))
    model = create_model("resnet18", image_size=SIZE, weights=tmp_path / "model.safetensors")
    black_and_white = np.array([0, 255], np.uint8)[None, None, :, None] * np.ones((1, 1, 1, 3), np.uint8)
    normalised = np.asarray(model.get_layer("normalization")(black_and_white))
    np.testing.assert_allclose(normalised[0, 0, :, 0], [-2, 2], atol=1e-6)


def test_files_that_are_absent_or_hold_nothing_are_named(tmp_path):
    network = architecture("resnet18")
    with pytest.raises(InputError, match="none.pth does not exist"):
        read_weights(tmp_path / "none.pth", network)
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(InputError, match="text.h5 is not an .h5 file of weights, or is damaged"):
        read_weights(tmp_path / "text.h5", network)
    with h5py.File(tmp_path / "table.h5", "w") as file:
        file["numbers"] = np.zeros(3)
    with pytest.raises(InputError, match="table.h5 is not an .h5 file of weights, or is damaged"):
        read_weights(tmp_path / "table.h5", network)
    save_file({"some.weight": np.zeros((2, 2), np.float32)}, tmp_path / "some.safetensors")
    with pytest.raises(InputError, match="does not tell which network it is of.*--model"):
        network_of(read_weights(tmp_path / "some.safetensors"))


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of the Hugging Face client, which may not use a network."""
    monkeypatch.setattr(hub_constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub_constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def cached(hub, repository, files):
    folder = hub / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    for name, content in files.items():
        (snapshot / name).write_bytes(content)


@pytest.mark.parametrize(
    "name", ["timm/resnet18.tv_in1k", "resnet18.tv_in1k", "ResNet18_Weights.IMAGENET1K_V1", "imagenet"]
)
def test_names_are_found_in_the_hubs_cache_without_a_network(name, hub, folder, original):
    config = {"pretrained_cfg": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
    files = {"model.safetensors": (folder / "resnet18.safetensors").read_bytes()}
    cached(hub, "timm/resnet18.tv_in1k", {**files, "config.json": json.dumps(config).encode()})
    model = create_model("resnet18", image_size=SIZE, weights=name)
    np.testing.assert_array_equal(answers(model), answers(original))


def test_without_network_and_cache_it_is_said_what_to_do(hub):
    with pytest.raises(InputError, match="timm/resnet18.tv_in1k: model.safetensors is not in the Hugging Face cache"):
        read_weights("resnet18.tv_in1k")
    cached(hub, "timm/old.tv_in1k", {"pytorch_model.bin": b""})
    assert fetch("old.tv_in1k").name == "pytorch_model.bin"
    with pytest.raises(InputError, match="a/b/c is neither a file of weights .* nor a name on the Hugging Face hub"):
        read_weights("a/b/c")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("connection reset")])
def test_a_download_that_fails_is_one_line(error, hub, monkeypatch):
    def fails(*arguments):
        raise error

    monkeypatch.setattr("huggingface_hub.hf_hub_download", fails)
    with pytest.raises(InputError, match="timm/a.tv_in1k: model.safetensors cannot be fetched .*(No space|reset)"):
        fetch("a.tv_in1k")


def test_networks_without_weights_on_a_hub_say_so():
    for name in ("alexnet", "inception_bn"):
        with pytest.raises(InputError, match="none to fetch .* give a file"):
            create_model(name, weights="imagenet")


def test_keras_weights_that_cannot_be_fetched_are_said(monkeypatch):
    def fails(**options):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "NASNetMobile", fails)
    with pytest.raises(InputError, match="Keras cannot fetch its ImageNet weights .URL fetch failure."):
        read_weights("imagenet", architecture("nasnet_mobile"))


def test_torchvisions_vgg_fits_and_the_difference_is_said():
    tensors = {"features.0.weight": 0, "classifier.0.weight": 1, "classifier.3.bias": 2, "classifier.6.bias": 3}
    adapted, remark = architecture("vgg16").adapted(tensors)
    assert adapted == {"features.0.weight": 0, "pre_logits.fc1.weight": 1, "pre_logits.fc2.bias": 2, "head.fc.bias": 3}
    assert "the same at 224x224, other logits at other sizes" in remark
    assert architecture("vgg16").adapted(adapted) == (adapted, "")


def test_old_and_auxiliary_names_of_torchvision_fit():
    old = {"features.denseblock1.denselayer2.norm.1.weight": 0, "features.denseblock1.denselayer2.conv.2.weight": 1}
    adapted, _ = architecture("densenet121").adapted(old)
    assert list(adapted) == [name.replace("m.1", "m1").replace("v.2", "v2") for name in old]
    adapted, _ = architecture("inception_v3").adapted({"AuxLogits.fc.weight": 0, "fc.weight": 1})
    assert adapted == {"fc.weight": 1}


def test_published_bn_inception_reads_bgr_and_has_biases_beside_its_normalisation():
    """(w * bgr + b - m) / s, computed as the file means it, is what ours computes on RGB."""
    rng = np.random.default_rng(0)
    names = {"weight": (64, 3, 7, 7), "bias": (64,)}
    tensors = {f"conv1_7x7_s2.{kind}": rng.standard_normal(shape) for kind, shape in names.items()}
    tensors["conv1_7x7_s2_bn.running_mean"] = rng.standard_normal(64)
    tensors["last_linear.bias"] = rng.standard_normal(10)
    adapted, _ = architecture("inception_bn").adapted(tensors)
    assert sorted(adapted) == ["conv1_7x7_s2.weight", "conv1_7x7_s2_bn.running_mean", "last_linear.bias"]
    rgb = rng.standard_normal((3, 7, 7))
    theirs = np.einsum("ocij,cij->o", tensors["conv1_7x7_s2.weight"], rgb[::-1])
    theirs += tensors["conv1_7x7_s2.bias"] - tensors["conv1_7x7_s2_bn.running_mean"]
    ours = np.einsum("ocij,cij->o", adapted["conv1_7x7_s2.weight"], rgb) - adapted["conv1_7x7_s2_bn.running_mean"]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
