"""Class-activation maps against automatic differentiation, in float64 so that only the formula is on trial."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfderm.errors import InputError
from tfderm.models import ARCHITECTURES, create_model
from tfderm.models.class_activation import CLASS_ACTIVATION_MAP, with_class_activation_map

# The layers that give the last maps, where that is not what the layer `average` reads.
LAST_MAPS = {"alexnet": "features_10", "vgg16": "features_28", "vgg19": "features_34"}
# The fully connected layers go over a map of 2x3 here.
SIZES = {"inception_v3": (160, 139), "psenet_classifier": (160, 256), "vgg16": (256, 300)}
QUICK = ("alexnet", "mobilenetv3_large", "resnet18")
SYSTEMS = {
    "cnd": {},
    "cnd upright": {"mirrored_views": False},
    "cnd without histogram": {"colour_histogram": False, "filters": (8, 16, 24)},
    "psenet_classifier": {"width": 0.25},
}
EPSILON = np.finfo(np.float64).eps


@pytest.fixture(autouse=True)
def _float64():
    for dtype in ("float64", "float32"):
        keras.backend.clear_session()
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        if dtype == "float64":
            yield


def random_images(count, size):
    coarse = np.random.default_rng(0).integers(0, 256, (count, 5, 6, 3)).astype(np.float32)
    return tf.image.resize(coarse, size, "bicubic").numpy().clip(0, 255).astype(np.uint8)


def network(name, size, **options):
    """A network with random weights where it would have zeros, and statistics of its own activations."""
    keras.utils.set_random_seed(1)
    model = create_model(name, image_size=size, num_classes=4, **options)
    random = np.random.default_rng(2)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
        for variable in layer.trainable_variables:
            if variable.name in ("bias", "beta") or not np.ptp(variable.numpy()):
                variable.assign(variable.numpy() + 0.3 * random.normal(size=variable.shape))
    model(random_images(4, size), training=True)
    return model


def by_tape(model, maps, logits, images, class_index=None):
    """Equations 1 and 2 of Grad-CAM by automatic differentiation, normalised, with a bound of its rounding error."""
    parts = keras.Model(model.input, [maps, logits])
    with tf.GradientTape() as tape:
        values, scores = parts(images, training=False)
        index = tf.argmax(scores, axis=1) if class_index is None else tf.fill([len(images)], class_index)
        score = tf.gather(scores, tf.cast(index, tf.int32), axis=1, batch_dims=1)
    gradient = tape.gradient(score, values).numpy()
    values, views = values.numpy(), len(values) // len(images)
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    terms = (weights * values).reshape(views, len(images), *values.shape[1:])
    if views > 1:
        terms = np.stack([terms[0], terms[1][:, :, ::-1], terms[2][:, ::-1], terms[3][:, ::-1, ::-1]])
    total = terms.sum(axis=(0, -1))
    cam = np.maximum(total, 0)
    largest = cam.max(axis=(1, 2))
    # Sums of n terms err by at most n epsilon of the sum of magnitudes; the head's sums are of at most 4096 * 49 terms.
    magnitude = np.abs(terms).sum(axis=(0, -1)).max(axis=(1, 2))
    bound = 4096 * 49 * EPSILON * magnitude / np.where(largest > 0, largest, np.inf)
    return (cam / np.where(largest > 0, largest, 1)[:, None, None])[..., None], bound


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in QUICK or name in SYSTEMS else [pytest.mark.slow])
        for name in [*ARCHITECTURES, *SYSTEMS]
    ],
)
def test_map_is_that_of_automatic_differentiation(name):
    system = name.split()[0]
    size = SIZES.get(system, (105, 131))
    model = network(system, size, **SYSTEMS.get(name, {}))
    if system == "cnd":
        maps = model.get_layer(f"conv{len(model.get_layer('averages').input)}b_relu").output
    else:
        maps = model.get_layer(LAST_MAPS[name]).output if name in LAST_MAPS else model.get_layer("average").input
    layer = model.get_layer("probabilities")
    logits = layer.input
    if isinstance(layer, keras.layers.Dense):
        logits = keras.ops.matmul(layer.input, layer.kernel.numpy()) + layer.bias.numpy()
    images = random_images(3, size)
    largest = 0
    for class_index in (None, 2):
        explained = with_class_activation_map(model, class_index)
        outputs = {key: value.numpy() for key, value in explained(images, training=False).items()}
        expected, bound = by_tape(model, maps, logits, images, class_index)
        received = outputs[CLASS_ACTIVATION_MAP]
        assert received.shape == expected.shape == (3, *maps.shape[1:3], 1)
        assert (np.abs(received - expected).max(axis=(1, 2, 3)) <= bound).all(), (received - expected, bound)
        assert bound.max() < 1e-4
        largest = max(largest, expected.max())
    assert largest == 1  # Comparing zeros would show nothing.


def head_of_convolutions(features):
    """VGG's: a padded convolution, pooling, unpadded convolutions, whose answers are averaged."""
    maps = keras.layers.Conv2D(5, 3, padding="same", activation="relu", name="maps")(features)
    tensor = keras.layers.MaxPooling2D(3, 2)(maps)
    tensor = keras.layers.Conv2D(7, (2, 3), strides=2, activation="relu", bias_initializer="normal")(tensor)
    tensor = keras.layers.Dropout(0.5)(tensor)
    tensor = keras.layers.Conv2D(6, 1, activation="relu")(tensor)
    return keras.layers.GlobalAveragePooling2D()(tensor)


