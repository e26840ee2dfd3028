"""MirroredViews and AverageOverViews: the four views, their mean, and what holds for a model between them."""

import keras
import numpy as np

from tfderm import models
from tfderm.layers import AverageOverViews, MirroredViews


def test_four_views_of_the_whole_batch_one_after_the_other():
    images = np.random.default_rng(0).integers(0, 256, (2, 5, 4, 3), np.uint8)
    views = np.asarray(MirroredViews()(images))
    assert views.dtype == np.uint8
    expected = [images, images[:, :, ::-1], images[:, ::-1], images[:, ::-1, ::-1]]
    np.testing.assert_array_equal(views, np.concatenate(expected))


def test_the_mean_is_over_the_views_of_one_image():
    features = np.random.default_rng(1).normal(size=(12, 5)).astype(np.float32)
    means = [features[[image, image + 3, image + 6, image + 9]].mean(axis=0) for image in range(3)]
    np.testing.assert_allclose(AverageOverViews()(features), means, rtol=0, atol=4 * 2**-24 * np.abs(features).max())


def test_one_view_while_training():
    images = np.zeros((2, 5, 4, 3), np.uint8)
    assert MirroredViews()(images, training=True).shape == (2, 5, 4, 3)
    features = np.ones((2, 7), np.float32)
    np.testing.assert_array_equal(AverageOverViews()(features, training=True), features)


def test_cnd_answers_an_image_and_its_mirror_images_alike_only_with_views():
    """The colour histogram averages over cells of 4 pixels, which 32x40 pixels hold without remainder."""
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(2).integers(0, 256, (2, 32, 40, 3), np.uint8)
    for views in (True, False):
        model = models.create_model("cnd", image_size=(32, 40), filters=(8, 16), mirrored_views=views)
        answers = [
            np.asarray(model(mirrored)["probabilities"])
            for mirrored in (images, images[:, :, ::-1], images[:, ::-1], images[:, ::-1, ::-1])
        ]
        spread = np.ptp(answers, axis=0).max()
        assert spread < 1e-6 if views else spread > 1e-4  # float32 sums in another order, or another image


def test_views_do_not_change_what_is_learned():
    images = np.random.default_rng(3).integers(0, 256, (4, 32, 32, 3), np.uint8)
    weights = []
    for views in (True, False):
        keras.utils.set_random_seed(0)
        model = models.create_model("cnd", image_size=(32, 32), filters=(8, 16), mirrored_views=views)
        model.compile("adam", loss="sparse_categorical_crossentropy")
        model.fit(images, {"probabilities": np.array([0, 1, 2, 0])}, batch_size=2, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
