"""Where images and their labels come from: manifests, publishers' layouts, class folders, synthetic sets."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.selection import Selection, resolved, select
from tfderm.errors import InputError
from tfderm.files import cache, locked

__all__ = ["ACCEPTED", "Corpus", "Record", "Selection", "load", "select", "resolved"]

SYNTHETIC = ("psoriasis", "dermoscopy", "psoriasis_eczema", "morphology", "morphologies", "pigmented", "inflammatory")
_SYNTHETIC_SOURCES = (
    ", ".join(f"synthetic:{name}" for name in SYNTHETIC) + ", or with a number of patients, as synthetic:psoriasis:800"
)
ACCEPTED = (
    "a manifest CSV, a folder holding manifest.csv, a folder of HAM10000, PAD-UFES-20 or isic-cli as published, "
    f"a folder of class folders, tfds:NAME, {_SYNTHETIC_SOURCES}"
)


def load(src: Path | str, problems: list[str] | None = None) -> Corpus:
    """Read a source of data into records; images are not decoded.

    Args:
        src: a manifest CSV, a folder holding `manifest.csv`, a published set's folder (HAM10000, PAD-UFES-20, what
            isic-cli downloads), a folder of class folders, `tfds:NAME` (prepared by TensorFlow Datasets; see
            `tfds_source.export_tfds`), or `synthetic:NAME` with a name of `SYNTHETIC`, also with so many patients
            (`synthetic:psoriasis:800`); these two are written once into `$TFDERM_CACHE` (by default ~/.cache/tfderm).
        problems: where a list is given, rows and boxes that cannot be used are left out and named there; without it
            the first one is raised.

    Raises:
        InputError: `src` is none of these, or its tables cannot be used; one line with file, line and column.
    """
    from tfderm.datasets.class_folders import read_class_folders
    from tfderm.datasets.manifest import MANIFEST, read_manifest
    from tfderm.datasets.publishers import find_publisher

    if str(src).startswith("synthetic:"):
        return read_manifest(_synthetic(str(src)), problems)
    if str(src).startswith("tfds:"):
        from tfderm.datasets.tfds_source import export_tfds

        return read_manifest(export_tfds(str(src).removeprefix("tfds:"), cache()), problems)
    path = Path(src).expanduser()
    if not path.exists():
        raise InputError(f"{src} does not exist. Data is {ACCEPTED}.")
    if path.is_file():
        if path.suffix.lower() != ".csv":
            raise InputError(f"{src} is not a source of data. Data is {ACCEPTED}.")
        return read_manifest(path, problems)
    if (path / MANIFEST).is_file():
        return read_manifest(path / MANIFEST, problems)
    if reader := find_publisher(path):
        return reader(path, problems)
    if corpus := read_class_folders(path):
        return corpus
    raise InputError(f"{src} holds no data that tfderm knows. Data is {ACCEPTED}.")


def synthetic_set(name: str) -> ModuleType:
    """The module of an embedded set, with `generate` and `VERSION`.

    Raises:
        InputError: there is no set of that name.
    """
    if name not in SYNTHETIC:
        raise InputError(f"No synthetic set {name!r}. There is {_SYNTHETIC_SOURCES}.")
    return import_module(f"tfderm.datasets.synthetic.{name}")


def _synthetic(src: str) -> Path:
    """Manifest of an embedded set, rendered where the cache has none of this generator's version."""
    from tfderm.datasets.manifest import MANIFEST

    name, *size = src.removeprefix("synthetic:").split(":")
    if len(size) > 1 or not all(text.isdecimal() for text in size):
        raise InputError(f"No synthetic set {src!r}. There is {_SYNTHETIC_SOURCES}.")
    module = synthetic_set(name)
    options = {"num_patients": int(size[0])} if size else {}
    folder = cache() / "-".join(["synthetic", name, str(module.VERSION), *size])
    with locked(folder.with_suffix(".lock")):
        if not (folder / MANIFEST).is_file():
            print(f"rendering {src} into {folder}, once", file=sys.stderr)
            module.generate(folder, **options)
    return folder / MANIFEST
