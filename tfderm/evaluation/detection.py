"""Lesion boxes of a detection run: predicted, judged beside a trivial baseline, and written for those who have none."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfderm import metrics
from tfderm.contract import ModelContract
from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.manifest import LESIONS
from tfderm.datasets.publishers import upright_size
from tfderm.datasets.selection import true_values
from tfderm.errors import InputError
from tfderm.evaluation import coco_files
from tfderm.evaluation.predictions import Predictions
from tfderm.files import read_json, write_json
from tfderm.metrics import bootstrap_interval
from tfderm.run import Run

IOU_THRESHOLD = 0.5
OPERATING_POINT = "operating_point.json"
# Side of a lesion, the root of its share of the image: how small may it be.
SIDES = (0.0, 0.05, 0.1, 0.2, 0.4, 1.0)

Detected = Sequence[tuple[np.ndarray, np.ndarray]]


def predict_boxes(model: Any, corpus: Corpus, records: Sequence[Record], contract: ModelContract) -> Detected:
    """Per record boxes (n, 4) x, y, width, height in pixels of the photograph, and scores (n,), best first.

    Raises:
        InputError: the size of a photograph cannot be read.
    """
    from tfderm.evaluation.evaluate import predict_outputs

    outputs = predict_outputs(model, corpus, records, contract, ("boxes", "scores"))
    detected = []
    for record, boxes, scores in zip(records, outputs["boxes"], outputs["scores"], strict=True):
        height, width = photograph_size(corpus, record)
        rows, columns = contract.image.image_size
        scale = np.array([width / columns, height / rows] * 2)
        present = scores >= 0
        boxes, kept = coco_files.within(boxes[present].astype(np.float64) * scale, (height, width))
        detected.append((boxes, scores[present][kept].astype(np.float64)))
    return detected


def photograph_size(corpus: Corpus, record: Record) -> tuple[int, int]:
    """(height, width) in pixels of the upright photograph. Raises `InputError` where it cannot be read."""
    size = record.image_size or upright_size(corpus.path(record))
    if size is None:
        raise InputError(f"{corpus.path(record)}: not a readable image; see `tfderm data check`.")
    return size


def operating_point(run: Run, model: Any, own: Corpus, validation: Sequence[Record]) -> dict[str, Any]:
    """The confidence from which a box counts, chosen on the run's validation split once, and kept in its folder.

    It is the confidence of largest F1 among those with at least the paper's precision on that split.
    """
    path = run.path / OPERATING_POINT
    if path.is_file():
        return read_json(path)
    judged = judge(predict_boxes(model, own, validation, run.contract), validation, 0.0)
    found = np.concatenate(list(judged))
    scores, hits, num_true = found[:, 0], found[:, 1] >= 0, int(true_values(validation, run.recipe).sum())
    least = float(run.recipe.claim.get("precision", 0.0))
    confidence = metrics.choose_confidence(scores, hits, num_true, least)
    values = {
        "recall": metrics.recall_at(scores, hits, num_true, confidence),
        "precision": metrics.precision_at(scores, hits, confidence),
    }
    point = {
        "confidence": confidence,
        "rule": f"largest F1 on the validation split with precision of at least {least}, at IoU {IOU_THRESHOLD}",
        "validation": {name: None if np.isnan(value) else value for name, value in values.items()},
        "num_images": len(validation),
        "num_lesions": num_true,
    }
    write_json(path, point)
    return point


def judge(detected: Detected, records: Sequence[Record], confidence: float) -> np.ndarray:
    """(N,) object array; per image (n, 3) float64: score, index of the true box it found or -1, counts (0 or 1)."""
    judged = np.empty(len(records), object)
    for index, ((boxes, scores), record) in enumerate(zip(detected, records, strict=True)):
        matched = metrics.match_detections(boxes, scores, record.boxes, IOU_THRESHOLD)
        judged[index] = np.stack([scores, matched, scores >= confidence], axis=1).astype(np.float64).reshape(-1, 3)
    return judged


def median_box(training: Sequence[Record], corpus: Corpus, records: Sequence[Record]) -> Detected:
    """The baseline's answer: in every image one box, the median of the training boxes relative to their images."""
    relative = [
        np.array(box) / np.tile([record.image_size[1], record.image_size[0]], 2)
        for record in training
        for box in record.boxes
    ]
    box = np.median(relative, axis=0) if relative else np.array([0.25, 0.25, 0.5, 0.5])
    answers = []
    for record in records:
        height, width = photograph_size(corpus, record)
        boxes, _ = coco_files.within(box[None] * np.tile([width, height], 2), (height, width))
        answers.append((boxes, np.ones(len(boxes))))
    return answers


