"""Published sets as their publishers lay them out, recognised by their tables.

Left out on purpose, because a model that reads them has been told the answer: HAM10000's `dx_type` (how the diagnosis
was made: `follow_up` occurs with naevi alone), PAD-UFES-20's `biopsed` (every cancer was, few naevi were), and of the
ISIC archive what is known with the diagnosis alone (`tfderm.datasets.leaks`).
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from tfderm.datasets.corpus import Box, Corpus, Record
from tfderm.datasets.leaks import AFTER_THE_DIAGNOSIS
from tfderm.datasets.manifest import box_fits, read_table
from tfderm.errors import InputError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
_UNKNOWN = ("", "unknown", "unk", "nan")
_HAM10000_COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
_PAD_UFES_20_COLUMNS = ("patient_id", "lesion_id", "img_id", "diagnostic", "fitspatrick", "region", "gender", "age")
_ISIC_COLUMNS = ("isic_id", "attribution", "copyright_license")
# A mask's specks below this share of the image are drawing slips, not lesions.
_SMALLEST_COMPONENT = 1e-4


def find_publisher(folder: Path) -> Callable[[Path, list[str] | None], Corpus] | None:
    """The reader for a published set that lies in `folder`, or None."""
    for table, columns, reader in (
        ("HAM10000_metadata.csv", _HAM10000_COLUMNS, read_ham10000),
        ("HAM10000_metadata", _HAM10000_COLUMNS, read_ham10000),
        ("metadata.csv", _PAD_UFES_20_COLUMNS, read_pad_ufes_20),
        ("metadata.csv", _ISIC_COLUMNS, read_isic),
    ):
        if (folder / table).is_file() and set(columns) <= set(next(read_table(folder / table))[1]):
            return reader
    return None


def read_ham10000(folder: Path, problems: list[str] | None = None) -> Corpus:
    """HAM10000: `HAM10000_metadata.csv`, images in `images/` or `HAM10000_images_part_1` and `_2`.

    Lesion boxes come from the columns box_left, box_top, box_right, box_bottom (pixels) of a `labels.csv`, where there
    is one. Photographs are grouped by `lesion_id`; the publisher gives no patients.

    Args:
        folder: the publisher's folder.
        problems: where a list is given, bad boxes are named there instead of raised.
    """
    table = folder / "HAM10000_metadata.csv"
    table = table if table.is_file() else folder / "HAM10000_metadata"
    rows = _rows(table)
    files = _files_by_stem(folder, ("images", "HAM10000_images_part_1", "HAM10000_images_part_2"), table.name)
    images = {row["image_id"]: files.get(row["image_id"], f"images/{row['image_id']}.jpg") for row in rows}
    boxes, sizes = _table_boxes(folder, images, problems)
    return Corpus(
        name="HAM10000",
        root=folder,
        licence="CC BY-NC 4.0",
        records=tuple(
            Record(
                image=images[row["image_id"]],
                lesion_id=row["lesion_id"],
                label=row["dx"],
                boxes=boxes.get(row["image_id"]),
                image_size=sizes.get(row["image_id"]),
                metadata=_known({"age": _whole(row["age"]), "sex": row["sex"], "site": row["localization"]}),
            )
            for row in rows
        ),
    )


def read_pad_ufes_20(folder: Path, problems: list[str] | None = None) -> Corpus:
    """PAD-UFES-20: `metadata.csv`, images in `images/` or `imgs_part_1` to `_3`, optionally masks in `masks/`.

    Images are matched by stem, since copies of the set store `img_id`'s .png as .jpg. Each connected part of a mask
    `STEM_mask.png` gives one lesion box. Photographs are grouped by `patient_id`. Beware when feeding metadata to a
    model: `sex`, `fitzpatrick` and nine further columns are empty only where no biopsy was taken.
    """
    rows = _rows(folder / "metadata.csv")
    parts = ("imgs_part_1", "imgs_part_2", "imgs_part_3")
    files = _files_by_stem(folder, ("images", *parts, *(f"images/{part}" for part in parts)), "metadata.csv")
    stems = [Path(row["img_id"]).stem for row in rows]
    masks = {stem: f"masks/{stem}_mask.png" for stem in stems if (folder / "masks" / f"{stem}_mask.png").is_file()}
    with ThreadPoolExecutor() as pool:
        boxes = dict(zip(masks, pool.map(lambda name: mask_boxes(folder / name), masks.values()), strict=True))
    renamed = {"age": "age", "gender": "sex", "region": "site", "fitspatrick": "fitzpatrick"}
    left_out = ("patient_id", "lesion_id", "img_id", "diagnostic", "biopsed", *renamed)
    records = []
    for stem, row in zip(stems, rows, strict=True):
        found, size = boxes.get(stem, (None, None))
        metadata = {new: _whole(row[old]).lower() for old, new in renamed.items()}
        metadata |= {name: _whole(value) for name, value in row.items() if name not in left_out}
        records.append(
            Record(
                image=files.get(stem, f"images/{row['img_id']}"),
                patient_id=row["patient_id"],
                lesion_id=row["lesion_id"],
                label=row["diagnostic"],
                boxes=found,
                image_size=size,
                mask=masks.get(stem),
                metadata=_known(metadata),
            )
        )
    return Corpus(name="PAD-UFES-20", root=folder, records=tuple(records), licence="CC BY 4.0")


def read_isic(folder: Path, problems: list[str] | None = None) -> Corpus:
    """What `isic image download FOLDER` writes: `metadata.csv` beside the images `ISIC_0000000.jpg`.

    The table has the columns in which any of the chosen images has a value. The label is `diagnosis` where there is
    such a column, otherwise the third of the archive's five levels (nevus, melanoma invasive, basal cell carcinoma), or
    the deepest above it. Photographs are grouped by `patient_id`, or by `lesion_id`; one of which the archive knows
    neither stands for itself, and `tfderm data check` tells which look alike.
    """
    rows = _rows(folder / "metadata.csv")
    files = _files_by_stem(folder, ("", "images"), "metadata.csv")
    renamed = {"age_approx": "age", "anatom_site_general": "site", "fitzpatrick_skin_type": "fitzpatrick"}
    left_out = {*_ISIC_COLUMNS, "patient_id", "lesion_id", *AFTER_THE_DIAGNOSIS}
    records = []
    for row in rows:
        levels = [row.get(column, "") for column in ("diagnosis_1", "diagnosis_2", "diagnosis_3", "diagnosis")]
        metadata = {renamed.get(name, name): _whole(value) for name, value in row.items() if name not in left_out}
        records.append(
            Record(
                image=files.get(row["isic_id"], f"{row['isic_id']}.jpg"),
                patient_id=row.get("patient_id") or None,
                lesion_id=row.get("lesion_id") or row["isic_id"],
                label=next((level for level in reversed(levels) if level), None),
                metadata=_known(metadata),
            )
        )
    licences = sorted({row["copyright_license"] for row in rows})
    return Corpus(name="ISIC archive", root=folder, records=tuple(records), licence=", ".join(licences))


def mask_boxes(path: Path) -> tuple[tuple[Box, ...], tuple[int, int]]:
    """Boxes x, y, width, height of a mask's connected parts (white = lesion), largest first, and its (height, width).

    Raises:
        InputError: the mask cannot be read.
    """
    import cv2

    from tfderm.runtime.preprocess import decode

    mask = (decode(path)[..., 0] > 127).astype("uint8")
    _, _, parts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    parts = parts[1:]
    parts = parts[parts[:, cv2.CC_STAT_AREA] >= _SMALLEST_COMPONENT * mask.size]
    parts = parts[(-parts[:, cv2.CC_STAT_AREA]).argsort(kind="stable")]
    return tuple(tuple(map(float, part[:4])) for part in parts), mask.shape


def upright_size(path: Path) -> tuple[int, int] | None:
    """(height, width) of an image after its EXIF orientation, from the header alone; None where it has none."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            return (width, height) if image.getexif().get(0x0112, 1) >= 5 else (height, width)
    except Exception:  # Pillow's plugins raise many types; `data check` names the file and the reason.
        return None


