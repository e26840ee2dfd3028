import keras
import numpy as np
import pytest
from safetensors.numpy import save_file
from state_dicts import state_dict

from tfderm.cli import main
from tfderm.models import create_model, list_models


def test_the_list_has_every_network_with_its_cost_licence_and_source(capsys):
    assert main(["models"]) == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    assert set(list_models()) <= set(lines)
    assert lines["resnet50"][1:] == ["25,557,032", "4.09", "224x224", "BSD-3-Clause", "timm/resnet50.tv_in1k"]
    assert lines["psenet"][-4:] == ["yours", "tfderm", "train", "psenet"]


def test_one_network_is_described(capsys):
    assert main(["models", "resnet18"]) == 0
    out = capsys.readouterr().out
    assert "resnet18: 11,689,512 trainable parameters" in out and "probabilities (1000,)" in out


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory):
    """A MobileNetV3 of four classes: PyTorch's order of axes, under the layers' own names."""
    model = create_model("mobilenetv3_large", num_classes=4)
    path = tmp_path_factory.mktemp("weights") / "some.safetensors"
    save_file(state_dict(model), path)
    return path, model


def test_weights_are_converted_and_the_file_answers_alike(mobilenet, tmp_path, capsys):
    source, model = mobilenet
    target = tmp_path / "new" / "mobilenet.keras"
    assert main(["models", "convert", str(source), "--to", str(target)]) == 0
    assert "mobilenetv3_large, 4 classes" in capsys.readouterr().out
    converted = keras.saving.load_model(target)
    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype(np.uint8)
    expected, found = (np.asarray(one(images, training=False)["probabilities"]) for one in (model, converted))
    np.testing.assert_array_equal(found, expected)


def test_what_does_not_fit_is_listed_and_nothing_is_written(mobilenet, tmp_path, capsys):
    source, _ = mobilenet
    target = tmp_path / "wrong.keras"
    assert main(["models", "convert", str(source), "--to", str(target), "--model", "resnet18"]) == 2
    error = capsys.readouterr().err
    assert "do not fit resnet18" in error and "conv1.weight is missing" in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["convert"], "Usage: tfderm models"),
        (["convert", "a.pth"], "Usage: tfderm models"),
        (["resnet18", "a.pth", "--to", "b.keras"], "Usage: tfderm models"),
        (["convert", "a.pth", "--to", "b.h5"], "expected a name that ends in .keras"),
        (["convert", "a.pth", "--to", "b.keras"], "a.pth does not exist"),
        (["convert", "imagenet", "--to", "b.keras"], "name the network with --model"),
        (["convert", "a.pth", "--to", "b.keras", "--model", "resnet51"], "No network 'resnet51'"),
        (["resnet51"], "No model 'resnet51'"),
        (["resnet18", "--to", "x.keras"], "Usage: tfderm models"),
        (["--model", "resnet18"], "Usage: tfderm models"),
    ],
)
def test_wrong_usage_is_one_line(arguments, message, capsys):
    assert main(["models", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
