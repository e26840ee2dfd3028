"""Any source of data, copied into the manifest's layout."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from tfderm.datasets.corpus import Corpus
from tfderm.datasets.manifest import DATASET, MANIFEST, write_manifest
from tfderm.errors import InputError
from tfderm.files import atomic_folder, read_json, write_json


def to_manifest(corpus: Corpus, folder: Path | str, withheld: Iterable[str] = ()) -> Path:
    """Copy images and masks under their own names and write manifest.csv, lesions.json and dataset.json beside them.

    Args:
        corpus: from `tfderm.datasets.load`.
        folder: new or empty; it appears when it is complete.
        withheld: patients or lesions of a blind test that was set aside from the corpus.

    Returns:
        The path of the manifest. Where the source has no groups its column patient_id is empty, to be filled in.

    Raises:
        InputError: the folder holds files, or an image or mask is missing.
    """
    folder = Path(folder)
    check_empty(folder)
    files = [name for record in corpus.records for name in (record.image, record.mask) if name]
    missing = [name for name in files if not (corpus.root / name).is_file()]
    if missing:
        raise InputError(
            f"{corpus.root}: {len(missing)} images or masks are missing, for instance {missing[0]}; "
            "list them with `tfderm data check`."
        )
    with atomic_folder(folder) as temporary:
        for name in files:
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(corpus.root / name, temporary / name)
        write_manifest(temporary, corpus)
        if withheld:
            description = temporary / DATASET
            write_json(description, {**read_json(description), "withheld": sorted(withheld)})
    return folder / MANIFEST


def check_empty(folder: Path) -> None:
    """Raise `InputError` where a folder to be written holds something."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder} is not an empty folder; nothing was written. Choose a new one with -o.")
