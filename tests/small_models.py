"""Small trained models with made-up images, shared by the tests of export, runtime and tflite. Synthetic."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np

from tfderm.contract import ImageInput, ModelContract
from tfderm.export.bundle import build_bundle
from tfderm.export.convert import convert
from tfderm.export.explanation import explained
from tfderm.export.parity import HeldOut
from tfderm.training.network import described_outputs

LABELS = ("pale", "red", "dark")


def contract_of(model, labels=(), **fields):
    """The contract of a model, from its own shapes."""
    return ModelContract(
        recipe="small",
        task="classification" if labels else "severity",
        image=ImageInput(tuple(model.input.shape[1:3])),
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


@functools.cache
def classifier(image_size=(16, 16)):
    """Convolutions with batch normalisation, trained until its statistics are no longer those of its birth."""
    keras.utils.set_random_seed(0)
    image = keras.Input((*image_size, 3), dtype="uint8", name="image")
    tensor = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="normalization")(image)
    for channels, strides in ((8, 1), (16, 2)):
        tensor = keras.layers.Conv2D(channels, 3, strides, padding="same", use_bias=False)(tensor)
        tensor = keras.layers.BatchNormalization(momentum=0.5)(tensor)
        tensor = keras.layers.ReLU()(tensor)
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


def held_out(images, y_true, lesions=None, batch_size=32):
    """`HeldOut` of arrays; every two images make a group."""
    return HeldOut(
        batches=lambda: ({"image": images[start : start + batch_size]} for start in range(0, len(images), batch_size)),
        y_true=y_true,
        groups=tuple(f"patient {index // 2}" for index in range(len(images))),
        lesions=np.zeros(len(images), bool) if lesions is None else lesions,
        synthetic=True,
    )


def named_images(images):
    return {f"{index}.png": {"image": image} for index, image in enumerate(images)}


@functools.cache
def case(kind):
    """(model, contract, held-out images, calibration images) of "classifier", "explained" (the same with its
    class-activation map), "severity" or "components"."""
    if kind == "explained":
        model, contract, images, calibration = case("classifier")
        return *explained(model, contract), images, calibration
    if kind == "classifier":
        images, labels = colour_images(128, (16, 16), seed=2)
        calibration = named_images(colour_images(32, (16, 16), seed=3)[0])
        return classifier(), contract_of(classifier(), LABELS), held_out(images, labels), calibration
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
