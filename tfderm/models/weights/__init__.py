"""Weights that people have: from files of PyTorch and of Keras, and from the Hugging Face hub."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from tfderm.errors import InputError
from tfderm.models.backbones import ARCHITECTURES, Architecture
from tfderm.models.weights.hub import fetch
from tfderm.models.weights.keras_file import read_keras_file
from tfderm.models.weights.state_dict import (
    Tensors,
    load_state_dict,
    load_variables,
    place_of,
    variables_of,
)
from tfderm.models.weights.torch_file import read_state_dict, trained_pixels

IMAGENET = "imagenet"
KERAS_FILES = (".keras", ".h5")
FILES = (".safetensors", ".pth", ".pt", ".bin", *KERAS_FILES)

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked", "moving_mean", "moving_variance")
_PUBLISHED_CLASSES = 1000

Pixels = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Weights:
    """Weights as they were found.

    Args:
        source: what was asked for.
        of_keras: whether the names are "LAYER.VARIABLE" of a Keras model, or PyTorch's.
        tensors: name -> array.
        pixels: mean and deviation per channel, in 0..1, that they were trained with, where that is known.
        remark: what a user should know of them.
    """

    source: str
    of_keras: bool
    tensors: Tensors
    pixels: Pixels | None = None
    remark: str = ""

    def adapted(self, network: Architecture) -> "Weights":
        """These, by the names that the layers of a network have."""
        if self.of_keras:
            return self
        tensors, remark = network.adapted(self.tensors)
        return replace(self, tensors=tensors, remark=remark)

    def num_classes(self, last: str) -> int | None:
        """How many classes the layer `last` tells; None where that is not known."""
        places = (last, "bias"), (last, "1")
        return next((len(t) for name, t in self.tensors.items() if place_of(name) in places and t.ndim == 1), None)


def read_weights(source: Path | str | Weights, network: Architecture | None = None) -> Weights:
    """Read weights; what lies in the hub's or in Keras' cache is not fetched again.

    Args:
        source: a file `.safetensors`, `.pth`, `.pt` or `.bin` with a state dict by timm's or torchvision's names; a
            `.keras` or `.h5` file of the same Keras model; a repository on the Hugging Face hub
            ("timm/resnet50.tv_in1k", or without "timm/"); torchvision's name ("ResNet50_Weights.IMAGENET1K_V1"); or
            "imagenet", the source that `tfderm models` lists for the network. What was read already is given back.
        network: which network "imagenet" means.

    Raises:
        InputError: the file is absent or damaged, or cannot be fetched, or the network has no weights on a hub.
    """
    if isinstance(source, Weights):
        return source
    place = source = str(source)
    if source == IMAGENET:
        if network is None or not network.weights:
            raise InputError(
                "`weights`: there are none to fetch by the name of imagenet for this network; give a file, or a name "
                "on the Hugging Face hub (`tfderm models` lists what is known)."
            )
        if network.weights == "keras":
            return Weights(source, True, variables_of(network.keras_application()))
        place = network.weights
    path = Path(place if place.endswith(FILES) else fetch(place))
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a file of weights, or a name on the Hugging Face hub.")
    if path.suffix in KERAS_FILES:
        return Weights(source, True, *read_keras_file(path))
    return Weights(source, False, read_state_dict(path), trained_pixels(path))


def load_weights(model: keras.Model, weights: Weights, last: str) -> None:
    """Set every weight of a classifier; nothing is set unless everything fits.

    Args:
        model: to change.
        weights: of the same network, adapted to it.
        last: the layer that tells the classes. Where the weights tell another number of classes, it keeps its own; this
            is said on stderr.

    Raises:
        InputError: lists every tensor that is missing, has no place or has another shape.
    """
    known, wanted = weights.num_classes(last), model.get_layer(last).bias.shape[0]
    fresh = "" if known in (None, wanted) else last
    load = load_variables if weights.of_keras else load_state_dict
    load(model, weights.tensors, fresh)
    if fresh:
        print(
            f"{weights.source}: tells {known} classes, the model {wanted}: its last layer, {last}, is fresh",
            file=sys.stderr,
        )
    if weights.remark:
        print(f"{weights.source}: {weights.remark}", file=sys.stderr)


def network_of(weights: Weights) -> str:
    """Which of `ARCHITECTURES` weights belong to, by the last layer's name and the number of parameters.

    Raises:
        InputError: to none of them.
    """
    for name, network in ARCHITECTURES.items():
        adapted = weights.adapted(network)
        classes = adapted.num_classes(network.last)
        if not classes:
            continue
        sizes = {place_of(key): tensor.size for key, tensor in adapted.tensors.items()}
        last = sum(size for (layer, _), size in sizes.items() if layer == network.last)
        learned = sum(size for (_, kind), size in sizes.items() if kind not in _STATISTICS)
        if learned - last + last // classes * _PUBLISHED_CLASSES == network.parameters:
            return name
    raise InputError(
        f"{weights.source} does not tell which network it is of: its parameters are those of none of "
        f"{', '.join(ARCHITECTURES)}. Name the network with --model; then what does not fit is listed."
    )
