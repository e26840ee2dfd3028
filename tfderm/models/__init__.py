"""Networks of the published systems: functional Keras models from uint8 pixels to named outputs."""

import importlib
import inspect
from pathlib import Path

from tfderm.errors import InputError
from tfderm.models.backbones import ARCHITECTURES

_BUILDERS = {
    "psenet": "tfderm.models.psenet",
    "psenet_classifier": "tfderm.models.psenet_classifier",
    "severity_regressor": "tfderm.models.severity_regressor",
    "classifier": "tfderm.models.classifier",
    "cnd": "tfderm.models.cnd",
    "faster_rcnn": "tfderm.models.faster_rcnn",
}


def list_models() -> list[str]:
    """Names that `create_model` takes."""
    return sorted({*_BUILDERS, *ARCHITECTURES})


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
        name, options = "classifier", {"backbone": name, **options}
    if name not in _BUILDERS:
        raise InputError(f"No model {name!r}. There are: {', '.join(list_models())}")
    builder = getattr(importlib.import_module(_BUILDERS[name]), name)
    known = inspect.signature(builder).parameters
    unknown = set(options) - set(known)
    if unknown:
        raise InputError(f"Model {name} has no option {', '.join(sorted(unknown))}. It takes: {', '.join(known)}")
    return builder(**options)


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