def detection_predictions(
    run: Run,
    model: Any,
    own: Corpus,
    of_split: Mapping[str, Sequence[Record]],
    corpus: Corpus,
    records: Sequence[Record],
) -> tuple[Predictions, dict[str, Any]]:
    """What the model and the baseline found in `records`, and what is said of it beside the common metrics.

    Writes `detections.json` (COCO results, all confidences) and `lesions.json` (the true boxes, COCO) into the run.
    """
    point = operating_point(run, model, own, of_split["validation"])
    confidence = point["confidence"]
    detected = predict_boxes(model, corpus, records, run.contract)
    predictions = Predictions(
        task=run.recipe.task,
        images=[record.image for record in records],
        groups=[record.group or record.image for record in records],
        y_true=true_values(records, run.recipe),
        y_pred=judge(detected, records, confidence),
        baselines={"median_box": judge(median_box(of_split["train"], corpus, records), records, confidence)},
        boxes=[boxes for boxes, _ in detected],
    )
    ids = coco_files.image_ids(corpus, records)
    sizes = [photograph_size(corpus, record) for record in records]
    truth = coco_files.dataset(ids, records, sizes, [record.boxes for record in records], "true lesion boxes")
    found = coco_files.results(ids, detected)
    write_json(run.path / LESIONS, truth)
    write_json(run.path / "detections.json", found)
    details = {
        "iou_threshold": IOU_THRESHOLD,
        "operating_point": point,
        "num_lesions": int(predictions.y_true.sum()),
        "pycocotools": coco_files.pycocotools_figures(truth, found),
        "sides": _by_side(predictions, records, run.recipe.seed),
    }
    return predictions, details


def _by_side(p: Predictions, records: Sequence[Record], seed: int) -> list[dict[str, Any]]:
    """Recall at the operating point by the size of the lesion."""
    sides = [
        np.sqrt([box[2] * box[3] / (record.image_size[0] * record.image_size[1]) for box in record.boxes])
        for record in records
    ]

    def recall(counts: np.ndarray) -> float:
        found, there = counts.sum(axis=0)
        return found / there if there else float("nan")

    rows = []
    for low, high in zip(SIDES, SIDES[1:], strict=False):
        inside = [(own >= low) & ((own < high) | (high == SIDES[-1])) for own in sides]
        n = int(sum(own.sum() for own in inside))
        row: dict[str, Any] = {"range": f"{low:.0%} to {high:.0%}", "n": n, "model": None, "baselines": {}}
        if n:
            intervals = {}
            for name, judged in {"model": p.y_pred, **p.baselines}.items():
                hits = [own[(own[:, 2] > 0) & (own[:, 1] >= 0), 1].astype(int) for own in judged]
                counts = np.array([(own[hit].sum(), own.sum()) for own, hit in zip(inside, hits, strict=True)])
                intervals[name] = bootstrap_interval(recall, (counts,), p.groups, seed=seed).to_json()
            row |= {"model": intervals.pop("model"), "baselines": intervals}
        rows.append(row)
    return rows


def detect(
    run: Run | Path | str, *, data: str | None, output: Path | str, split: str | None = None,
    confidence: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Find lesions in photographs that nobody marked; writes `output` and a `lesions.json` beside it.

    Args:
        run: a finished detection run or its folder.
        data: photographs, as `tfderm.datasets.load` takes them; None for the run's own.
        output: COCO results, a list of image_id, category_id, bbox, score, as pycocotools' `loadRes` takes it. In the
            same folder `lesions.json` receives the same boxes as a COCO dataset with file names and the same image
            ids, which a manifest in that folder takes as its lesion boxes.
        split: only this split of the run's own data.
        confidence: from which a box is written; by default the one chosen on the run's validation split.

    Returns:
        {"confidence", "num_images", "num_boxes", "results", "lesions"}, the last two being paths.

    Raises:
        InputError: no detection run, an unreadable photograph, or a `lesions.json` that was not detected is in the way.
    """
    from tfderm import datasets, models
    from tfderm.evaluation.evaluate import choose_records

    run = run if isinstance(run, Run) else Run.open(run)
    if run.recipe.task != "detection":
        raise InputError(f"{run.path} is a {run.recipe.task} run; detect needs one of recipe lesion_detector.")
    if split and data:
        raise InputError("--split belongs to the run's own data; leave out --data or --split.")
    output = Path(output)
    lesions = output.parent / LESIONS
    if output.resolve() == lesions.resolve():
        raise InputError(f"-o {output}: that name is taken by the boxes for manifests; choose another, as boxes.json.")
    coco_files.refuse_to_replace_drawn(lesions)
    model = models.load(run.model_path)
    if confidence is None or data is None:
        own, of_split, *_ = choose_records(run, None, "validation")
    if confidence is None:
        confidence = operating_point(run, model, own, of_split["validation"])["confidence"]
    corpus = datasets.load(data) if data else own
    records = of_split[split] if split else corpus.records
    detected = [
        (boxes[scores >= confidence], scores[scores >= confidence])
        for boxes, scores in predict_boxes(model, corpus, records, run.contract)
    ]
    ids = coco_files.image_ids(corpus, records)
    sizes = [photograph_size(corpus, record) for record in records]
    description = f"{coco_files.DETECTED} ({run.recipe.name}), confidence {confidence:.4g} and above"
    own_boxes = [boxes.tolist() for boxes, _ in detected]
    write_json(lesions, coco_files.dataset(ids, records, sizes, own_boxes, description))
    write_json(output, coco_files.results(ids, detected))
    return {
        "confidence": confidence,
        "num_images": len(records),
        "num_boxes": sum(len(boxes) for boxes in own_boxes),
        "results": str(output),
        "lesions": str(lesions),
    }
