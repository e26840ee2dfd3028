"""The detector as a whole: names and shapes, learning, saving, and the same loss on another backend."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tfderm import models
from tfderm.metrics import average_precision, match_detections, recall_at
from tfderm.models.faster_rcnn import FasterRCNNTraining, faster_rcnn

SMALL = {"width": 0.125, "anchor_sizes": (8, 16, 32, 48, 64), "proposals_per_level": 64, "num_proposals": 48}


def rendered_images():
    """Two images of 64x64 pale noise with red ellipses, their boxes x, y, width, height, and the mask of padding."""
    rng = np.random.default_rng(0)
    boxes = np.array([[[10, 12, 20, 16], [40, 34, 14, 24]], [[24, 18, 30, 30], [0, 0, 0, 0]]], np.float32)
    images = rng.normal((205, 165, 140), 6, (2, 64, 64, 3))
    y, x = np.mgrid[0:64, 0:64] + 0.5
    for image, own in zip(images, boxes, strict=True):
        for left, top, width, height in own[own[:, 2] > 0]:
            inside = ((x - left - width / 2) / width) ** 2 + ((y - top - height / 2) / height) ** 2 < 0.25
            image[inside] -= (30, 90, 80)
    return np.clip(images, 0, 255).astype(np.uint8), boxes, (boxes[..., 2] > 0).astype(np.float32)


def test_names_shapes_and_pixels_in():
    model = models.create_model("faster_rcnn", image_size=(50, 70), max_detections=9, **SMALL)
    assert model.input.dtype == "uint8" and model.input.shape == (None, 50, 70, 3)
    assert {name: tensor.shape for name, tensor in model.output.items()} == {
        "boxes": (None, 9, 4),
        "scores": (None, 9),
    }
    answer = model.predict_on_batch(np.random.default_rng(0).integers(0, 256, (2, 50, 70, 3), np.uint8))
    padding = answer["scores"] < 0
    assert np.all(answer["scores"][padding] == -1) and np.all(answer["boxes"][padding] == -1)
    x, y, width, height = np.moveaxis(answer["boxes"][~padding], -1, 0)
    assert np.all(x >= 0) and np.all(y >= 0) and np.all(x + width <= 70 + 1e-4) and np.all(y + height <= 50 + 1e-4)
    assert np.all(np.diff(answer["scores"], axis=1) <= 0)


@pytest.mark.slow
def test_it_learns_two_images_by_heart_and_survives_saving(tmp_path):
    keras.utils.set_random_seed(0)
    images, boxes, valid = rendered_images()
    model = faster_rcnn((64, 64), **SMALL)
    training = FasterRCNNTraining(model, seed=0)
    rate = keras.optimizers.schedules.CosineDecay(1e-3, decay_steps=130)
    training.compile(keras.optimizers.Adam(rate), jit_compile=False)
    targets = {"boxes": boxes, "valid": valid}
    training.fit(images, targets, batch_size=2, epochs=130, verbose=0)
    answer = model.predict_on_batch(images)
    scores, hits = [], []
    for index in range(2):
        own = answer["scores"][index] >= 0
        true = boxes[index][valid[index] > 0]
        matched = match_detections(answer["boxes"][index][own], answer["scores"][index][own], true)
        scores, hits = [*scores, *answer["scores"][index][own]], [*hits, *(matched >= 0)]
    assert recall_at(scores, hits, 3, confidence=0.5) == 1
    assert average_precision(scores, hits, 3) > 0.9

    model.save(tmp_path / "model.keras")
    again = models.load(tmp_path / "model.keras").predict_on_batch(images)
    for name in ("boxes", "scores"):
        np.testing.assert_array_equal(again[name], answer[name])


def test_training_shares_every_variable_with_the_detector():
    model = faster_rcnn((64, 64), weight_decay=1e-3, **SMALL)
    training = FasterRCNNTraining(model)
    assert {v.path for v in model.trainable_variables} == {v.path for v in training.trainable_variables}
    # The state of the sampling is one more variable, so that a checkpoint holds it.
    assert len(training.variables) == len(model.variables) + 1
    images, boxes, valid = rendered_images()
    training.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    logs = training.evaluate(images, {"boxes": boxes, "valid": valid}, return_dict=True, verbose=0)
    kernels = [np.asarray(v) for v in model.trainable_variables if v.path.endswith("kernel")]
    decay = sum(0.5e-3 * np.sum(kernel.astype(np.float64) ** 2) for kernel in kernels)
    terms = [logs[f"{name}_loss"] for name in ("rpn_class", "rpn_box", "roi_class", "roi_box")]
    assert logs["loss"] == pytest.approx(sum(terms) + decay, rel=1e-5)


def test_coordinates_stay_in_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = faster_rcnn((64, 64), **SMALL)
    finally:
        keras.config.set_dtype_policy("float32")
    for name, dtype in (("rpn_head", "bfloat16"), ("roi_head", "bfloat16"), ("proposals", "float32"),
                        ("roi_align", "float32"), ("detections", "float32")):  # fmt: skip
        assert model.get_layer(name).compute_dtype == dtype
    assert model.get_layer("rpn_head").shared.compute_dtype == "bfloat16"
    assert {tensor.dtype for tensor in model.output.values()} == {"float32"}
    images, boxes, valid = rendered_images()
    training = FasterRCNNTraining(model)
    training.compile(keras.optimizers.SGD(0.01), jit_compile=False)
    logs = training.train_on_batch(images, {"boxes": boxes, "valid": valid}, return_dict=True)
    assert np.isfinite(list(logs.values())).all()


# 198 anchors and 34 candidates, all of which are sampled: then no loss depends on the backend's random numbers.
def losses_of(model_path, data_path):
    training = FasterRCNNTraining(models.load(model_path), num_samples=64)
    assert len(training.anchors) <= 256
    training.compile("sgd", jit_compile=False)
    with np.load(data_path) as arrays:
        targets = {name: arrays[name] for name in ("boxes", "valid")}
        return training.evaluate(arrays["images"], targets, batch_size=2, return_dict=True, verbose=0)


@pytest.mark.slow
def test_the_loss_is_the_same_on_jax(tmp_path):
    pytest.importorskip("jax")
    keras.utils.set_random_seed(1)
    model = faster_rcnn((24, 32), width=0.125, anchor_sizes=(4, 8, 16, 24, 32), num_proposals=32)
    paths = [str(tmp_path / "model.keras"), str(tmp_path / "data.npz")]
    model.save(paths[0])
    boxes = np.array([[[3, 4, 8, 9], [18, 10, 10, 12]], [[10, 5, 14, 13], [0, 0, 0, 0]]], np.float32)
    images = np.random.default_rng(0).integers(0, 256, (2, 24, 32, 3), np.uint8)
    np.savez(paths[1], images=images, boxes=boxes, valid=(boxes[..., 2] > 0).astype(np.float32))
    script = f"import json, test_faster_rcnn; print(json.dumps(test_faster_rcnn.losses_of(*{paths})))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    theirs, ours = json.loads(done.stdout.splitlines()[-1]), losses_of(*paths)
    assert theirs.keys() == ours.keys() and ours["roi_box_loss"] > 0
    for name, value in ours.items():
        # About twenty layers in float32, each with sums of up to a thousand terms.
        assert theirs[name] == pytest.approx(value, rel=1e-4), name
