"""Detections as COCO files: what pycocotools' `loadRes` takes, and what a manifest takes as lesion boxes."""

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.manifest import LESIONS
from tfderm.errors import InputError
from tfderm.files import read_json

DETECTED = "Lesion boxes detected by tfderm"
CATEGORY = 1
# Pixels are divided into sixteenths, which binary and decimal numbers both hold exactly: x + width stays in the image.
_STEPS = 16


def image_ids(corpus: Corpus, records: Sequence[Record]) -> list[int]:
    """The COCO id of every photograph: that of the corpus' own `lesions.json`, else its place in the corpus from 1."""
    path = corpus.root / LESIONS
    if path.is_file():
        known = {image["file_name"]: image["id"] for image in read_json(path)["images"]}
        if all(record.image in known for record in records):
            return [known[record.image] for record in records]
    places = {record.image: place for place, record in enumerate(corpus.records, start=1)}
    return [places[record.image] for record in records]


def results(ids: Sequence[int], detected: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    """COCO results: image_id, category_id, bbox [x, y, width, height] in pixels of the photograph, score.

    Args:
        ids: of the images.
        detected: per image boxes (n, 4) and scores (n,).
    """
    return [
        {"image_id": image_id, "category_id": CATEGORY, "bbox": box, "score": round(float(score), 6)}
        for image_id, (boxes, scores) in zip(ids, detected, strict=True)
        for box, score in zip(boxes.tolist(), scores, strict=True)
    ]


def dataset(
    ids: Sequence[int],
    records: Sequence[Record],
    sizes: Sequence[tuple[int, int]],
    boxes: Sequence[Sequence[Sequence[float]]],
    description: str,
) -> dict[str, Any]:
    """A COCO dataset of one category; a photograph without boxes is listed, as one without lesions."""
    images = [
        {"id": image_id, "file_name": record.image, "height": height, "width": width}
        for image_id, record, (height, width) in zip(ids, records, sizes, strict=True)
    ]
    annotations = [
        {"image_id": image_id, "category_id": CATEGORY, "bbox": list(box), "area": box[2] * box[3], "iscrowd": 0}
        for image_id, own in zip(ids, boxes, strict=True)
        for box in own
    ]
    return {
        "info": {"description": description},
        "images": images,
        "annotations": [{"id": number, **annotation} for number, annotation in enumerate(annotations, start=1)],
        "categories": [{"id": CATEGORY, "name": "lesion"}],
    }


def within(boxes: np.ndarray, image_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 4) x, y, width, height cut to an image of (height, width) pixels, to a sixteenth of a pixel.

    Returns:
        The boxes that are left, and (n,) bool, which those are.
    """
    limit = np.array([image_size[1], image_size[0]], np.float64)
    corners = np.stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    low, high = np.moveaxis(np.clip(np.round(corners * _STEPS) / _STEPS, 0, limit), 1, 0)
    kept = np.all(high > low, axis=1)
    return np.concatenate([low, high - low], axis=1)[kept], kept


def pycocotools_figures(truth: Mapping[str, Any], detections: list[dict[str, Any]]) -> dict[str, float | None]:
    """`ap` (mean over IoU 0.50 to 0.95), `ap50`, `ap75` and `ar` (100 detections per image) by pycocotools.

    None where there is no true box.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if not truth["annotations"]:
        return dict.fromkeys(("ap", "ap50", "ap75", "ar"))
    if not detections:  # loadRes refuses an empty list.
        return dict.fromkeys(("ap", "ap50", "ap75", "ar"), 0.0)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = dict(truth)
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(detections), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    values = {name: float(evaluation.stats[place]) for name, place in (("ap", 0), ("ap50", 1), ("ap75", 2), ("ar", 8))}
    return {name: None if math.isnan(value) else value for name, value in values.items()}


def refuse_to_replace_drawn(path: Path) -> None:
    """Raise `InputError` where `path` holds boxes that `tfderm detect` did not write: somebody drew them."""
    if path.is_file():
        content = read_json(path)
        info = content.get("info", {}) if isinstance(content, dict) else {}
        if not str(info.get("description", "")).startswith(DETECTED):
            raise InputError(f"{path} holds boxes that tfderm did not detect; give -o a file in another folder.")
