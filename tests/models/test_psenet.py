"""PSENet's form: five maps, 45 convolutions, one shared head, and the same outputs after a round trip."""

import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

import tfderm
from tfderm.errors import InputError


def test_full_size_has_the_five_maps_of_the_paper():
    model = tfderm.create_model("psenet")
    assert model.input_shape == (None, 800, 1024, 3) and model.inputs[0].dtype == "uint8"
    shapes = {name: tensor.shape[1:] for name, tensor in model.output.items()}
    assert model.count_params() == 2_738_502
    assert shapes == {
        "severity": (1,),
        "location_map_8": (100, 128, 1),
        "location_map_16": (50, 64, 1),
        "location_map_32": (25, 32, 1),
        "location_map_64": (13, 16, 1),
        "location_map_128": (7, 8, 1),
    }


def test_components_are_added_to_a_network_that_is_the_same_without_them():
    models = {}
    for components in (False, True):
        keras.utils.set_random_seed(0)
        models[components] = tfderm.create_model("psenet", image_size=(64, 80), width=0.125, components=components)
    names = ["severity", *(f"location_map_{stride}" for stride in (8, 16, 32, 64, 128))]
    assert list(models[False].output) == names
    assert models[False].count_params() == 48_478  # As released before there were components.
    added = ["erythema", "induration", "desquamation", "area"]
    assert list(models[True].output) == names + added
    # A pointwise convolution from 32 to 8 channels, and of its averages over five maps four linear units.
    assert models[True].count_params() == 48_478 + (32 * 8 + 8) + 4 * (5 * 8 + 1)
    image = np.random.default_rng(0).integers(0, 256, (2, 64, 80, 3), np.uint8)
    plain, more = (model.predict(image, verbose=0) for model in (models[False], models[True]))
    for name in names:
        np.testing.assert_array_equal(more[name], plain[name])
    assert all(more[name].shape == (2, 1) and more[name].dtype == np.float32 for name in added)


def test_backbone_has_45_convolutions_and_seven_halvings():
    model = tfderm.create_model("psenet", image_size=(128, 128), width=0.125)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 45
    halvings = [layer for layer in convolutions if layer.strides == (2, 2) and not layer.name.endswith("shortcut")]
    assert len(halvings) == 7
    assert sum(layer.name.endswith("shortcut") for layer in convolutions) == 6
    channels = {tensor.shape[-1] for tensor in model.get_layer("score_refine").input}
    assert len(channels) == 1


def test_phone_form_has_the_same_outputs_depthwise_convolutions_and_a_narrow_first_stage():
    plain, phone = (
        tfderm.create_model("psenet", image_size=(128, 128), width=0.125, mobile=mobile) for mobile in (False, True)
    )
    assert {name: tensor.shape for name, tensor in phone.output.items()} == {
        name: tensor.shape for name, tensor in plain.output.items()
    }
    depthwise = [layer.name for layer in phone.layers if isinstance(layer, keras.layers.DepthwiseConv2D)]
    assert depthwise == [f"stage{stage}_block{block}_conv" for stage in (1, 2) for block in (1, 2)]
    # A depthwise kernel has no second channel axis: middle * 9 in place of middle * middle * 9 (middle is 8 here).
    # The branches: 8 to 16 channels by 3x3 and 5x5, 8 to 8 by 3x3; instead kernel and bias per channel, then pointwise.
    backbone = 4 * (9 * 8 * 8 - 9 * 8)
    head = sum(k * k * 8 * f - (k * k * 8 + 8 + 8 * f) for k, f in ((3, 16), (5, 16), (3, 8)))
    # 16 channels less between stages 1 and 2: out of the shortcut and two expansions (each with 4 of normalisation),
    # into the second reduction, and into stage 2's shortcut (to 32) and reduction (to 8).
    narrow = 16 * ((16 + 4) + 2 * (8 + 4) + 8 + 32 + 8)
    assert plain.count_params() - phone.count_params() == backbone + head + narrow


def test_weight_decay_adds_half_its_square_norm_to_the_loss():
    model = tfderm.create_model("psenet", image_size=(128, 128), width=0.125, weight_decay=2e-4)
    kernels = [v for v in model.trainable_variables if v.path.endswith("kernel") and "severity" not in v.path]
    assert len(kernels) == 45 + 9
    expected = sum(1e-4 * np.sum(np.square(np.asarray(kernel, "float64"))) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)


def test_normalisation_is_inside_the_graph():
    from tfderm.models.normalization import image_input, normalize

    image = image_input((1, 1))
    model = keras.Model(image, normalize(image))
    value = model(np.array([[[[0, 128, 255]]]], "uint8"))[0, 0, 0]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(value, (np.array([0, 128, 255]) / 255 - mean) / std, rtol=1e-5)


@pytest.mark.parametrize("name, options", [
    ("psenet", {"image_size": (64, 80), "width": 0.125, "weight_decay": 1e-4, "components": True}),
    ("cnd", {"image_size": (48, 48), "filters": (8, 8)}),
])  # fmt: skip
def test_keras_file_gives_the_same_outputs_in_a_fresh_process(name, options, tmp_path):
    model = tfderm.create_model(name, **options)
    image = np.random.default_rng(0).integers(0, 256, (2, *model.input_shape[1:]), np.uint8)
    expected = {key: np.asarray(value) for key, value in model(image).items()}
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "image.npy", image)
    script = f"""
        import numpy as np
        from tfderm import models
        model = models.load({str(tmp_path / "model.keras")!r})
        outputs = model(np.load({str(tmp_path / "image.npy")!r}))
        np.savez({str(tmp_path / "out.npz")!r}, **{{k: np.asarray(v) for k, v in outputs.items()}})
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, capture_output=True)
    with np.load(tmp_path / "out.npz") as outputs:
        assert set(outputs.files) == set(expected)
        for key, value in expected.items():
            np.testing.assert_array_equal(outputs[key], value)


def test_unknown_names_and_options_are_refused():
    with pytest.raises(InputError, match="No model 'resnet'. There are: .*cnd, .*psenet"):
        tfderm.create_model("resnet")
    with pytest.raises(InputError, match="no option depth"):
        tfderm.create_model("cnd", depth=3)


def test_a_damaged_or_foreign_keras_file_is_refused_by_name(tmp_path):
    from tfderm import models

    path = tmp_path / "model.keras"
    path.write_bytes(b"not a model")
    with pytest.raises(InputError, match="model.keras cannot be loaded by Keras .* another version"):
        models.load(path)

    class Unknown(keras.layers.Layer):
        def call(self, x):
            return x

    image = keras.Input((4, 4, 3))
    keras.Model(image, Unknown()(image)).save(path)
    script = f"from tfderm import models; models.load({str(path)!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "InputError" in done.stderr and "another version" in done.stderr


def test_feature_pyramid_head_scores_the_average_of_each_map_with_shared_weights():
    model = tfderm.create_model("psenet", image_size=(64, 80), width=0.125, head="fp")
    assert list(model.output) == ["severity"]
    averages = keras.Model(model.inputs[0], [model.get_layer(f"average_{s}").output for s in (8, 16, 32, 64, 128)])
    image = np.random.default_rng(0).integers(0, 256, (2, 64, 80, 3), np.uint8)
    kernel, bias = model.get_layer("score").get_weights()
    scores = np.concatenate([np.asarray(average) @ kernel + bias for average in averages(image)], axis=1)
    combine, offset = model.get_layer("severity").get_weights()
    np.testing.assert_allclose(model(image)["severity"], scores @ combine + offset, rtol=1e-5, atol=1e-5)
