"""The class-activation map on its way into a bundle, against Keras and with a model whose map is known."""

import json

import keras
import numpy as np
import pytest
from PIL import Image
from small_models import LABELS, case, colour_images, contract_of, exported, held_out, named_images

from tfderm.cli import main
from tfderm.errors import InputError
from tfderm.export.bundle import build_bundle
from tfderm.export.convert import convert
from tfderm.export.explanation import explained
from tfderm.export.golden import write_golden
from tfderm.export.parity import compare, litert_outputs
from tfderm.export.verify import verify_bundle
from tfderm.models import create_model
from tfderm.models.class_activation import CLASS_ACTIVATION_MAP
from tfderm.recipes import get_recipe
from tfderm.runtime.bundle import load_bundle
from tfderm.runtime.graph import Graph
from tfderm.runtime.overlay import overlay
from tfderm.runtime.predictor import Predictor
from tfderm.runtime.replay import replay_golden
from tfderm.training import train


def test_contract_describes_the_map():
    output = exported("explained", "float32").contract.output("class_activation_map")
    assert (output.shape, output.range, output.stride) == ((8, 8, 1), (0, 1), 2)


@pytest.mark.parametrize("scheme", ["float32", "float16", "dynamic_wi8_afp32", "static_wi8_ai8", "mixed"])
def test_bundle_maps_as_keras_does(scheme):
    bundle = exported("explained", scheme)
    checks = {check["name"]: check["passed"] for check in bundle.parity["checks"]}
    name = "mean abs {} difference" if scheme == "float32" else "{} overlap (IoU at 0.3)"
    assert checks[name.format("class_activation_map")]
    assert all(check["passed"] for check in replay_golden(load_bundle(bundle.path)))
    # By Keras: the kernel's column of the predicted class, on the maps before the average.
    model = case("classifier")[0]
    layer = model.get_layer("probabilities")
    maps = keras.Model(model.input, [model.layers[-3].output, layer.output])
    images = colour_images(32, (16, 16), seed=7)[0]
    features, probabilities = (np.asarray(value) for value in maps(images))
    predictor = Predictor(bundle)
    compared = 0
    for image, feature, probability in zip(images, features, probabilities, strict=True):
        received = predictor.predict(image)
        if received["probabilities"].argmax() == probability.argmax():
            cam = np.maximum(feature @ layer.kernel.numpy()[:, probability.argmax()], 0)
            difference = received["class_activation_map"][..., 0] - cam / cam.max()
            assert np.abs(difference).max() <= (1e-3 if scheme == "float32" else 0.1)
            compared += 1
    assert compared >= 30


def test_all_that_is_left_in_float_is_the_way_from_the_class_to_its_map():
    bundle, plain = exported("explained", "static_wi8_ai8"), exported("classifier", "static_wi8_ai8")
    assert len(bundle.quantization["attempts"]) == 1 and bundle.quantization["int8_macs_share"] > 0.98
    graph = Graph.read(bundle.model_path.read_bytes())
    dtypes = {op.name: graph.tensors[op.outputs[0]].dtype for op in graph.ops}
    assert (dtypes["CONV_2D"], dtypes["MEAN"], dtypes["BATCH_MATMUL"]) == ("int8", "int8", "float32")
    predictors = Predictor(bundle), Predictor(plain)
    image = colour_images(1, (16, 16), seed=7)[0][0]
    # Only the softmax differs, which is in float here: one step of its 8-bit output.
    probabilities, expected = (predictor.predict(image)["probabilities"] for predictor in predictors)
    np.testing.assert_allclose(probabilities, expected, atol=1 / 256)


def broken(change):
    """parity.json of the candidate whose maps were changed, as `scheme`."""
    _, contract, images, _ = case("explained")
    content = exported("explained", "float32").model_path.read_bytes()
    reference = litert_outputs(content, contract, images.batches())
    candidate = {name: values.copy() for name, values in reference.items()}
    change(candidate)
    return {scheme: compare(contract, scheme, reference, candidate, images) for scheme in ("float32", "static_wi8_ai8")}


def test_another_map_fails_parity():
    def mirror(outputs):
        outputs["class_activation_map"] = outputs["class_activation_map"][:, ::-1]

    for parity in broken(mirror).values():
        (check,) = (check for check in parity["checks"] if not check["passed"])
        assert "class_activation_map" in check["name"]


def test_maps_are_compared_where_both_name_the_same_class():
    def other_class(outputs):
        outputs["class_activation_map"][0] = 1 - outputs["class_activation_map"][0]
        outputs["probabilities"][0] = np.roll(outputs["probabilities"][0], 1)

    parity = broken(other_class)["static_wi8_ai8"]
    assert parity["passed"]  # One answer of 128 may differ; its map is another class's.
    assert parity["outputs"]["class_activation_map"]["overlap_images"] == 127
    assert parity["outputs"]["class_activation_map"]["max_difference"] == 0


