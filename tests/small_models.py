"""Small trained models with made-up images, shared by the tests of export, runtime and tflite. Synthetic."""

import atexit
import dataclasses
import functools
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np

from tfderm.contract import ImageInput, MetadataColumn, ModelContract
from tfderm.export.bundle import build_bundle
from tfderm.export.convert import convert
from tfderm.export.explanation import explained
from tfderm.export.parity import HeldOut
from tfderm.layers import MetadataEncoding, MetadataGate
from tfderm.models.normalization import image_of
from tfderm.training.network import described_outputs

LABELS = ("pale", "red", "dark")


def contract_of(model, labels=(), **fields):
    """The contract of a model, from its own shapes."""
    return ModelContract(
        recipe="small",
        task="classification" if labels else "severity",
        image=ImageInput(tuple(image_of(model).shape[1:3])),
        outputs=described_outputs(model),
        labels=labels,
        label_names={label: label.title() for label in labels},
        licence="Apache-2.0",
        training={"data": "coloured squares", "synthetic": True, "seed": 0},
    )


def colour_images(count, image_size, seed):
    """Noisy images of three colours and their class: (N, H, W, 3) uint8, (N,) int."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    tones = np.array([[220, 190, 170], [190, 80, 70], [90, 60, 45]])[labels]
    noise = random.integers(-45, 46, (count, *image_size, 3)) + random.integers(-40, 41, (count, 1, 1, 3))
    return np.clip(tones[:, None, None] + noise, 0, 255).astype(np.uint8), labels


def square_images(count, image_size, seed):
    """Pale images with one red square: images, score (growing with area and redness), stride-4 maps, lesion present."""
    random = np.random.default_rng(seed)
    height, width = image_size
    images = np.clip(random.normal((205, 165, 140), 8, (count, height, width, 3)), 0, 255).astype(np.uint8)
    scores = np.zeros(count, dtype=np.float32)
    maps = np.zeros((count, height // 4, width // 4, 1), dtype=np.float32)
    for index in range(count):
        cells, redness = random.integers(0, 6), random.integers(1, 5)
        top, left = random.integers(0, height // 4 - cells + 1), random.integers(0, width // 4 - cells + 1)
        rows, columns = slice(4 * top, 4 * (top + cells)), slice(4 * left, 4 * (left + cells))
        images[index, rows, columns] -= (np.array([2, 20, 20]) * redness).astype(np.uint8)
        maps[index, top : top + cells, left : left + cells] = 1
        scores[index] = 0.6 * redness * cells**2
    return images, scores, maps, scores > 0


def two_convolutions(image):
    """Feature maps (B, height / 2, width / 2, 16)."""
    tensor = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="normalization")(image)
    for channels, strides in ((8, 1), (16, 2)):
        tensor = keras.layers.Conv2D(channels, 3, strides, padding="same", use_bias=False)(tensor)
        tensor = keras.layers.BatchNormalization(momentum=0.5)(tensor)
        tensor = keras.layers.ReLU()(tensor)
    return tensor


@functools.cache
def classifier(image_size=(16, 16)):
    """Convolutions with batch normalisation, trained until its statistics are no longer those of its birth."""
    keras.utils.set_random_seed(0)
    image = keras.Input((*image_size, 3), dtype="uint8", name="image")
    tensor = two_convolutions(image)
    tensor = keras.layers.GlobalAveragePooling2D()(tensor)
    tensor = keras.layers.Dense(3, activation="softmax", name="probabilities")(tensor)
    model = keras.Model(image, {"probabilities": tensor})
    images, labels = colour_images(192, image_size, seed=1)
    losses = {"probabilities": "sparse_categorical_crossentropy"}
    model.compile(keras.optimizers.Adam(1e-2), loss=losses, jit_compile=False)
    model.fit(images, {"probabilities": labels}, batch_size=32, epochs=3, verbose=0)
    return model


@functools.cache
def severity_model(image_size=(32, 32)):
    """PSENet's head on two convolutions: location map D, score map O = F . v, and max, mean, sum of O * D."""
    keras.utils.set_random_seed(0)
    ops = keras.ops
    image = keras.Input((*image_size, 3), dtype="uint8", name="image")
    tensor = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="normalization")(image)
    for channels in (8, 16):
        tensor = keras.layers.Conv2D(channels, 3, 2, padding="same", use_bias=False)(tensor)
        tensor = keras.layers.BatchNormalization(momentum=0.5)(tensor)
        tensor = keras.layers.ReLU()(tensor)
    features = keras.layers.Conv2D(16, 3, padding="same", activation="relu", name="features")(tensor)
    vector = ops.mean(keras.layers.Conv2D(16, 1, name="vector")(tensor), axis=(1, 2), keepdims=True)
    score_map = ops.sum(features * vector, axis=-1, keepdims=True)
    location = keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid", name="location_map_4")(tensor)
    refined = score_map * location
    axes = (1, 2)
    statistics = ops.concatenate([ops.max(refined, axes), ops.mean(refined, axes), ops.sum(refined, axes)], axis=-1)
    severity = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.1), name="severity")(statistics)
    model = keras.Model(image, {"severity": severity, "location_map_4": location})
    images, scores, maps, _ = square_images(256, image_size, seed=1)
    losses = {"severity": "mae", "location_map_4": "binary_crossentropy"}
    model.compile(keras.optimizers.Adam(3e-3), loss=losses, jit_compile=False)
    targets = {"severity": scores[:, None], "location_map_4": maps}
    model.fit(images, targets, batch_size=32, epochs=25, verbose=0)
    return model