def _rows(table: Path) -> list[dict[str, str]]:
    rows = [row for line, row in read_table(table) if line]
    if not rows:
        raise InputError(f"{table} lists no images; copy it again from its publisher.")
    return rows


def _files_by_stem(folder: Path, places: Iterable[str], table: str) -> dict[str, str]:
    files = {
        path.stem: (Path(place) / path.name).as_posix()
        for place in places
        if (folder / place).is_dir()
        for path in sorted((folder / place).iterdir())
        if path.suffix.lower() in EXTENSIONS
    }
    if not files:
        raise InputError(f"{folder} holds {table} but no images; unpack them into {folder / 'images'}.")
    return files


def _table_boxes(
    folder: Path, images: Mapping[str, str], problems: list[str] | None
) -> tuple[dict[str, tuple[Box, ...]], dict[str, tuple[int, int]]]:
    table = folder / "labels.csv"
    columns = ("image_id", "box_left", "box_top", "box_right", "box_bottom")
    if not table.is_file() or not set(columns) <= set(next(read_table(table))[1]):
        return {}, {}
    rows = [(line, row) for line, row in read_table(table) if line and row["image_id"] in images and row["box_left"]]
    with ThreadPoolExecutor() as pool:
        sizes = list(pool.map(lambda item: upright_size(folder / images[item[1]["image_id"]]), rows))
    boxes: dict[str, tuple[Box, ...]] = {}
    known: dict[str, tuple[int, int]] = {}
    for (line, row), size in zip(rows, sizes, strict=True):
        if size is None:
            continue
        try:
            left, top, right, bottom = (float(row[name]) for name in columns[1:])
            fits = box_fits((left, top, right - left, bottom - top), size)
        except ValueError:
            fits = False
        if fits:
            boxes[row["image_id"]] = ((left, top, right - left, bottom - top),)
            known[row["image_id"]] = size
            continue
        problem = (
            f"{table}, line {line}: the box leaves its image of {size[1]}x{size[0]} pixels or is empty; correct it."
        )
        if problems is None:
            raise InputError(problem)
        problems.append(problem)
    return boxes, known


def _whole(text: str) -> str:
    """Whole numbers without the decimal point that pandas gives them."""
    return text.removesuffix(".0")


def _known(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value.lower() not in _UNKNOWN}
