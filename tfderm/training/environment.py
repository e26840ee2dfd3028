"""What a run must record to be understood later: versions, backend, devices, processor."""

import importlib.metadata
import os
import platform
from typing import Any

import keras

_PACKAGES = ("tfderm", "keras", "tensorflow", "jax", "numpy", "pillow", "opencv-python-headless", "scikit-learn")


def describe_environment() -> dict[str, Any]:
    """Versions of what decides the numbers, and the machine's kind; no host name, user or path."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "backend": keras.backend.backend(),
        "devices": keras.distribution.list_devices(),
        "versions": versions,
    }
