"""From a trained Keras model to a verified bundle with its `.tflite` (needs TensorFlow)."""

import importlib

_PUBLIC = {"export_bundle": "tfderm.export.bundle"}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'tfderm.export' has no attribute {name!r}")
