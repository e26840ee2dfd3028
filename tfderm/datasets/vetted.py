"""Photographs that somebody vetted, added to the corpus that is trained on."""

import contextlib
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from os.path import commonprefix
from pathlib import Path, PurePosixPath
from typing import Any

from tfderm.datasets import blind
from tfderm.datasets.check import check
from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.duplicates import Fingerprint, copies, fingerprints
from tfderm.datasets.manifest import (
    LESIONS,
    MANIFEST,
    coco,
    manifest_row,
    read_manifest,
    read_table,
    withheld,
)
from tfderm.errors import InputError
from tfderm.files import atomic_path, locked, read_json, write_csv, write_json, write_text

FOLDER = "vetted"
# A word this short may differ in one letter and mean another thing: bcc and scc, grade a and grade b.
_SHORT_WORD = 4


def add(source: Corpus, manifest: Path | str, vetted_by: str, vetted_on: date | None = None) -> tuple[Record, ...]:
    """Copy photographs into `vetted/` beside a manifest and append them to it, with the columns vetted_by, vetted_on.

    All or nothing: the manifest is replaced last, and what was copied before an error is taken away again.

    Args:
        source: from `tfderm.datasets.load`.
        manifest: the corpus' table, or its folder.
        vetted_by: who looked at label and photograph.
        vetted_on: when; today by default.

    Returns:
        The new records, as the manifest names them.

    Raises:
        InputError: nobody is named, the day is to come, a photograph has no patient or lesion, no label, severity or
            boxes, cannot be read, is in a blind test or shows somebody who is, or is a copy of one in the corpus or of
            another one in `source`; a label is spelled otherwise than the corpus'; or the corpus is no manifest.
    """
    manifest = Path(manifest)
    manifest = manifest / MANIFEST if manifest.is_dir() else manifest
    if not manifest.is_file():
        raise InputError(
            f"{manifest} does not exist, and photographs are added to a manifest; make one of what you have with "
            "`tfderm data convert SRC --to manifest -o FOLDER`."
        )
    day = vetted_on or date.today()
    if not vetted_by.strip() or day > date.today():
        raise InputError(f"Say who vetted the photographs and when. Received: {vetted_by!r}, {day.isoformat()}.")
    with locked(manifest.with_name(f".{manifest.stem}.lock")):
        corpus = read_manifest(manifest)
        photographs = _check(source, corpus)
        vetting = {"vetted_by": vetted_by.strip(), "vetted_on": day.isoformat()}
        records = tuple(_renamed(record, photographs[record.image], vetting) for record in source.records)
        listed = {record.image for record in corpus.records} & {record.image for record in records}
        _refuse(source, sorted(listed), "are listed already, but their files are lost or damaged; restore those")
        _write(source, records, corpus, manifest)
    return records


def _check(source: Corpus, corpus: Corpus) -> dict[str, Fingerprint]:
    """What the new photographs are known by. Raises `InputError` as `add`."""
    if source.synthetic != corpus.synthetic:
        raise InputError(
            f"{source.name} and {corpus.name} are not both photographs or both rendered; keep them apart, or no figure "
            "could be read."
        )
    _refuse(
        source,
        [record.image for record in source.records if not record.group],
        "have neither patient_id nor lesion_id; write a manifest with `tfderm data convert SRC --to manifest -o OUT`, "
        "fill in patient_id and add that",
    )
    _refuse(
        source,
        [item.image for item in source.records if not item.labels and (item.severity, item.boxes) == (None, None)],
        "have no label, severity or boxes; what nobody vetted is not added",
    )
    hidden = withheld(corpus.root)
    _refuse(
        source,
        [record.image for record in source.records if record.group in hidden],
        "show patients or lesions of the blind test that was set aside from this corpus; leave them out",
    )
    _check_labels(source.records, corpus.records)
    if errors := check(source).errors:
        raise InputError(f"{source.name}: nothing was added; `tfderm data check` lists its errors, first {errors[0]}")
    photographs = fingerprints(source, source.records)
    tests = blind.registered()
    blind.refuse(tests, source.name, photographs, "leave them out; nothing was added.")
    there = fingerprints(corpus, corpus.records)
    blind.refuse(tests, str(corpus.root), there, "add to the corpus that is trained on; nothing was added.")
    new, known, old = list(photographs), list(photographs.values()), list(there)
    pairs = {(new[i], f"{old[j]} of the corpus") for i, j in copies(known, list(there.values()))}
    pairs |= {(new[max(i, j)], new[min(i, j)]) for i, j in copies(known, known) if i != j}
    for one, other in sorted(pairs):
        print(f"{one} is a copy of {other}", file=sys.stderr)
    _refuse(source, sorted({one for one, _ in pairs}), "are copies of others, as listed above; leave them out")
    return photographs


