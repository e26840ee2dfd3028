"""Where a spatial transformer looks: at the lesion, everywhere alike, outside the image?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfderm.contract import ImageInput
from tfderm.datasets.corpus import Record
from tfderm.evaluation.scores import LEVEL, REPEATS
from tfderm.metrics import area_corners, bootstrap_sample
from tfderm.metrics.detection import box_iou
from tfderm.pipeline.input_pipeline import scaled_boxes

_LITTLE_SPREAD = 0.02
"""Standard deviation of zoom and of centre, in half images, below which a transformer looks everywhere alike."""


def area_report(transforms: np.ndarray, records: Sequence[Record], target: ImageInput, seed: int = 0) -> dict[str, Any]:
    """What became of the two failures of paper 2, and where there are lesion boxes how well they are found.

    Args:
        transforms: (N, 2, 3), as `tfderm.layers.SpatialTransformer` gives them.
        records: the N photographs.
        target: the model's input.
        seed: of the resamples.

    Returns:
        `zoom` (mean length of the area by that of the image), `zoom_spread` and `shift_spread` (standard deviations
        over the photographs of zoom and of centre, in half images), `outside` (mean share of the area off the image),
        `fixed` (whether it looks everywhere alike). Where photographs have lesion boxes and all of the photograph is
        seen, `lesions`: `num_images`, and with 95 % intervals over resampled patients `iou` (of the area's upright
        rectangle with that round all lesions), `iou_of_centred` (of a rectangle of the same size in the image's middle)
        and their paired `difference`.
    """
    transforms = np.asarray(transforms, np.float64)
    lengths = np.linalg.norm(transforms[:, :, :2], axis=1)
    zoom, centres = np.sqrt(lengths.prod(axis=1)), transforms[:, :, 2]
    rectangles = _rectangles(transforms)
    inside = np.clip(rectangles, -1, 1)
    report = {
        "zoom": float(zoom.mean()),
        "zoom_spread": float(zoom.std()),
        "shift_spread": float(centres.std(axis=0).mean()),
        "outside": float(np.mean(1 - _surface(inside) / np.maximum(_surface(rectangles), 1e-12))),
    }
    report["fixed"] = max(report["zoom_spread"], report["shift_spread"]) < _LITTLE_SPREAD
    rows = [index for index, record in enumerate(records) if record.boxes] if target.crop is None else []
    if not rows:
        return report
    height, width = target.image_size
    lesions = np.stack([_enclosing(scaled_boxes(records[row], target.image_size)[1]) for row in rows])
    scale = np.array([width, height]) / 2
    corner, size = (inside[rows, :2] + 1) * scale, (inside[rows, 2:] - inside[rows, :2]) * scale
    seen = np.concatenate([corner, size], axis=1)
    centred = np.concatenate([scale - size / 2, size], axis=1)
    overlaps = [
        np.array([box_iou(a[None], b[None])[0, 0] for a, b in zip(boxes, lesions, strict=True)])
        for boxes in (seen, centred)
    ]
    groups = [records[row].group or records[row].image for row in rows]
    own, middle = (bootstrap_sample(np.mean, (values,), groups, repeats=REPEATS, seed=seed) for values in overlaps)
    report["lesions"] = {
        "num_images": len(rows),
        "iou": own.interval(LEVEL).to_json(),
        "iou_of_centred": middle.interval(LEVEL).to_json(),
        "difference": (own - middle).interval(LEVEL).to_json(),
    }
    return report


def _rectangles(transforms: np.ndarray) -> np.ndarray:
    """(N, 4) x1, y1, x2, y2 of the upright rectangle round each area, from -1 to 1 over the image."""
    corners = area_corners(transforms)
    return np.concatenate([corners.min(axis=2), corners.max(axis=2)], axis=1)


def area_sentence(result: Mapping[str, Any]) -> str:
    """What `area_report` found, in words; "" for a model without a spatial transformer."""
    report = result.get("area_of_interest")
    if not report:
        return ""
    words = f"The spatial transformer looks at {report['zoom']:.0%} of the photograph's sides in the mean"
    words += (
        ", at nearly the same part of every photograph."
        if report["fixed"]
        else f" (standard deviation {report['zoom_spread']:.0%}; of the centre {report['shift_spread'] / 2:.0%})."
    )
    if report["outside"] > 0.01:
        words += f" {report['outside']:.0%} of what it looks at lies outside the photograph."
    if lesions := report.get("lesions"):
        iou, centred, difference = (lesions[key] for key in ("iou", "iou_of_centred", "difference"))
        words += (
            f" Its area of interest overlaps the lesions' rectangle by an IoU of {iou['value']:.2f}, a centred crop of "
            f"the same size by {centred['value']:.2f}: {difference['value']:+.2f} ({difference['low']:+.2f} to "
            f"{difference['high']:+.2f}) on {lesions['num_images']} photographs."
        )
    return words


def _surface(rectangles: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(rectangles[:, 2:] - rectangles[:, :2], 0), axis=1)


def _enclosing(boxes: np.ndarray) -> np.ndarray:
    """x, y, width, height round all boxes (n, 4) of that form."""
    low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
    return np.concatenate([low, high - low])
