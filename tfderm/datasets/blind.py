"""The register of blind tests: photographs that nothing may learn from, known by their content under any name.

One JSON file per test in `blind/` of `tfderm.files.home`, which a team shares. It holds no name of a file or a patient;
its 32x32 luminance thumbnails are needed, because a perceptual hash alone confuses photographs (`duplicates`).
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.duplicates import THUMBNAIL, Fingerprint, copies, fingerprints
from tfderm.errors import InputError
from tfderm.files import home, read_json, write_json
from tfderm.run import Run


@dataclass(frozen=True)
class BlindTest:
    """A registered test.

    Args:
        name: how messages and reports call it.
        date: when it was set aside, ISO.
        source: name of the corpus it was taken from.
        source_fingerprint: `Corpus.fingerprint` of that corpus; a run on it has learned from the test.
        photographs: what they are known by.
    """

    name: str
    date: str
    source: str
    source_fingerprint: str
    photographs: tuple[Fingerprint, ...]

    def find(self, photographs: Sequence[Fingerprint]) -> list[int]:
        """Indices of those that are, or are copies of, photographs of this test."""
        return sorted({index for index, _ in copies(photographs, self.photographs)})


def register(test: BlindTest) -> Path:
    """Write a test into the register and return its file; one that is there already stays as it is.

    Raises:
        InputError: the register cannot be read or written.
    """
    registered()
    photographs = [
        {"sha256": one.digest, "thumbnail": base64.b64encode(one.thumbnail.tobytes()).decode()}
        for one in sorted(test.photographs, key=lambda one: one.digest)
    ]
    name = re.sub(r"[^\w-]+", "-", test.name)
    path = home() / "blind" / f"{name}-{_checksum(photographs)[:12]}.json"
    if not path.is_file():
        fields = {key: value for key, value in vars(test).items() if key != "photographs"}
        write_json(path, {**fields, "sha256": _checksum(photographs), "photographs": photographs})
    return path


def registered() -> tuple[BlindTest, ...]:
    """All blind tests of this machine or team, by their files' names.

    Raises:
        InputError: the register is empty or damaged, so that what is to be kept blind is not known.
    """
    folder = home() / "blind"
    try:
        if not folder.exists():
            return ()
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json" and path.name[0] != ".")
    except OSError as error:
        raise InputError(f"The register of blind tests, {folder}, cannot be read ({error.strerror}).") from None
    if not paths:
        raise InputError(
            f"The register of blind tests, {folder}, is empty; restore its files, or remove the folder where nothing "
            "is to be kept blind."
        )
    return tuple(map(_read, paths))


def _read(path: Path) -> BlindTest:
    try:
        content = read_json(path)
        photographs = content.pop("photographs")
        if not photographs or content.pop("sha256") != _checksum(photographs):
            raise ValueError("its checksum is another")
        shape = (THUMBNAIL, THUMBNAIL)
        return BlindTest(
            **content,
            photographs=tuple(
                Fingerprint(
                    one["sha256"], np.frombuffer(base64.b64decode(one["thumbnail"]), dtype=np.uint8).reshape(shape)
                )
                for one in photographs
            ),
        )
    except (InputError, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is damaged ({error}), so that what it keeps blind is not known; restore it from a copy, or remove "
            "it and set the same blind test aside again."
        ) from None


def _checksum(photographs: list[dict[str, str]]) -> str:
    return hashlib.sha256(json.dumps(photographs, sort_keys=True).encode()).hexdigest()


def refuse(tests: Sequence[BlindTest], where: str, photographs: Mapping[str, Fingerprint], remedy: str) -> None:
    """Raise `InputError` where one of `photographs` (by image) is of a blind test.

    Args:
        tests: from `registered`.
        where: the source of data.
        photographs: what would be learned from.
        remedy: what to do instead.
    """
    images = list(photographs)
    for test in tests:
        if found := test.find(list(photographs.values())):
            raise InputError(
                f"{where}: {len(found)} of {len(images)} photographs are of the blind test {test.name}, from which "
                f"nothing may learn (first: {images[found[0]]}); {remedy}"
            )


def refuse_run(initial: Path) -> None:
    """Raise `InputError` where a run, or one it began from, learned from photographs that are in a blind test.

    What a run learned is looked at where its files still are; otherwise it is known by the corpus that a test was taken
    from.
    """
    tests = registered()
    if not tests:
        return
    names = {test.source_fingerprint: test.name for test in tests}
    for run in Run(initial).lineage:
        before = run.environment.get("initial") or {}
        known = {run.environment["data"]["fingerprint"], *before.get("fingerprints", ())}
        found = [names[fingerprint] for fingerprint in known if fingerprint in names]
        if not found:  # Only then are the photographs themselves worth decoding.
            learned = _learned(run)
            found = [test.name for test in tests if test.find(learned)]
        if found:
            raise InputError(
                f"{initial} has learned from photographs that are now the blind test {found[0]}; start from a run on "
                "the training manifest that `tfderm data split --blind` wrote."
            )


def _learned(run: Run) -> list[Fingerprint]:
    """Photographs of training and validation of a run, as far as their files are there."""
    root = run.environment["data"].get("root")
    if not root or not (run.path / "splits.csv").is_file():
        return []
    records = tuple(Record(image) for image, split in run.splits.items() if split != "test")
    return list(fingerprints(Corpus("", Path(root), records), records).values())


def blind_test_of(corpus: Corpus, records: Sequence[Record]) -> str | None:
    """Name of the blind test that all of these photographs are of, or None."""
    if not (tests := registered()):
        return None
    photographs = list(fingerprints(corpus, records).values())
    return next((test.name for test in tests if len(test.find(photographs)) == len(records)), None)
