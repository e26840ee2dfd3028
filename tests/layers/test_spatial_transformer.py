"""The spatial transformer against reference values, hand-worked cases, and the two ways in which it goes wrong."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfderm.errors import InputError
from tfderm.layers import PlacedOnImage, SpatialTransformer
from tfderm.layers.localization import AttentionTransform, affine_localization, attention_localization
from tfderm.layers.spatial_transformer import affine_grid, grid_sample

# torch 2.13's affine_grid and grid_sample, forward and gradients, float32.
REFERENCE = np.load(Path(__file__).with_name("spatial_transformer_reference.npz"))
EPS = np.finfo(np.float32).eps


def reference(case):
    return {key.split("_", 1)[1]: REFERENCE[key] for key in REFERENCE.files if key.startswith(f"stn{case}_")}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def options(values):
    return {"padding": str(values["padding"]), "align_corners": bool(values["align_corners"])}


def sample(image, transform, size, padding="zeros", align_corners=False):
    return grid_sample(image, affine_grid(transform, size, align_corners), padding, align_corners)


def position_error(values):
    """Pixels by which float32 may miss a place: a few roundings of a position as large as the farthest one sampled."""
    grid = affine_grid(values["theta"].astype("float64"), values["output"].shape[1:3])
    side = max(values["image"].shape[1:3])
    return 4 * EPS * side * max(1.0, float(np.abs(grid).max()))


@pytest.mark.parametrize("case", range(int(REFERENCE["stn_cases"])))
def test_it_gives_the_reference_values_and_gradients(case):
    values = reference(case)
    image, transform = tf.Variable(values["image"]), tf.Variable(values["theta"])
    with tf.GradientTape() as tape:
        output = sample(image, transform, values["output"].shape[1:3], **options(values))
    to_image, to_transform = tape.gradient(output, [image, transform], tf.constant(values["cotangent"]))
    # A place that is missed by so much moves a value by at most that times the steepest slope, and the four weights
    # of a sample, which the gradient of the image is made of, by that along each axis.
    missed = position_error(values)
    steepest = 4 * np.abs(values["image"]).max()
    np.testing.assert_allclose(output, values["output"], rtol=0, atol=missed * steepest)
    samples = np.abs(values["cotangent"]).sum(axis=(1, 2)).max() / np.prod(values["image"].shape[1:3])
    per_pixel = 4 * np.abs(values["cotangent"]).max() * max(1.0, samples)
    np.testing.assert_allclose(to_image, values["grad_image"], rtol=0, atol=4 * missed * per_pixel)
    # The slope itself is a difference of pixels weighted by the place along the other axis.
    side = max(values["image"].shape[1:3]) / 2
    reach = side * np.abs(values["cotangent"]).sum(axis=(1, 2, 3)).max()
    np.testing.assert_allclose(to_transform, values["grad_theta"], rtol=0, atol=missed * steepest * reach)


def test_the_identity_at_the_same_size_is_the_image(rng):
    image = rng.normal(size=(2, 6, 9, 3)).astype("float32")
    transform = np.tile(np.eye(2, 3, dtype="float32"), (2, 1, 1))
    for align_corners in (False, True):
        np.testing.assert_allclose(sample(image, transform, (6, 9), "zeros", align_corners), image, atol=1e-5)


def test_a_translation_by_whole_pixels_moves_the_image_and_shows_nothing_beyond_it(rng):
    image = rng.normal(size=(1, 5, 8, 2)).astype("float32")
    two_right = np.array([[[1, 0, 2 * 2 / 8], [0, 1, 0]]], "float32")
    moved = np.asarray(sample(image, two_right, (5, 8)))
    np.testing.assert_allclose(moved[:, :, :6], image[:, :, 2:], atol=1e-5)
    assert not moved[:, :, 6:].any()
    border = np.asarray(sample(image, two_right, (5, 8), "border"))
    np.testing.assert_allclose(border[:, :, 6:], np.repeat(image[:, :, -1:], 2, axis=2), atol=1e-5)


def localization(kind, image_shape, output_size):
    if kind == "affine":
        return affine_localization(image_shape, output_size)
    return attention_localization(image_shape, output_size, 3)


@pytest.mark.parametrize("kind", ["affine", "attention"])
def test_before_training_it_looks_at_the_whole_image(kind, rng):
    layer = SpatialTransformer((24, 36), localization(kind, (72, 108, 3), (24, 36)))
    found = layer(rng.normal(size=(3, 72, 108, 3)).astype("float32"))
    np.testing.assert_allclose(found["transform"], np.tile(np.eye(2, 3), (3, 1, 1)), atol=1e-6)
    assert found["area_of_interest"].shape == (3, 24, 36, 3)


@pytest.mark.parametrize("kind", ["affine", "attention", "default"])
def test_a_saved_transformer_looks_where_it_did(kind, tmp_path, rng):
    image = keras.Input((40, 60, 3))
    network = None if kind == "default" else localization(kind, (40, 60, 3), (20, 30))
    layer = SpatialTransformer((20, 30), network, padding="border", outside_penalty=2.0)
    model = keras.Model(image, layer(image))
    for variable in model.trainable_variables:
        variable.assign(variable + 0.1 * rng.normal(size=variable.shape).astype("float32"))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    pixels = rng.normal(size=(2, 40, 60, 3)).astype("float32")
    for name, values in model(pixels).items():
        np.testing.assert_array_equal(loaded(pixels)[name], values)
    assert np.abs(model(pixels)["transform"] - np.eye(2, 3)).max() > 0.01
    configs = [{**one.get_config(), "localization": None} for one in (loaded.layers[-1], layer)]
    assert configs[0] == configs[1]


def test_an_attention_to_one_place_gives_the_smallest_box_there_moved_inside():
    scores = np.zeros((2, 10, 20, 3), "float32")
    scores[0, 2, 15, 1] = scores[1, 0, 0, 2] = 30
    boxes = np.asarray(AttentionTransform((0.4, 0.25))(scores))
    # A cell has a length of its own: half of it is 1 / cells of half the image.
    half_y = np.sqrt(0.4**2 + (1 - 0.4**2) / 10**2)
    half_x = np.sqrt(0.25**2 + (1 - 0.25**2) / 20**2)
    np.testing.assert_allclose(boxes[0], [[half_x, 0, 0.55], [0, half_y, -0.5]], atol=1e-5)
    np.testing.assert_allclose(boxes[1], [[half_x, 0, half_x - 1], [0, half_y, half_y - 1]], atol=1e-5)


def test_an_attention_does_not_heed_what_all_classes_share(rng):
    scores = rng.normal(size=(2, 6, 9, 3)).astype("float32")
    shared = 5 * rng.normal(size=(2, 6, 9, 1)).astype("float32")
    layer = AttentionTransform((0.3, 0.3))
    np.testing.assert_allclose(layer(scores + shared), layer(scores), atol=1e-4)


def test_an_attention_never_looks_outside_the_image(rng):
    boxes = np.asarray(AttentionTransform((0.3, 0.3))((3 * rng.normal(size=(200, 6, 9, 3))).astype("float32")))
    half = boxes[:, [0, 1], [0, 1]]
    assert (half >= 0.3).all() and (np.abs(boxes[:, :, 2]) + half <= 1 + 1e-6).all()


class Fixed(keras.layers.Layer):
    """A localisation that gives every image the transforms it is told."""

    def __init__(self, transforms):
        super().__init__()
        self.transforms = np.asarray(transforms, "float32")

    def call(self, image):
        return {"transform": keras.ops.convert_to_tensor(self.transforms)}


def test_it_says_and_penalises_how_far_it_looks_outside():
    """Half of a view that is shifted by the image's width lies outside, by 0 to 1 half images."""
    layer = SpatialTransformer((4, 64), Fixed([[[1, 0, 1], [0, 1, 0]]] * 2), outside_penalty=3.0)
    layer(np.zeros((2, 8, 64, 1), "float32"), training=True)
    figures = {metric.name: float(metric.result()) for metric in layer.metrics}
    assert figures["outside"] == pytest.approx(0.5)
    assert figures["zoom"] == pytest.approx(1.0, abs=1e-6)
    centres = (np.arange(32) + 0.5) / 32  # of the columns outside
    assert float(layer.losses[0]) == pytest.approx(3.0 * np.mean(centres**2) / 2, rel=1e-5)


