"""A bundle: the folder that export writes and that every client reads. Its specification is `tflite/README.md`."""

import json
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from tfderm import __version__
from tfderm.contract import ModelContract
from tfderm.errors import InputError
from tfderm.files import read_json, sha256, write_json

BUNDLE_VERSION = 1
MANIFEST = "manifest.json"
REQUIRED = ("model.tflite", "contract.json", "scheme.json", "parity.json", "MODEL_CARD.md", "golden/index.json")


@dataclass(frozen=True)
class Bundle:
    """Paths and parsed files of a bundle folder. Open one with `load_bundle`, which checks it."""

    path: Path

    @property
    def model_path(self) -> Path:
        return self.path / "model.tflite"

    @cached_property
    def contract(self) -> ModelContract:
        return ModelContract.from_json(read_json(self.path / "contract.json"))

    @cached_property
    def quantization(self) -> dict[str, Any]:
        """scheme.json: the scheme, the recipe that was applied, operators left in float, calibration, attempts."""
        return read_json(self.path / "scheme.json")

    @property
    def scheme(self) -> str:
        return self.quantization["scheme"]

    @cached_property
    def parity(self) -> dict[str, Any]:
        return read_json(self.path / "parity.json")

    @cached_property
    def golden(self) -> dict[str, Any]:
        return read_json(self.path / "golden" / "index.json")


def load_bundle(path: Path | str) -> Bundle:
    """Open a bundle after checking that it is whole and unchanged.

    Raises:
        InputError: no bundle there, a file is missing or differs from the manifest's sha256, or the bundle or its
            contract is of a version that this release does not read.
    """
    path = Path(path)
    if not (path / MANIFEST).is_file():
        raise InputError(f"{path} is not a bundle: no {MANIFEST}. Give the folder that `tfderm export` wrote.")
    manifest = read_json(path / MANIFEST)
    version = manifest.get("bundle_version") if isinstance(manifest, dict) else None
    if version != BUNDLE_VERSION:
        raise InputError(f"{path}: bundle version {version!r} cannot be read: expected {BUNDLE_VERSION}; export again.")
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise InputError(f"{path / MANIFEST}: `files` must map names to sha256; export again.")
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise InputError(f"{path / MANIFEST} does not list {', '.join(missing)}; export again.")
    for name, expected in files.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise InputError(f"{path / MANIFEST}: {name!r} lies outside the bundle; do not use this bundle.")
        if not (path / name).is_file():
            raise InputError(f"{path / name} is missing although the manifest lists it; copy the bundle again.")
        received = sha256(path / name)
        if received != expected:
            raise InputError(
                f"{path / name} was changed after export: expected sha256 {expected}, received {received}; "
                "copy the bundle again or export anew."
            )
    bundle = Bundle(path)
    embedded = json.loads(embedded_files(bundle.model_path).get("contract.json", b"null"))
    if embedded != bundle.contract.to_json():
        raise InputError(f"{bundle.model_path} carries another contract than {path / 'contract.json'}; export again.")
    return bundle


def write_manifest(folder: Path) -> None:
    """Write manifest.json with the sha256 of every other file in `folder`."""
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    write_json(
        folder / MANIFEST,
        {
            "bundle_version": BUNDLE_VERSION,
            "tfderm": __version__,
            "files": {name: sha256(folder / name) for name in names if name != MANIFEST},
        },
    )


def embedded_files(model_path: Path | str) -> dict[str, bytes]:
    """Files inside a `.tflite`, in the ZIP archive that TFLite metadata appends to it; empty where there is none."""
    try:
        with zipfile.ZipFile(model_path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        return {}
