"""A folder of class folders: the label of an image is the name of the folder it lies in."""

from pathlib import Path

from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.publishers import EXTENSIONS


def read_class_folders(folder: Path) -> Corpus | None:
    """Read FOLDER/LABEL/IMAGE for all LABELs, or None where `folder` holds no images one level down.

    Nothing here says which photographs show one patient, so the records have no group: they can be checked and
    previewed, and a split refuses them. `tfderm data convert FOLDER --to manifest` writes the table to complete.
    """
    records = tuple(
        Record(image=f"{label.name}/{path.name}", label=label.name)
        for label in sorted(folder.iterdir())
        if label.is_dir() and not label.name.startswith(".")
        for path in sorted(label.iterdir())
        if path.suffix.lower() in EXTENSIONS
    )
    return Corpus(name=folder.resolve().name, root=folder, records=records) if records else None
