"""The manifest: a CSV with one row per photograph, lesion boxes as COCO JSON and `dataset.json` beside it.

Columns: `image` (path relative to the manifest), `patient_id` or `lesion_id` or both, `label` or `severity` or both;
`mask` (without that column: `masks/STEM.png` or `masks/STEM_mask.png` where it exists), and any further column as
metadata (`visit region age sex site erythema induration desquamation area fitzpatrick` have a meaning elsewhere;
`vetted_by vetted_on` are written by `vetted.add` and no input of any model). An empty cell is an unknown value.

`lesions.json` is COCO: boxes [x, y, width, height] in pixels of the upright photograph, whose `file_name` is the
manifest's `image`. A photograph that COCO lists without a box has no lesion; one that it does not list is unmarked.
`dataset.json` may say {"name", "licence", "synthetic": true or false} and, under "withheld", the patients or lesions
whose photographs are in a blind test that was set aside from these.
"""

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from tfderm.clinical.pasi import COMPONENT_LIMITS, composed_severity
from tfderm.datasets.corpus import Box, Corpus, Record
from tfderm.errors import InputError
from tfderm.files import read_json, write_csv, write_json

MANIFEST = "manifest.csv"
LESIONS = "lesions.json"
DATASET = "dataset.json"
MAX_SEVERITY = 72.0
_FIELDS = ("image", "patient_id", "lesion_id", "label", "severity", "mask")


def read_manifest(path: Path | str, problems: list[str] | None = None) -> Corpus:
    """Read a manifest and what lies beside it; no image is opened.

    Args:
        path: the CSV.
        problems: where a list is given, a row or box that cannot be used is left out and named there in one line;
            without it the first one is raised.

    Raises:
        InputError: one line with file, line number and column: a column is missing, there are no rows, an image is
            listed twice or lies outside the manifest's folder, neither patient nor lesion is known, a severity is no
            number, outside 0..72 or unlike (E + I + D) * A, a box leaves its image.
    """
    path = Path(path)
    found: list[str] = []
    boxes, sizes = _read_lesions(path.parent / LESIONS, found)
    masks = {mask.stem.removesuffix("_mask"): f"masks/{mask.name}" for mask in path.parent.glob("masks/*.png")}
    records: list[Record] = []
    lines: dict[str, int] = {}
    for line, row in read_table(path):
        if line == 0:
            _check_columns(path, row)
            continue
        try:
            record = _record(row, f"{path}, line {line}", boxes, sizes, masks)
            if record.image in lines:
                raise InputError(
                    f"{path}, line {line}, column image: {record.image} is already listed in line "
                    f"{lines[record.image]}; keep one row per image."
                )
        except InputError as error:
            found.append(str(error))
        else:
            lines[record.image] = line
            records.append(record)
    if not records and not found:
        raise InputError(f"{path} lists no images; add one row per photograph below the header.")
    if boxes and records and not any(name in lines or (path.parent / name).is_file() for name in boxes):
        found.append(
            f"{path.parent / LESIONS}: no `file_name` is an image of the manifest (for instance {next(iter(boxes))}); "
            "write them as the manifest's column image does."
        )
    if found and (problems is None or not records):
        raise InputError(found[0])
    if problems is not None:
        problems += found
    return Corpus(root=path.parent, records=tuple(records), **_description(path))


def write_manifest(folder: Path | str, corpus: Corpus) -> Path:
    """Write `manifest.csv`, `lesions.json` (where boxes are known) and `dataset.json`; images are not copied.

    Returns:
        The path of the manifest.
    """
    folder = Path(folder)
    extra = sorted({name for record in corpus.records for name in record.metadata})
    rows = [manifest_row(record) for record in corpus.records]
    optional = [name for name in _FIELDS[2:] if any(row[name] not in (None, "") for row in rows)]
    columns = [*_FIELDS[:2], *optional, *extra]
    write_csv(folder / MANIFEST, columns, ({name: row.get(name) for name in columns} for row in rows))
    if any(record.boxes is not None for record in corpus.records):
        write_json(folder / LESIONS, coco(corpus.records))
    description = {"name": corpus.name, "licence": corpus.licence, "synthetic": corpus.synthetic}
    write_json(folder / DATASET, description)
    return folder / MANIFEST


def manifest_row(record: Record) -> dict[str, str | None]:
    """Cells of a record by column."""
    fields = {name: getattr(record, name) for name in _FIELDS}
    return {**fields, **record.metadata, "severity": _number(record.severity)}


def coco(records: Sequence[Record]) -> dict[str, Any]:
    """Lesion boxes as a COCO detection dictionary of one category; records without `boxes` are not listed."""
    images, annotations = [], []
    for record in records:
        if record.boxes is None or record.image_size is None:
            continue
        height, width = record.image_size
        images.append({"id": len(images) + 1, "file_name": record.image, "height": height, "width": width})
        for box in record.boxes:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": len(images),
                    "category_id": 1,
                    "bbox": list(box),
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "lesion"}]}