def head_of_dense_layers(features):
    """AlexNet's in its first form, with a hard swish, and a branch beside."""
    maps = keras.layers.ReLU(name="maps")(keras.layers.BatchNormalization()(features))
    tensor = keras.layers.AdaptiveAveragePooling2D((7, 3))(maps)
    tensor = keras.layers.Flatten()(tensor)
    tensor = keras.layers.Activation("hard_swish")(keras.layers.Dense(8)(keras.layers.Dropout(0.1)(tensor)))
    wide = keras.layers.ReLU()(keras.layers.Dense(8)(keras.layers.Dense(5, activation="relu")(tensor)))
    return keras.layers.Concatenate()([keras.layers.Add()([wide, tensor]), wide])


@pytest.mark.parametrize("head", [head_of_convolutions, head_of_dense_layers])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_gradient_passes_every_known_layer(head, activation):
    keras.utils.set_random_seed(3)
    image = keras.Input((19, 23, 3), dtype="uint8", name="image")
    features = keras.layers.Conv2D(5, 3, name="features")(keras.layers.Rescaling(1 / 100, offset=-1.0)(image))
    logits = keras.layers.Dense(3, name="logits")(head(features))
    model = keras.Model(image, {"probabilities": keras.layers.Activation(activation, name="probabilities")(logits)})
    images = random_images(8, (19, 23))
    expected, bound = by_tape(model, model.get_layer("maps").output, logits, images)
    received = with_class_activation_map(model)(images)[CLASS_ACTIVATION_MAP].numpy()
    assert np.ptp(expected) == 1  # The largest is 1, and somewhere nothing speaks for the class.
    assert (np.abs(received - expected).max(axis=(1, 2, 3)) <= bound).all() and bound.max() < 1e-4


def test_after_an_average_it_is_the_map_of_zhou_et_al():
    model = network("psenet_classifier", (160, 256), width=0.25)
    images = random_images(6, (160, 256))
    maps = keras.Model(model.input, model.get_layer("average").input)(images).numpy()
    layer = model.get_layer("probabilities")
    chosen = model(images)["probabilities"].numpy().argmax(axis=1)
    assert len(set(chosen)) > 1
    cam = np.maximum(np.einsum("nhwc,cn->nhw", maps, layer.kernel.numpy()[:, chosen]), 0)
    expected = cam / cam.max(axis=(1, 2), keepdims=True)
    received = with_class_activation_map(model)(images)[CLASS_ACTIVATION_MAP].numpy()[..., 0]
    np.testing.assert_allclose(received, expected, atol=1e-12)
    # The evidence adds up to the logit: its mean over the map, before anything is cut off, and the bias.
    logits = np.log(model(images)["probabilities"].numpy())
    evidence = np.einsum("nhwc,ck->nk", maps, layer.kernel.numpy()) / np.prod(maps.shape[1:3]) + layer.bias.numpy()
    np.testing.assert_allclose(evidence - evidence[:, :1], logits - logits[:, :1], atol=1e-10)


def test_mirrored_images_have_mirrored_maps_where_views_are_averaged():
    explained = with_class_activation_map(network("cnd", (105, 131)))
    images = random_images(5, (105, 131))
    upright = explained(images)[CLASS_ACTIVATION_MAP].numpy()
    assert np.abs(upright - upright[:, :, ::-1]).max() > 0.1
    for axis in (1, 2):
        mirrored = explained(np.flip(images, axis))[CLASS_ACTIVATION_MAP].numpy()
        np.testing.assert_allclose(np.flip(mirrored, axis), upright, atol=1e-10)


def test_where_nothing_speaks_for_the_class_the_map_is_zero():
    model = network("psenet_classifier", (160, 256), width=0.25)
    layer = model.get_layer("probabilities")
    layer.kernel.assign(-np.abs(layer.kernel.numpy()))
    received = with_class_activation_map(model)(random_images(2, (160, 256)))[CLASS_ACTIVATION_MAP].numpy()
    assert not received.any()


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.GlobalMaxPooling2D(name="odd"),
        keras.layers.LayerNormalization(name="odd"),
        keras.layers.Dense(4, activation="tanh", name="odd"),
    ],
)
def test_a_head_with_an_unknown_layer_is_refused_by_its_name(layer):
    image = keras.Input((16, 16, 3), dtype="uint8", name="image")
    maps = keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(image))
    average = keras.layers.GlobalAveragePooling2D()(maps)
    tensor = layer(maps if isinstance(layer, keras.layers.GlobalMaxPooling2D) else average)
    logits = keras.layers.Dense(2)(keras.layers.Concatenate()([average, tensor]))
    model = keras.Model(image, {"probabilities": keras.layers.Softmax(name="probabilities")(logits)})
    with pytest.raises(InputError, match="'odd'"):
        with_class_activation_map(model)


def test_an_absent_class_is_refused():
    with pytest.raises(InputError, match="0 to 3"):
        with_class_activation_map(network("cnd", (64, 64)), class_index=4)