def test_it_tells_a_transformer_that_looks_everywhere_alike_from_one_that_does_not():
    same = [[[0.5, 0, 0.1], [0, 0.5, 0.2]]] * 2
    other = [[[0.5, 0, 0.4], [0, 0.5, 0.2]], [[1.0, 0, 0.0], [0, 1.0, 0.0]]]
    spread = []
    for transforms in (same, other):
        layer = SpatialTransformer((4, 4), Fixed(transforms))
        layer(np.zeros((2, 8, 8, 1), "float32"), training=True)
        figures = {metric.name: float(metric.result()) for metric in layer.metrics}
        spread.append((figures["zoom_spread"], figures["shift_spread"]))
    assert spread[0] == pytest.approx((0, 0), abs=1e-6)
    assert spread[1] == pytest.approx((0.25, (0.2 + 0.1) / 2), rel=1e-5)


def test_a_padding_that_there_is_not_is_refused():
    with pytest.raises(InputError, match="`padding` must be one of zeros, border"):
        SpatialTransformer((4, 4), padding="reflection")


def test_an_area_laid_back_is_the_image_where_it_was_and_nothing_elsewhere():
    """Of a plane, which bilinear values hold exactly: rotated by 30 degrees, shifted, two thirds as large."""
    y, x = np.mgrid[:40, :60].astype(np.float32)
    image = (1 + 0.02 * x + 0.03 * y)[None, ..., None]
    cosine, sine = 0.6 * np.cos(np.pi / 6), 0.6 * np.sin(np.pi / 6)
    transform = np.float32([[[cosine, -sine, 0.1], [sine, cosine, -0.05]]])
    area = grid_sample(image, affine_grid(transform, (40, 60)))
    placed = np.asarray(PlacedOnImage((40, 60))(area, transform))
    centres = np.stack([(2 * x + 1) / 60 - 1, (2 * y + 1) / 40 - 1, np.ones_like(x)])
    inverse = np.linalg.inv(np.vstack([transform[0], [0, 0, 1]]))[:2]
    seen = np.abs(np.einsum("ij,jhw->ihw", inverse, centres)).max(axis=0)
    inside, outside = seen < 0.95, seen > 1.05
    np.testing.assert_allclose(placed[0, inside], image[0, inside], rtol=1e-5)
    assert inside.any() and outside.any() and not placed[0, outside].any()
    assert not np.asarray(PlacedOnImage((4, 6))(area, np.zeros((1, 2, 3), np.float32))).any()
