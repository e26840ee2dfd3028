"""The loss of severity components against NumPy, with and without grades."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfderm.losses import ComponentLoss


def loss_and_gradient(y_true, y_pred):
    y_true, y_pred = np.array(y_true, "float32")[:, None], tf.Variable(np.array(y_pred, "float32")[:, None])
    with tf.GradientTape() as tape:
        loss = ComponentLoss()(y_true, y_pred)
    return float(loss), tape.gradient(loss, y_pred).numpy()[:, 0]


def test_mean_absolute_error_of_the_graded_alone():
    random = np.random.default_rng(0)
    y_true, y_pred = random.integers(0, 5, 12).astype(float), random.uniform(-1, 6, 12)
    graded = random.random(12) < 0.5
    y_true[~graded] = -1
    loss, gradient = loss_and_gradient(y_true, y_pred)
    assert 0 < graded.sum() < 12 and 0 in y_true  # A grade of 0 is a grade.
    assert loss == pytest.approx(np.abs(y_true - y_pred)[graded].mean(), rel=1e-6)
    np.testing.assert_allclose(gradient, np.where(graded, np.sign(y_pred - y_true) / graded.sum(), 0), rtol=1e-6)


def test_a_batch_that_nobody_graded_costs_nothing_and_moves_nothing():
    loss, gradient = loss_and_gradient([-1, -1, -1], [0.0, 3.0, -1.0])
    assert loss == 0
    np.testing.assert_array_equal(gradient, 0)


def test_it_survives_serialisation():
    loss = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(ComponentLoss()))
    assert isinstance(loss, ComponentLoss)
