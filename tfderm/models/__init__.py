"""Networks of the published systems: functional Keras models from uint8 pixels to named outputs."""

import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tfderm.errors import InputError
from tfderm.models.backbones import ARCHITECTURES


@dataclass(frozen=True)
class System:
    """A network of a published system, trained by recipes of ours.

    Args:
        module: where the function that builds it is.
        parameters: trainable ones, of the default form.
        macs: multiply-accumulates for one image of the default form; None where it is not exported, so not counted.
        image_size: height, width in pixels of the default form.
        recipe: that trains it.
    """

    module: str
    parameters: int
    macs: int | None
    image_size: tuple[int, int]
    recipe: str
    licence = "yours"

    @property
    def weights_from(self) -> str:
        """For people: where weights come from."""
        return f"tfderm train {self.recipe}"


SYSTEMS = {
    "cnd": System("tfderm.models.cnd", 1_172_675, 442_968_864, (200, 200), "cnd"),
    "faster_rcnn": System("tfderm.models.faster_rcnn", 7_071_684, None, (400, 512), "lesion_detector"),
    "metanet": System("tfderm.models.metanet", 26_086_184, 4_089_711_104, (224, 224), "metanet"),
    "psenet": System("tfderm.models.psenet", 2_724_038, 20_904_088_084, (800, 1024), "psenet"),
    "psenet_classifier": System(
        "tfderm.models.psenet_classifier", 2_326_322, 14_398_390_784, (800, 1024), "psenet:pretraining"
    ),
    "stn_vgg": System("tfderm.models.stn_vgg", 135_735_140, 7_195_428_516, (630, 945), "psoriasis_eczema"),
    "severity_regressor": System(
        "tfderm.models.severity_regressor", 23_510_081, 66_728_757_248, (800, 1024), "psenet:resnet50"
    ),
}


def list_models() -> list[str]:
    """Names that `create_model` takes."""
    return sorted({*SYSTEMS, *ARCHITECTURES})


def create_model(name: str, **options):
    """Build a model with fresh weights.

    Args:
        name: one of `list_models()`.
        **options: keyword arguments of the model's function, e.g. `image_size=(200, 256)`.

    Returns:
        A functional `keras.Model` with the input `image`, uint8 RGB (B, height, width, 3), and named outputs.

    Raises:
        InputError: unknown name or option.
    """
    if name in ARCHITECTURES:
        builder = partial(importlib.import_module("tfderm.models.classifier").classifier, name)
    elif name in SYSTEMS:
        builder = getattr(importlib.import_module(SYSTEMS[name].module), name)
    else:
        raise InputError(f"No model {name!r}. There are: {', '.join(list_models())}")
    known = inspect.signature(builder).parameters
    unknown = set(options) - set(known)
    if unknown:
        raise InputError(f"Model {name} has no option {', '.join(sorted(unknown))}. It takes: {', '.join(known)}")
    return builder(**options)


def takes_weights(name: str) -> bool:
    """Whether a model starts from published weights where it is told to, with their own mean and deviation."""
    return name in ARCHITECTURES or name in ("metanet", "severity_regressor")


def load(path: Path | str):
    """Load a trained `.keras` file.

    Raises:
        InputError: the file is absent, damaged, or written by a release whose layers this one does not know.
    """
    import keras

    # These register the custom objects that a file may name.
    from tfderm import layers, losses, metrics  # noqa: F401
    from tfderm.models import faster_rcnn  # noqa: F401

    if not Path(path).is_file():
        raise InputError(f"{path} does not exist; train first, or give the path of a `.keras` file.")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many types on foreign or damaged archives.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{path} cannot be loaded by Keras {keras.__version__}: {reason} "
            "It is damaged or of another version; train it again or use the release that wrote it."
        ) from None


def predict(model, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of a model in use, arrays by name, for one batch of its inputs, likewise."""
    return model.predict_on_batch(inputs if isinstance(model.input, dict) else inputs["image"])
