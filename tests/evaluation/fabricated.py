"""A small corpus of flat-coloured photographs and a finished run on it whose model is known to the last weight."""

import csv
import json
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from tfderm import datasets
from tfderm.contract import ImageInput, ModelContract, Output
from tfderm.files import write_csv, write_json
from tfderm.pipeline.splits import write_splits
from tfderm.recipe import Recipe
from tfderm.run import Run

IMAGE_SIZE = (16, 24)
LABELS = ("nv", "bkl", "mel")
SCALE = 40.0


def write_corpus(folder: Path, task: str, *, synthetic: bool = True, prefix: str = "p", patients: int = 30) -> Path:
    """Three images per patient; red grows with the score, or the channel of the class is bright; noise differs."""
    random = np.random.default_rng(5)
    (folder / "images").mkdir(parents=True)
    rows = []
    for patient in range(patients):
        for visit in range(3):
            name = f"images/{prefix}{patient}-{visit}.png"
            pixels = random.integers(0, 90, (*IMAGE_SIZE, 3))
            row = {"image": name, "patient_id": f"{prefix}{patient}", "visit": visit}
            if task == "severity":
                score = int(random.choice([0, 3, 5, 8, 12, 15, 18, 20, 24, 36]))
                pixels[..., 0] = np.clip(score * 5 + random.normal(0, 25), 0, 250)
                pixels[..., 1] = random.integers(0, 250)
                row["severity"] = score
            else:
                label = int(random.choice(3, p=(0.6, 0.25, 0.15)))
                pixels[..., label] = np.clip(110 + random.normal(0, 60), 0, 255)
                row["label"] = LABELS[label]
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
            rows.append(row)
    write_csv(folder / "manifest.csv", list(rows[0]), rows)
    write_json(folder / "dataset.json", {"name": f"fabricated {task}", "synthetic": synthetic, "licence": "CC0"})
    return folder


def severity_model() -> keras.Model:
    """severity = SCALE * mean(red) / 255 - 1; a location map that is mean(red) / 255 per cell."""
    image = keras.Input((*IMAGE_SIZE, 3), dtype="uint8", name="image")
    red = keras.layers.Rescaling(1 / 255)(image)[..., :1]
    severity = keras.layers.Dense(1, kernel_initializer="ones", name="severity")
    mean = keras.layers.GlobalAveragePooling2D()(red)
    location = keras.layers.AveragePooling2D(8, padding="same", name="location_map_8")(red)
    model = keras.Model(image, {"severity": severity(mean), "location_map_8": location})
    severity.set_weights([np.array([[SCALE]]), np.array([-1.0])])
    return model


def class_model() -> keras.Model:
    """probabilities = softmax(8 * mean of each channel / 255)."""
    image = keras.Input((*IMAGE_SIZE, 3), dtype="uint8", name="image")
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(8 / 255)(image))
    return keras.Model(image, {"probabilities": keras.layers.Softmax(name="probabilities")(means)})


def write_run(folder: Path, source: Path, task: str) -> Run:
    """The folder that training leaves, with the model above; the first 18 patients train, 4 validate, 8 test."""
    corpus = datasets.load(str(source))
    severity = task == "severity"
    recipe = Recipe(
        name="fabricated",
        paper="none",
        task=task,
        model="psenet" if severity else "cnd",
        image_size=IMAGE_SIZE,
        labels=() if severity else LABELS,
        claim={"mae": 2.21, "pair_accuracy": 0.7787} if severity else {"accuracy": 0.75, "loss": 0.53},
    )
    outputs = (Output("probabilities", "probabilities", (3,), (0.0, 1.0)),)
    if severity:
        outputs = (
            Output("severity", "severity", (1,), (0.0, 72.0), unit="PASI region score"),
            Output("location_map_8", "location_map", (2, 3, 1), (0.0, 1.0), stride=8),
        )
    folder.mkdir(parents=True)
    contract = ModelContract("fabricated", task, ImageInput(IMAGE_SIZE), outputs, labels=recipe.labels)
    write_json(folder / "contract.json", contract.to_json())
    data = {
        "source": str(source),
        "name": corpus.name,
        "synthetic": corpus.synthetic,
        "licence": corpus.licence,
        "fingerprint": corpus.fingerprint,
        "num_images": len(corpus.records),
        "num_left_out": 1,
    }
    write_json(folder / "environment.json", {"backend": "tensorflow", "versions": {"keras": "3"}, "data": data})
    patients = {record.group: None for record in corpus.records}
    order = {patient: index for index, patient in enumerate(patients)}
    splits = {
        record.image: "train" if order[record.group] < 18 else "validation" if order[record.group] < 22 else "test"
        for record in corpus.records
    }
    write_splits(folder / "splits.csv", corpus.records, splits)
    write_csv(folder / "left_out.csv", ["image", "reason"], [{"image": "images/bad.png", "reason": "unreadable: cut"}])
    metric = "severity_mean_absolute_error" if severity else "accuracy"
    columns = ["epoch", "loss", metric, "val_loss", f"val_{metric}"]
    write_csv(folder / "history.csv", columns, [dict.fromkeys(columns, epoch) for epoch in (1, 2, 3)])
    (severity_model() if severity else class_model()).save(folder / "model.keras")
    write_json(folder / "recipe.json", recipe.to_json())
    return Run(folder)


def held_out_rows(source: Path, run: Run, split: str = "test") -> tuple[list[dict[str, str]], np.ndarray]:
    """Rows of the manifest in a split, and (N, 3) mean colours 0..1 of their images, read without tfderm."""
    with open(source / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if run.splits[row["image"]] == split]
    means = [np.asarray(Image.open(source / row["image"])).mean(axis=(0, 1)) / 255 for row in rows]
    return rows, np.array(means)


def metrics_of(run: Run) -> dict:
    return json.loads((run.path / "metrics.json").read_text(encoding="utf-8"))