@functools.cache
def component_model(image_size=(32, 32)):
    """`severity_model` with a linear unit per component on the average of its features, fitted by least squares.

    Made-up grades: erythema the redness of the square, induration and desquamation parts of it, area its side in cells.
    """
    severity = severity_model(image_size)
    average = keras.layers.GlobalAveragePooling2D()(severity.get_layer("features").output)
    images, scores, maps, _ = square_images(256, image_size, seed=1)
    area = np.sqrt(maps.sum(axis=(1, 2, 3)))
    redness = np.divide(scores, 0.6 * area**2, out=np.zeros_like(scores), where=area > 0)
    grades = {"erythema": redness, "induration": redness / 2, "desquamation": redness / 4, "area": area}
    features = keras.Model(severity.input, average).predict(images, verbose=0)
    design = np.column_stack([features, np.ones(len(features))])
    outputs = dict(severity.output)
    for name, values in grades.items():
        solution = np.linalg.lstsq(design, values, rcond=None)[0]
        layer = keras.layers.Dense(1, name=name)
        outputs[name] = layer(average)
        layer.set_weights([solution[:-1, None], solution[-1:]])
    return keras.Model(severity.input, outputs)


METADATA = (
    MetadataColumn("age", mean=50.0, std=20.0, range=(5.0, 95.0), unit="years"),
    MetadataColumn("site", values=("arm", "back", "leg")),
)


def patients(count, image_size, seed):
    """Inputs by name and classes: the image tells pale skin from the others, which age alone tells apart."""
    random = np.random.default_rng(seed)
    images, colours = colour_images(3 * count + 24, image_size, seed)
    images, colours = images[colours < 2][:count], colours[colours < 2][:count]
    labels = np.where(colours == 0, 0, random.integers(1, 3, count))
    ages = np.where(labels == 1, random.uniform(5, 45, count), random.uniform(55, 95, count)).astype(np.float32)
    metadata = np.stack([ages, random.integers(0, 3, count)], axis=1).astype(np.float32)
    known = (random.random(metadata.shape) < 0.9).astype(np.float32)
    return {"image": images, "metadata": metadata, "metadata_known": known}, labels


@functools.cache
def fused(image_size=(16, 16)):
    """Two convolutions, the last maps weighed by what is known of the patient."""
    keras.utils.set_random_seed(0)
    inputs = {
        "image": keras.Input((*image_size, 3), dtype="uint8", name="image"),
        "metadata": keras.Input((2,), name="metadata"),
        "metadata_known": keras.Input((2,), name="metadata_known"),
    }
    tensor = two_convolutions(inputs["image"])
    columns = [dataclasses.asdict(column) for column in METADATA]
    encoded = MetadataEncoding(columns)(inputs["metadata"], inputs["metadata_known"])
    tensor = keras.layers.GlobalAveragePooling2D()(MetadataGate(16)(tensor, encoded))
    tensor = keras.layers.Dense(3, activation="softmax", name="probabilities")(tensor)
    model = keras.Model(inputs, {"probabilities": tensor})
    training, labels = patients(384, image_size, seed=1)
    losses = {"probabilities": "sparse_categorical_crossentropy"}
    model.compile(keras.optimizers.Adam(1e-2), loss=losses, jit_compile=False)
    model.fit(training, {"probabilities": labels}, batch_size=32, epochs=8, verbose=0)
    return model


def held_out(inputs, y_true, lesions=None, batch_size=32):
    """`HeldOut` of images, or of inputs by name; every two make a group."""
    inputs = inputs if isinstance(inputs, dict) else {"image": inputs}
    count = len(y_true)
    return HeldOut(
        batches=lambda: (
            {name: values[start : start + batch_size] for name, values in inputs.items()}
            for start in range(0, count, batch_size)
        ),
        y_true=y_true,
        groups=tuple(f"patient {index // 2}" for index in range(count)),
        lesions=np.zeros(count, bool) if lesions is None else lesions,
        synthetic=True,
    )


def named_images(images):
    return {f"{index}.png": {"image": image} for index, image in enumerate(images)}


@functools.cache
def case(kind):
    """(model, contract, held-out images, calibration images) of "classifier", "explained" (the same with its
    class-activation map), "fused" (which reads metadata), "severity" or "components"."""
    if kind == "explained":
        model, contract, images, calibration = case("classifier")
        return *explained(model, contract), images, calibration
    if kind == "classifier":
        images, labels = colour_images(128, (16, 16), seed=2)
        calibration = named_images(colour_images(32, (16, 16), seed=3)[0])
        return classifier(), contract_of(classifier(), LABELS), held_out(images, labels), calibration
    if kind == "fused":
        inputs, labels = patients(128, (16, 16), seed=2)
        samples = patients(64, (16, 16), seed=3)[0]
        calibration = {f"{index}.png": {name: values[index] for name, values in samples.items()} for index in range(64)}
        contract = dataclasses.replace(contract_of(fused(), LABELS), metadata=METADATA)
        return fused(), contract, held_out(inputs, labels), calibration
    images, scores, _, lesions = square_images(96, (32, 32), seed=2)
    calibration = named_images(square_images(32, (32, 32), seed=3)[0])
    model = severity_model() if kind == "severity" else component_model()
    return model, contract_of(model), held_out(images, scores, lesions), calibration


@functools.cache
def float_file(kind):
    """The float32 `.tflite` of a case, before metadata."""
    model, contract, _, _ = case(kind)
    return convert(model, contract)


@functools.cache
def exported(kind, scheme):
    """A bundle of a case, made once; copy it before changing anything."""
    model, contract, images, calibration = case(kind)
    folder = Path(tempfile.mkdtemp(prefix="tfderm-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build_bundle(
        model, contract, scheme=scheme, output=folder / scheme, held_out=images, calibration=calibration
    )
