"""Photographs with one red and one green lesion, and a finished run whose detector knows red alone."""

from pathlib import Path

import keras
import numpy as np
from keras import ops
from PIL import Image

from tfderm import datasets
from tfderm.contract import ImageInput, ModelContract, Output
from tfderm.files import write_csv, write_json
from tfderm.pipeline.splits import write_splits
from tfderm.recipe import Recipe
from tfderm.run import Run

# False detections: one in the training split, two in the test split.
UNMARKED_RED = (3, 31, 37)
PHOTOGRAPH, IMAGE_SIZE = (48, 64), (24, 32)


def write_photographs(folder: Path, patients: int = 20, marked: bool = True) -> Path:
    """Two photographs per patient: a red lesion in most, of a brightness of its own, and a green one in every third."""
    rng = np.random.default_rng(3)
    (folder / "images").mkdir(parents=True)
    rows, images, annotations = [], [], []
    for number in range(2 * patients):
        name = f"images/{number:03d}.png"
        pixels = rng.integers(0, 60, (*PHOTOGRAPH, 3)).astype(np.uint8)
        boxes = [2 * np.array([rng.integers(0, 14), rng.integers(0, 8), rng.integers(6, 16), rng.integers(6, 14)])]
        x, y, width, height = boxes[0]
        if number % 5 == 4:
            boxes = []
        else:
            pixels[y : y + height, x : x + width] = (230 + number % 20, 30, 30)
        if number % 3 == 0:
            boxes.append(np.array([50, 34, 12, 12]))
            pixels[34:46, 50:62] = (30, 240, 30)
        if number in UNMARKED_RED:
            boxes = boxes[1:]
        Image.fromarray(pixels).save(folder / name)
        rows.append({"image": name, "patient_id": f"p{number // 2}", "severity": number % 30})
        images.append({"id": 100 + number, "file_name": name, "height": PHOTOGRAPH[0], "width": PHOTOGRAPH[1]})
        for box in boxes:
            annotations.append(
                {"id": len(annotations) + 1, "image_id": 100 + number, "category_id": 1, "bbox": box.tolist(),
                 "area": int(box[2] * box[3]), "iscrowd": 0}
            )  # fmt: skip
    write_csv(folder / "manifest.csv", list(rows[0]), rows)
    write_json(folder / "dataset.json", {"name": "red and green", "synthetic": True, "licence": "CC0"})
    if marked:
        categories = [{"id": 1, "name": "lesion"}]
        write_json(folder / "lesions.json", {"images": images, "annotations": annotations, "categories": categories})
    return folder


def red_detector() -> keras.Model:
    """One box round all red pixels, score its brightness; a second box far too large, at half the score; padding."""
    image = keras.Input((*IMAGE_SIZE, 3), dtype="uint8", name="image")
    red = ops.where(image[..., 1] > 128, 0.0, ops.cast(image[..., 0], "float32"))
    mask = ops.cast(red > 140, "float32")

    def ends(line):
        first = ops.cast(ops.argmax(line, axis=1), "float32")
        last = line.shape[1] - ops.cast(ops.argmax(ops.flip(line, axis=1), axis=1), "float32")
        return first, last - first

    (x, width), (y, height) = ends(ops.max(mask, axis=1)), ends(ops.max(mask, axis=2))
    score = ops.where(ops.max(mask, axis=(1, 2)) > 0, (ops.max(red, axis=(1, 2)) - 200) / 55, -1.0)
    present = ops.reshape(score, (-1, 1)) > 0
    box = ops.where(present, ops.stack([x, y, width, height], axis=1), -1.0)
    whole = ops.where(present, ops.convert_to_tensor([[0.0, 0.0, 32.0, 24.0]]), -1.0)
    boxes = ops.stack([box, whole, box * 0 - 1], axis=1)
    scores = ops.stack([score, ops.where(score > 0, score / 2, -1.0), score * 0 - 1], axis=1)
    return keras.Model(image, {"boxes": boxes, "scores": scores})


def write_detector(folder: Path, source: Path) -> Run:
    """The folder that training leaves; the first half of the patients train, a quarter validates, a quarter tests."""
    corpus = datasets.load(str(source))
    recipe = Recipe(
        name="lesion_detector", paper="none", task="detection", model="faster_rcnn", image_size=IMAGE_SIZE,
        claim={"recall": 0.8167, "precision": 0.9423},
    )  # fmt: skip
    outputs = (Output("boxes", "boxes", (3, 4), (0.0, 32.0), "pixels"), Output("scores", "scores", (3,), (0.0, 1.0)))
    folder.mkdir(parents=True)
    write_json(
        folder / "contract.json", ModelContract(recipe.name, "detection", ImageInput(IMAGE_SIZE), outputs).to_json()
    )
    data = {"source": str(source), "name": corpus.name, "synthetic": True, "licence": "CC0",
            "fingerprint": corpus.fingerprint, "num_images": len(corpus.records), "num_left_out": 0}  # fmt: skip
    write_json(folder / "environment.json", {"backend": "tensorflow", "versions": {}, "data": data})
    half, quarter = len(corpus.records) // 2, len(corpus.records) // 4
    names = ["train"] * half + ["validation"] * quarter + ["test"] * (len(corpus.records) - half - quarter)
    splits = dict(zip([record.image for record in corpus.records], names, strict=True))
    write_splits(folder / "splits.csv", corpus.records, splits)
    write_csv(folder / "left_out.csv", ["image", "reason"], [])
    write_csv(folder / "history.csv", ["epoch", "loss"], [{"epoch": 1, "loss": 1.0}])
    red_detector().save(folder / "model.keras")
    write_json(folder / "recipe.json", recipe.to_json())
    return Run(folder)