def read_table(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV with their line numbers, cells stripped; first (0, {column: column}) for the header.

    Raises:
        InputError: the file is absent, not UTF-8, has no header, or a row has more cells than the header.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            columns = [name.strip() for name in reader.fieldnames or ()]
            if not any(columns):
                raise InputError(f"{path} is empty; its first line must name the columns.")
            if len(set(columns)) < len(columns):
                raise InputError(f"{path}, line 1: two columns have the same name; rename one.")
            reader.fieldnames = columns
            yield 0, {name: name for name in columns}
            for row in reader:
                if None in row:
                    raise InputError(
                        f"{path}, line {reader.line_num}: more cells than the header's {len(columns)}; "
                        "quote cells that hold a comma."
                    )
                yield reader.line_num, {name: value.strip() for name, value in row.items()}
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a UTF-8 CSV file ({error}); save it as CSV UTF-8.") from None


def _check_columns(path: Path, columns: Mapping[str, str]) -> None:
    for needed in (("image",), ("patient_id", "lesion_id"), ("label", "severity")):
        if not any(name in columns for name in needed):
            raise InputError(
                f"{path}, line 1: column {' or '.join(needed)} is missing. Received: {', '.join(columns)}."
            )


def _record(
    row: Mapping[str, str],
    where: str,
    boxes: Mapping[str, tuple[Box, ...]],
    sizes: Mapping[str, tuple[int, int]],
    masks: Mapping[str, str],
) -> Record:
    image = _inside(row["image"], f"{where}, column image")
    patient_id, lesion_id = row.get("patient_id") or None, row.get("lesion_id") or None
    if not (patient_id or lesion_id):
        raise InputError(
            f"{where}, column patient_id: empty, and no lesion_id either; give one, splits need to know "
            "which photographs belong together."
        )
    return Record(
        image=image,
        patient_id=patient_id,
        lesion_id=lesion_id,
        label=row.get("label") or None,
        severity=_severity(row, where),
        boxes=boxes.get(image),
        image_size=sizes.get(image),
        mask=_inside(row["mask"], f"{where}, column mask") if row.get("mask") else masks.get(PurePosixPath(image).stem),
        metadata={name: value for name, value in row.items() if name and value and name not in _FIELDS},
    )


def _inside(name: str, where: str) -> str:
    if not name:
        raise InputError(f"{where}: empty; give the path of the photograph relative to the manifest.")
    path = PurePosixPath(name)
    if path.is_absolute() or PureWindowsPath(name).is_absolute() or ".." in path.parts:
        raise InputError(f"{where}: {name} leaves the manifest's folder; give a path relative to it.")
    return str(path)


def _severity(row: Mapping[str, str], where: str) -> float | None:
    if not row.get("severity"):
        return None
    grades = {
        name: _grade(row[name], high, f"{where}, column {name}")
        for name, high in COMPONENT_LIMITS.items()
        if row.get(name)
    }
    severity = _grade(row["severity"], MAX_SEVERITY, f"{where}, column severity")
    if len(grades) == len(COMPONENT_LIMITS):
        expected = composed_severity(grades)
        if abs(severity - expected) > 0.01:
            raise InputError(
                f"{where}, column severity: {row['severity']} is not (erythema + induration + desquamation) * area = "
                f"{expected:g}; correct the row."
            )
    return severity


def _grade(text: str, high: float, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= high:
        raise InputError(f"{where}: must be a number from 0 to {high:g}. Received: {text}")
    return value


def _read_lesions(path: Path, problems: list[str]) -> tuple[dict[str, tuple[Box, ...]], dict[str, tuple[int, int]]]:
    """Boxes and (height, width) by `file_name`; images whose boxes cannot be used are left out and named."""
    if not path.is_file():
        return {}, {}
    content = read_json(path)
    names: dict[Any, str] = {}
    boxes: dict[str, list[Box]] = {}
    sizes: dict[str, tuple[int, int]] = {}
    try:
        for image in content["images"]:
            name = str(PurePosixPath(image["file_name"]))
            names[image["id"]] = name
            boxes[name], sizes[name] = [], (int(image["height"]), int(image["width"]))
        annotations = [(names[item["image_id"]], tuple(map(float, item["bbox"]))) for item in content["annotations"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is not COCO: images need id, file_name, height, width, and annotations image_id, bbox "
            f"({type(error).__name__}: {error})."
        ) from None
    for name, box in annotations:
        height, width = sizes.get(name, (0, 0))
        if len(box) == 4 and box_fits(box, (height, width)):
            boxes.get(name, []).append(box)
        else:
            problems.append(
                f"{path}, {name}: box {list(box)} (x, y, width, height) leaves its image of {width}x{height} pixels "
                "or is empty; correct it."
            )
    return {name: tuple(items) for name, items in boxes.items()}, sizes


def box_fits(box: Box, image_size: tuple[int, int]) -> bool:
    """Whether a box x, y, width, height has an area and lies inside an image of (height, width) pixels."""
    x, y, width, height = box
    return x >= 0 and y >= 0 and width > 0 and height > 0 and x + width <= image_size[1] and y + height <= image_size[0]


def _description(path: Path) -> dict[str, Any]:
    file = path.parent / DATASET
    content = read_json(file) if file.is_file() else {}
    if not isinstance(content, dict) or not isinstance(content.get("synthetic", False), bool):
        raise InputError(f'{file}: expected {{"name": text, "licence": text, "synthetic": true or false}}.')
    name = content.get("name") or (path.resolve().parent.name if path.name == MANIFEST else path.stem)
    licence = content.get("licence") or "unspecified"
    return {"name": str(name), "synthetic": content.get("synthetic", False), "licence": str(licence)}


def withheld(folder: Path) -> set[str]:
    """Patients or lesions of whom nothing may be added to a corpus, because a blind test shows them."""
    file = folder / DATASET
    return set(read_json(file).get("withheld", ())) if file.is_file() else set()


def _number(value: float | None) -> str:
    return "" if value is None else json.dumps(int(value) if value == int(value) else value)
