"""TensorFlow Datasets builders of published sets; a folder each, prepared from the files that the publisher ships.

    tfds build tfderm/datasets/builders/ham10000 --manual_dir FOLDER_OF_HAM10000

Afterwards `tfds.load("ham10000")` gives it to any program, and `tfds:ham10000` is a source of data here.
"""

import importlib
import pkgutil
import re


def register(name: str) -> None:
    """Make TensorFlow Datasets know the builder of a set, `NAME`, `NAME/CONFIG` or `NAME:VERSION`, where it is here."""
    base = re.split("[:/]", name)[0]
    if base in {module.name for module in pkgutil.iter_modules(__path__) if module.ispkg}:
        importlib.import_module(f"{__name__}.{base}.{base}_dataset_builder")
