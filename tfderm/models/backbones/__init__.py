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
        family: the file in this folder; it defines `FAMILY_backbone`, `FAMILY_head` and `STRIDES`, and, where published
            files name or hold things otherwise, `FAMILY_state_dict`.
        last: name of the layer that tells the classes.
        parameters: trainable ones, with 1000 classes.
        macs: multiply-accumulates for one image of `image_size`, with 1000 classes.
        weights: where ImageNet weights are: a repository on the Hugging Face hub, "keras" for keras.applications
            (`FAMILY_imagenet` gives them), or empty where they are not on a hub but in a `file`.
        licence: of those weights, as their publisher states it; ImageNet's images are for non-commercial research.
        options: of `FAMILY_backbone`.
        image_size: height, width in pixels that the weights were trained for.
        mean: per channel of an RGB image in 0..1, subtracted.
        std: per channel, divided by.
        file: whose file has the weights, where no hub has.
    """

    family: str
    last: str
    parameters: int
    macs: int
    weights: str
    licence: str
    options: Mapping[str, Any] = field(default_factory=dict)
    image_size: tuple[int, int] = (224, 224)
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    file: str = ""

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
    def weights_from(self) -> str:
        """For people: where ImageNet weights come from."""
        return {"keras": "keras.applications"}.get(self.weights, self.weights) or self.file

    def keras_application(self) -> Any:
        """The model of keras.applications with its ImageNet weights.

        Raises:
            InputError: they are not in Keras' cache and cannot be fetched.
        """
        try:
            return getattr(self._module, f"{self.family}_imagenet")()
        except Exception as error:  # Keras raises a bare Exception where a download fails.
            reason = str(error).strip()
            raise InputError(
                f"Keras cannot fetch its ImageNet weights ({reason}); run once with a network, or give a file."
            ) from None

    def adapted(self, tensors: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        """A published state dict by the names of this network's layers, and a remark for the user or ""."""
        adapt = getattr(self._module, f"{self.family}_state_dict", None)
        return adapt(tensors) if adapt else (tensors, "")

    @property
    def _module(self):
        return importlib.import_module(f"{__name__}.{self.family}")


_BSD, _APACHE, _UNSTATED = "BSD-3-Clause", "Apache-2.0", "not stated"

ARCHITECTURES = {
    "alexnet": Architecture(
        "alexnet", "classifier_6", 61_100_840, 714_188_480, "", _BSD, file="torchvision's alexnet-*.pth"
    ),
    "densenet121": Architecture(
        "densenet", "classifier", 7_978_856, 2_834_161_664, "timm/densenet121.tv_in1k", _APACHE, {"depth": 121}
    ),
    "densenet161": Architecture(
        "densenet", "classifier", 28_681_000, 7_727_907_072, "timm/densenet161.tv_in1k", _APACHE, {"depth": 161}
    ),
    "efficientnetv2_b0": Architecture("efficientnet_v2", "predictions", 7_139_704, 718_086_176, "keras", _APACHE),
    "inception_bn": Architecture(
        "inception_bn",
        "last_linear",
        11_285_224,
        2_032_600_064,
        "",
        _UNSTATED,
        mean=tuple(m / 255 for m in (128, 117, 104)),
        std=(1 / 255,) * 3,
        file="Cadene's bn_inception-*.pth",
    ),
    "inception_v3": Architecture(
        "inception_v3",
        "fc",
        23_834_568,
        5_713_216_096,
        "timm/inception_v3.tv_in1k",
        _APACHE,
        {},
        (299, 299),
        _HALF,
        _HALF,
    ),
    "mobilenetv3_large": Architecture(
        "mobilenet_v3", "classifier", 5_483_032, 216_589_760, "timm/mobilenetv3_large_100.ra_in1k", _APACHE
    ),
    "nasnet_mobile": Architecture(
        "nasnet", "predictions", 5_289_978, 563_638_816, "keras", _APACHE, mean=_HALF, std=_HALF
    ),
    "pnasnet5large": Architecture(
        "pnasnet",
        "last_linear",
        86_057_668,
        24_937_395_792,
        "timm/pnasnet5large.tf_in1k",
        _APACHE,
        {},
        (331, 331),
        _HALF,
        _HALF,
    ),
    "resnet18": Architecture("resnet", "fc", 11_689_512, 1_814_073_344, "timm/resnet18.tv_in1k", _BSD, {"depth": 18}),
    "resnet50": Architecture("resnet", "fc", 25_557_032, 4_089_184_256, "timm/resnet50.tv_in1k", _BSD, {"depth": 50}),
    "resnet152": Architecture(
        "resnet", "fc", 60_192_808, 11_513_626_624, "timm/resnet152.tv_in1k", _BSD, {"depth": 152}
    ),
    "senet154": Architecture(
        "senet", "last_linear", 115_088_984, 20_688_363_520, "timm/legacy_senet154.in1k", _UNSTATED
    ),
    "vgg16": Architecture("vgg", "head_fc", 138_357_544, 15_470_264_320, "timm/vgg16.tv_in1k", _BSD, {"depth": 16}),
    "vgg19": Architecture("vgg", "head_fc", 143_667_240, 19_632_062_464, "timm/vgg19.tv_in1k", _BSD, {"depth": 19}),
}


def architecture(name: str) -> Architecture:
    """By name. Raises `InputError` for an unknown one, listing those there are."""
    if name not in ARCHITECTURES:
        raise InputError(f"No network {name!r}. There are: {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
