"""A prepared TensorFlow Datasets set, exported once to files and a manifest in the cache."""

import os
from pathlib import Path

import numpy as np

from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.manifest import MANIFEST, write_manifest
from tfderm.errors import InputError
from tfderm.files import atomic_folder

GROUPS = ("patient_id", "lesion_id")
_SIGNATURES = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png"}


def export_tfds(name: str, cache: Path) -> Path:
    """Write the images of a set as they are stored, and their manifest; all its splits together.

    Args:
        name: as `tfds.builder` takes it, `NAME`, `NAME/CONFIG` or `NAME:VERSION`; looked up in `$TFDS_DATA_DIR` (by
            default ~/tensorflow_datasets), never downloaded. Its features must be `image`, `label` or `severity`, and
            `patient_id` or `lesion_id`; every other scalar feature becomes metadata.
        cache: folder to export into.

    Returns:
        The path of the manifest.

    Raises:
        InputError: the set is not prepared, or a feature is missing.
    """
    import tensorflow_datasets as tfds

    from tfderm.datasets import builders

    builders.register(name)
    data = os.environ.get("TFDS_DATA_DIR") or None
    try:
        builder = tfds.builder(name, data_dir=data)
    except Exception as error:  # TFDS raises several types for unknown names.
        first = str(error).strip().partition("\n")[0]
        raise InputError(f"tfds:{name}: TensorFlow Datasets does not know it ({first}); build it first.") from None
    if not builder.is_prepared():
        raise InputError(
            f"tfds:{name} is not prepared under {builder.data_dir}; run `tfds build` or download it first."
        )
    features = builder.info.features
    for needed in (("image",), ("label", "severity"), GROUPS):
        if not any(feature in features for feature in needed):
            raise InputError(f"tfds:{name} has no feature {' or '.join(needed)}. It has: {', '.join(features)}.")
    folder = cache / f"tfds-{builder.info.full_name.replace('/', '-')}"
    if not (folder / MANIFEST).is_file():
        with atomic_folder(folder) as temporary:
            (temporary / "images").mkdir()
            records = []
            for split in sorted(builder.info.splits):
                examples = builder.as_dataset(
                    split=split, decoders={"image": tfds.decode.SkipDecoding()}, shuffle_files=False
                )
                for number, example in enumerate(tfds.as_numpy(examples)):
                    records.append(_record(temporary, f"images/{split}-{number:06}", example, features))
            licence = builder.info.redistribution_info.license or "unspecified"
            write_manifest(temporary, Corpus(builder.info.name, temporary, tuple(records), licence=licence))
    return folder / MANIFEST


def _record(folder: Path, stem: str, example: dict, features) -> Record:
    data = example["image"]
    image = stem + next((suffix for start, suffix in _SIGNATURES.items() if data.startswith(start)), ".bin")
    (folder / image).write_bytes(data)
    known = {
        key: _text(value, features[key])
        for key, value in example.items()
        if key != "image" and isinstance(value, (bytes, str, np.generic))
    }
    severity = known.pop("severity", "")
    fields = {key: known.pop(key, "") or None for key in (*GROUPS, "label")}
    metadata = {key: value for key, value in known.items() if value}
    return Record(image, severity=float(severity) if severity else None, metadata=metadata, **fields)


def _text(value, feature) -> str:
    if hasattr(feature, "int2str"):
        return feature.int2str(int(value))
    return value.decode() if isinstance(value, bytes) else str(value)
