"""Every network with ImageNet weights goes through LiteRT, with its class-activation map, and passes verification."""

import math
from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest
from small_models import LABELS, contract_of, held_out

from tfderm.contract import MetadataColumn
from tfderm.export.bundle import build_bundle
from tfderm.export.convert import convert
from tfderm.export.explanation import explained
from tfderm.export.verify import verify_bundle
from tfderm.models import ARCHITECTURES, SYSTEMS, create_model
from tfderm.runtime.graph import Graph

# At 96 pixels Inception-v3's last map is one cell, of so little variance that any float32 is 1e-4 from float64.
SIZES = {"inception_v3": (160, 160)}
SIZE = (96, 96)
QUICK = ("alexnet", "mobilenetv3_large", "resnet18")


def scenes(count, size):
    """Images that differ in their coarse structure, so that no normalisation divides by next to nothing."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 6, 6, 3)).astype(np.uint8)
    return np.stack([cv2.resize(image, size[::-1], interpolation=cv2.INTER_CUBIC) for image in coarse])


def like_trained(name, images):
    """The network with statistics of its own activations and small residual branches, as training leaves it.

    Otherwise activations explode, or 50 random residual blocks amplify rounding: then float32 is 4e-4 from float64.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    model = create_model(name, image_size=images.shape[1:3], num_classes=len(LABELS))
    normalisations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalisations]
    for layer in normalisations:
        layer.momentum = 0.0
        activated = any(isinstance(node.operation, keras.layers.ReLU) for node in layer._outbound_nodes)
        if layer.name.startswith("layer") and not activated:  # The end of a branch of ResNet and SENet.
            layer.gamma.assign(keras.ops.full_like(layer.gamma, 0.1))
    model(images, training=True)
    for layer, momentum in zip(normalisations, momenta, strict=True):
        layer.momentum = momentum
    return model


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in ARCHITECTURES]
)
def test_a_network_becomes_a_verified_bundle(name, tmp_path):
    images, labels = scenes(16, SIZES.get(name, SIZE)), np.arange(16) % len(LABELS)
    model = like_trained(name, images)
    probabilities = np.asarray(model(images, training=False)["probabilities"])
    assert probabilities.std(axis=0).max() > 1e-3  # Verifying a constant would show nothing.
    bundle = build_bundle(
        *explained(model, contract_of(model, LABELS)),
        scheme="float32",
        output=tmp_path / "bundle",
        held_out=held_out(images, labels),
        calibration={},
    )
    graph = Graph.read(bundle.model_path.read_bytes())
    assert not [op for op in graph.op_names if op.startswith(("CUSTOM", "Flex"))]
    assert bundle.parity["passed"] and verify_bundle(bundle)["passed"]


def macs(model):
    """Multiply-accumulates of a Keras model's convolutions and fully connected layers."""
    total = 0
    for layer in model.layers:
        kernels = [variable.shape for variable in layer.trainable_variables if variable.name.endswith("kernel")]
        positions = math.prod(layer.output.shape[1:-1]) if kernels else 0
        total += sum(math.prod(kernel) * positions for kernel in kernels)
    return total


@pytest.mark.slow
def test_networks_cost_what_they_are_listed_with():
    for name, network in ARCHITECTURES.items():
        if name not in ("alexnet", "vgg16", "vgg19"):  # Their heads' weights alone take a minute to draw.
            keras.utils.clear_session()
            assert macs(create_model(name)) == network.macs, name


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in [*SYSTEMS, "alexnet", "vgg16"] if name != "faster_rcnn"])
def test_graphs_cost_what_they_are_listed_with(name):
    listed = {**SYSTEMS, **ARCHITECTURES}[name].macs
    keras.utils.clear_session()
    model = create_model(name)
    labels = (
        [str(index) for index in range(model.output["probabilities"].shape[-1])]
        if "probabilities" in model.output
        else ()
    )
    contract = contract_of(model, tuple(labels))
    if name == "metanet":
        encoding = model.get_layer("metadata_encoding")
        contract = replace(contract, metadata=tuple(MetadataColumn(column["name"]) for column in encoding.columns))
    assert Graph.read(convert(model, contract)).total_macs == listed