def _refuse(source: Corpus, images: Sequence[str], why: str) -> None:
    if images:
        count = f"{len(images)} of {len(source.records)} photographs"
        raise InputError(f"{source.name}: {count} {why}; nothing was added (first: {images[0]}).")


def _check_labels(records: Iterable[Record], there: Iterable[Record]) -> None:
    """Raise `InputError` where a label is another one in other letters."""
    known = dict.fromkeys(label for record in there for label in record.labels)
    for image, new in ((record.image, label) for record in records for label in record.labels if label not in known):
        if same := next((label for label in known if label != new and _same_label(label, new)), None):
            raise InputError(
                f"{image}: label {new!r} is spelled {same!r} elsewhere; write it alike, or, where it is another class, "
                "give that a name less like it. Nothing was added."
            )
        known[new] = None


def _same_label(one: str, other: str) -> bool:
    """Whether two labels differ only in case, punctuation, or one letter (or two swapped ones) of each longer word."""
    words, others = ([word for word in re.split(r"[\W_]+", text.casefold()) if word] for text in (one, other))
    if "".join(words) == "".join(others) != "":
        return True
    return len(words) == len(others) > 0 and all(map(_same_word, words, others))


def _same_word(one: str, other: str) -> bool:
    if one == other:
        return True
    if min(len(one), len(other)) <= _SHORT_WORD or re.sub(r"\D", "", one) != re.sub(r"\D", "", other):
        return False
    for _ in ("common beginning", "common end"):
        length = len(commonprefix([one, other]))
        one, other = one[length:][::-1], other[length:][::-1]
    return max(len(one), len(other)) <= 1 or (len(one) == 2 and one == other[::-1])


def _renamed(record: Record, photograph: Fingerprint, vetting: Mapping[str, str]) -> Record:
    """With a name that only these pixels have, so that neither image nor mask meets another one."""
    path = PurePosixPath(record.image)
    stem = f"{path.stem}-{photograph.digest[:12]}"
    return replace(
        record,
        image=f"{FOLDER}/{stem}{path.suffix}",
        mask=record.mask and f"{FOLDER}/masks/{stem}{PurePosixPath(record.mask).suffix}",
        metadata={**record.metadata, **vetting},
    )


def _write(source: Corpus, records: Sequence[Record], corpus: Corpus, manifest: Path) -> None:
    columns, rows = _table(records, manifest)
    lesions = manifest.parent / LESIONS
    before = lesions.read_text(encoding="utf-8") if lesions.is_file() else None
    with contextlib.ExitStack() as undo:
        for old, new in zip(source.records, records, strict=True):
            for come, go in ((old.image, new.image), (old.mask, new.mask)):
                if come:
                    path = corpus.root / go
                    undo.callback(path.unlink, missing_ok=True)
                    with atomic_path(path) as temporary:
                        shutil.copyfile(source.root / come, temporary)
        if any(record.boxes is not None for record in records):
            undo.callback(_restore, lesions, before)
            write_json(lesions, _lesions(records, read_json(lesions) if before else coco(())))
        write_csv(manifest, columns, rows)
        undo.pop_all()


def _restore(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
    else:
        write_text(path, text)


def _table(records: Sequence[Record], manifest: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of the manifest with the new records; what stood there stays as it was."""
    (_, header), *lines = read_table(manifest)
    added = [manifest_row(record) for record in records]
    used = {name for row in added for name, value in row.items() if value not in (None, "")}
    order = [name for name in added[0] if name in used] + sorted(used - set(added[0]))
    columns = list(dict.fromkeys([*header, *order]))
    rows = [row for _, row in lines] + added
    return columns, [{name: row.get(name, "") for name in columns} for row in rows]


def _lesions(records: Sequence[Record], there: Mapping[str, Any]) -> dict[str, Any]:
    """COCO of a corpus with the new records' boxes appended."""
    names = {record.image for record in records}
    stale = {image["id"] for image in there["images"] if image["file_name"] in names}  # Of an addition that was killed.
    images = [image for image in there["images"] if image["id"] not in stale]
    annotations = [item for item in there["annotations"] if item["image_id"] not in stale]
    new = coco(records)
    first_image, first_annotation = (
        max((item["id"] for item in items if isinstance(item.get("id"), int)), default=0)
        for items in (images, annotations)
    )
    category = next((item["id"] for item in there.get("categories", ()) if "id" in item), 1)
    images += [{**item, "id": item["id"] + first_image} for item in new["images"]]
    annotations += [
        {
            **item,
            "id": item["id"] + first_annotation,
            "image_id": item["image_id"] + first_image,
            "category_id": category,
        }
        for item in new["annotations"]
    ]
    return {"categories": new["categories"], **there, "images": images, "annotations": annotations}
