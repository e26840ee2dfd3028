"""Our networks beside PyTorch's, computed side by side where torch, and timm, are installed (marker `torch`)."""

import numpy as np
import pytest
from test_originals import DETERMINED_MAPS, NAMES, ORIGINAL, tensor_of, with_logits

from tfderm.models.backbones import architecture
from tfderm.models.weights.state_dict import load_state_dict

pytestmark = pytest.mark.torch
SALT, SIZE = 77, (160, 192)


def imported(name):
    """A module, or a skip: torchvision raises more than ImportError where it was built for another torch."""
    try:
        return __import__(name)
    except Exception as error:
        pytest.skip(f"{name} cannot be imported: {error}")


def resnet18(torch):
    """ResNet-18 written out in torch's own layers."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, inner, outer, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer)
            self.conv2, self.bn2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer)
            if inner != outer:
                self.downsample = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

        def forward(self, x):
            y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
            return torch.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
            for layer, (inner, outer) in enumerate(((64, 64), (64, 128), (128, 256), (256, 512)), start=1):
                blocks = nn.Sequential(Block(inner, outer, 1 if layer == 1 else 2), Block(outer, outer, 1))
                setattr(self, f"layer{layer}", blocks)
            self.fc = nn.Linear(512, 1000)

        def forward(self, x):
            x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(x.mean((2, 3)))

    return ResNet()


def compare(torch, name, original):
    tensors = {key: tensor_of(key, tuple(value.shape), SALT) for key, value in original.state_dict().items()}
    original.load_state_dict({key: torch.from_numpy(np.asarray(value)) for key, value in tensors.items()})
    pixels = np.random.default_rng(0).standard_normal((1, *SIZE, 3)).astype(np.float32)
    with torch.no_grad():
        expected = original.eval()(torch.from_numpy(pixels.transpose(0, 3, 1, 2))).numpy()
    model = with_logits(name, SIZE)
    load_state_dict(model, architecture(name).adapted(tensors)[0])
    logits = np.asarray(model(pixels, training=False)[0])
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4 * expected.std())


def test_resnet18_in_torchs_layers():
    torch = imported("torch")
    compare(torch, "resnet18", resnet18(torch))


@pytest.mark.parametrize("name", NAMES)
def test_networks_of_timm_and_torchvision(name):
    if name in DETERMINED_MAPS:
        pytest.skip("its logits are not determined with random weights")
    torch = imported("torch")
    if name == "alexnet":
        imported("torchvision")
        from torchvision.models import alexnet

        original = alexnet()
    else:
        original = imported("timm").create_model(ORIGINAL.get(name, name))
    compare(torch, name, original)
