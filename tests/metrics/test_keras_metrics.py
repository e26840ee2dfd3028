"""The Keras metrics equal the NumPy functions, on the TensorFlow and on the JAX backend."""

import importlib.util
import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from tfderm import metrics


def batches(seed, count=3, size=17):
    random = np.random.default_rng(seed)
    for _ in range(count):
        y_true = np.round(random.gamma(2, 5, size))
        yield y_true, np.round(y_true + random.normal(0, 6, size)).astype("float32")


def test_pair_accuracy_of_one_batch_equals_numpy():
    for y_true, y_pred in batches(0):
        metric = metrics.PairAccuracy()
        metric.update_state(y_true[:, None], y_pred[:, None])
        assert float(metric.result()) == pytest.approx(metrics.pair_accuracy(y_true, y_pred), abs=1e-6)


def test_pair_accuracy_pools_the_pairs_of_batches():
    metric = metrics.PairAccuracy()
    correct = pairs = 0
    for y_true, y_pred in batches(1):
        metric.update_state(y_true, y_pred)
        count = np.sum(y_true[:, None] > y_true)
        correct, pairs = correct + metrics.pair_accuracy(y_true, y_pred) * count, pairs + count
    assert float(metric.result()) == pytest.approx(correct / pairs, abs=1e-6)
    metric.reset_state()
    assert math.isnan(float(metric.result()))


def test_pair_accuracy_weights():
    metric = metrics.PairAccuracy()
    # Weights 1, 2, 0: only the pair of the first two counts, and it is reversed.
    metric.update_state([1.0, 2.0, 3.0], [5.0, 4.0, 6.0], sample_weight=[1.0, 2.0, 0.0])
    assert float(metric.result()) == 0


def test_mean_class_recall_equals_numpy_over_batches():
    random = np.random.default_rng(3)
    y_true = random.choice([0, 1, 3], 50)
    probabilities = random.dirichlet(np.ones(4), 50).astype("float32")
    metric = metrics.MeanClassRecall(num_classes=4)
    for rows in np.array_split(np.arange(50), 3):
        metric.update_state(y_true[rows], probabilities[rows])
    expected = metrics.mean_class_recall(y_true, probabilities.argmax(1), 4)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    metric.reset_state()
    metric.update_state(y_true[:, None], probabilities, sample_weight=np.ones(50))
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "metric", [metrics.PairAccuracy(name="pa"), metrics.MeanClassRecall(num_classes=3)], ids=lambda metric: metric.name
)
def test_config_round_trip(metric):
    copy = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(copy) is type(metric)
    assert copy.get_config() == metric.get_config()


def test_metrics_in_a_compiled_fit():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[metrics.PairAccuracy()])
    x = np.arange(16, dtype="float32").reshape(8, 2)
    history = model.fit(x, x.sum(1, keepdims=True), batch_size=4, epochs=1, verbose=0).history
    assert 0 <= history["pair_accuracy"][0] <= 1


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="this is the run under JAX")
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
@pytest.mark.slow
def test_under_jax():
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-m", "pytest", __file__, "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith(".......s")  # All but this test ran.