def test_a_golden_map_is_free_where_a_replay_may_name_another_class(tmp_path):
    twin = keras.models.clone_model(case("classifier")[0])
    twin.set_weights([np.zeros_like(value) for value in twin.get_weights()])  # All classes are equally probable.
    twin, contract = explained(twin, case("classifier")[1])
    write_golden(tmp_path / "golden", convert(twin, contract), contract, "float32")
    entries = json.loads((tmp_path / "golden" / "index.json").read_text())["images"]
    assert {entry["outputs"]["class_activation_map"]["tolerance"] for entry in entries} == {1.05}
    entries = exported("explained", "float32").golden["images"]
    assert {entry["outputs"]["class_activation_map"]["tolerance"] for entry in entries} == {0.05}


def test_a_severity_model_is_explained_by_its_location_maps():
    model, contract, _, _ = case("severity")
    with pytest.raises(InputError, match="without --explain"):
        explained(model, contract)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, coloured):
    settings = ["image_size=(32,48)", "crop=0.8", "model_options.filters=(8,16)", "epochs=3", "pretraining=None"]
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(get_recipe("cnd").with_settings(settings), data=str(coloured), output=folder)
    return folder


def test_cnd_goes_the_whole_way(run_folder, coloured, tmp_path, capsys):
    assert main(["export", str(run_folder)]) == 0
    plain = run_folder / "bundles" / "float32"
    photograph = tmp_path / "photograph.png"
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3)).astype(np.uint8)
    Image.fromarray(noise).save(photograph)
    assert main(["predict", str(plain), str(photograph), "--map", str(tmp_path / "maps")]) == 2
    assert "--explain" in capsys.readouterr().err and not (tmp_path / "maps").exists()

    for scheme in ("float32", "static_wi8_ai8"):
        bundle = run_folder / "bundles" / f"explained-{scheme}"
        assert main(["export", str(run_folder), "--explain", "--scheme", scheme, "-o", str(bundle)]) == 0
        assert main(["verify", str(bundle)]) == 0
        assert "class_activation_map" in capsys.readouterr().out
    assert load_bundle(bundle).contract.output(CLASS_ACTIVATION_MAP).shape == (4, 6, 1)

    assert main(["predict", str(bundle), str(photograph), "--map", str(tmp_path / "maps")]) == 0
    picture = np.asarray(Image.open(tmp_path / "maps" / "photograph.png.png"))
    assert picture.shape == (300, 400, 3)
    np.testing.assert_array_equal(picture[:, :200], noise)
    covered = (picture[:, 200:] != noise).any(axis=2)
    # 0.8 of the largest part of 32:48 in 300x200: 160x106.67 -> 160 wide, 107 high, from row 96 and column 20.
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    assert (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) == (96, 203, 20, 180)

    copy = tmp_path / "other" / "photograph.png"
    copy.parent.mkdir()
    copy.write_bytes(photograph.read_bytes())
    assert main(["predict", str(bundle), str(photograph), str(copy), "--map", str(tmp_path / "maps")]) == 2
    assert "one by one" in capsys.readouterr().err


def test_a_map_where_the_evidence_is_lies_over_it_in_the_picture():
    activation_map = np.zeros((4, 6, 1), np.float32)
    activation_map[1, 4] = 1
    picture = overlay(np.full((40, 60, 3), 100, np.uint8), activation_map).astype(int)
    # Viridis runs from (68, 1, 84) to (253, 231, 37); three fifths of it over grey 100.
    np.testing.assert_allclose(picture[35, 5], 0.6 * np.array([68, 1, 84]) + 40, atol=1)
    brightest = np.unravel_index(picture[..., 1].argmax(), (40, 60))
    assert 10 <= brightest[0] < 20 and 40 <= brightest[1] < 50


def looking_at_the_lower_right():
    """A narrow `stn_vgg` whose affine transform is the lower right third of every photograph."""
    keras.utils.set_random_seed(0)
    options = {"output_size": (32, 48), "localization": "affine", "width": 0.1}
    model = create_model("stn_vgg", image_size=(96, 144), num_classes=3, **options)
    numbers = model.get_layer("spatial_transformer").localization.get_layer("numbers")
    numbers.bias.assign(np.array([-2, 0, 2, 0, -2, 2]) / 3)  # Beyond the identity.
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(colour_images(8, (96, 144), seed=1)[0], training=True)
    return model


def test_behind_a_spatial_transformer_the_map_lies_where_it_looked(tmp_path):
    model, contract = explained(model := looking_at_the_lower_right(), contract_of(model, LABELS))
    images = np.random.default_rng(0).integers(0, 256, (12, 6, 9, 3)).repeat(16, axis=1).repeat(16, axis=2)
    images = images.astype(np.uint8)
    outputs = {name: np.asarray(values) for name, values in model(images, training=False).items()}
    np.testing.assert_allclose(outputs["area_of_interest"], images[:, 64:, 96:], atol=1e-3)
    maps = outputs["class_activation_map"][..., 0]
    height, width = maps.shape[1:]
    assert contract.output("class_activation_map").stride == 96 // height
    rows, columns = np.arange(height) >= 2 * height // 3, np.arange(width) >= 2 * width // 3
    assert maps[:, rows][:, :, columns].max() == pytest.approx(1)
    assert not maps[:, ~rows].any() and not maps[:, :, ~columns].any()
    bundle = build_bundle(
        model,
        contract,
        scheme="static_wi8_ai8",
        output=tmp_path / "bundle",
        held_out=held_out(images, np.arange(12) % 3),
        calibration=named_images(images),
    )
    assert verify_bundle(bundle)["passed"]
