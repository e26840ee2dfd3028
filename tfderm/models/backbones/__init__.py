"""Feature extractors with classification heads, one family per file, and what is known of each network."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tfderm.errors import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Architecture:
    """A network that people have ImageNet weights of.

    Args:
        family: the file in this folder; it defines `FAMILY_backbone`, `FAMILY_head` and `STRIDES`.
        options: of `FAMILY_backbone`.
        image_size: height, width in pixels that the weights were trained for.
        mean: per channel of an RGB image in 0..1, subtracted.
        std: per channel, divided by.
    """

    family: str
    options: Mapping[str, Any] = field(default_factory=dict)
    image_size: tuple[int, int] = (224, 224)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def strides(self) -> tuple[int, ...]:
        """Of the feature maps, about."""
        return self._module.STRIDES

    @property
    def backbone(self) -> Callable[..., list]:
        """(normalised image, kernel_regularizer=None) -> feature maps."""
        return partial(getattr(self._module, f"{self.family}_backbone"), **self.options)

    @property
    def head(self) -> Callable[..., Any]:
        """(last feature map, num_classes) -> logits."""
        return getattr(self._module, f"{self.family}_head")

    @property
    def _module(self):
        return importlib.import_module(f"{__name__}.{self.family}")


ARCHITECTURES = {
    "alexnet": Architecture("alexnet"),
    "densenet121": Architecture("densenet", {"depth": 121}),
    "densenet161": Architecture("densenet", {"depth": 161}),
    "inception_v3": Architecture("inception_v3", {}, (299, 299), _HALF, _HALF),
    "mobilenetv3_large": Architecture("mobilenet_v3"),
    "pnasnet5large": Architecture("pnasnet", {}, (331, 331), _HALF, _HALF),
    "resnet18": Architecture("resnet", {"depth": 18}),
    "resnet50": Architecture("resnet", {"depth": 50}),
    "resnet152": Architecture("resnet", {"depth": 152}),
    "senet154": Architecture("senet"),
    "vgg16": Architecture("vgg", {"depth": 16}),
    "vgg19": Architecture("vgg", {"depth": 19}),
}


def architecture(name: str) -> Architecture:
    """By name. Raises `InputError` for an unknown one, listing those there are."""
    if name not in ARCHITECTURES:
        raise InputError(f"No network {name!r}. There are: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
