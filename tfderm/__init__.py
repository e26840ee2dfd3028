"""tfderm: dermatology models from paper to phone. Names are loaded when first used; importing loads no TensorFlow."""

import importlib
import os

# TensorFlow's own default is off on CPUs without AVX512-VNNI, where gradients of small maps take many times as long.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

__version__ = "0.1.0"

_EXPORTS = {
    "list_recipes": "tfderm.recipes",
    "get_recipe": "tfderm.recipes",
    "list_models": "tfderm.models",
    "create_model": "tfderm.models",
    "train": "tfderm.training",
    "evaluate": "tfderm.evaluation",
    "export_bundle": "tfderm.export",
    "load_bundle": "tfderm.runtime.bundle",
}
_MODULES = ("layers", "losses", "metrics", "pipeline", "clinical")

__all__ = ["__version__", *_EXPORTS, *_MODULES]


def __getattr__(name: str):
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"tfderm.{name}")
    raise AttributeError(f"module 'tfderm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
