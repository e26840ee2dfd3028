import hashlib
import json

import keras
import numpy as np
import pytest
from PIL import Image
from small_models import LABELS, case, contract_of, exported, float_file, held_out, square_images

import tfderm.export.bundle as export_bundle_module
from tfderm.errors import CheckFailed, InputError
from tfderm.export.bundle import build_bundle, export_bundle, replay
from tfderm.export.convert import convert
from tfderm.export.golden import golden_image
from tfderm.export.metadata import pack
from tfderm.export.quantize import SCHEMES
from tfderm.files import sha256
from tfderm.recipe import Recipe
from tfderm.runtime.bundle import load_bundle
from tfderm.runtime.replay import replay_golden

GOLDEN_SHA256 = "901face310bfcad3908b57ceee22efb52254e8e82bd3374cfcd3d098a193e47e"


def arguments(kind, **changes):
    model, contract, images, calibration = case(kind)
    return {"model": model, "contract": contract, "held_out": images, "calibration": calibration, **changes}


def test_bundle_has_every_file_and_the_manifest_their_checksums():
    bundle = exported("classifier", "float32")
    files = {file.relative_to(bundle.path).as_posix() for file in bundle.path.rglob("*") if file.is_file()}
    manifest = json.loads((bundle.path / "manifest.json").read_text())
    assert {"model.tflite", "contract.json", "scheme.json", "parity.json", "MODEL_CARD.md", "golden/index.json"} < files
    assert set(manifest["files"]) == files - {"manifest.json"}
    assert all(sha256(bundle.path / name) == value for name, value in manifest["files"].items())
    assert bundle.contract == case("classifier")[1]
    assert bundle.parity["passed"] and bundle.parity["synthetic"] and bundle.parity["num_images"] == 128


def test_model_card_states_use_data_parity_and_licence():
    card = (exported("classifier", "float32").path / "MODEL_CARD.md").read_text()
    for text in ("Research use only", "synthetic images", "probabilities max abs difference", "Apache-2.0", "(Pale)"):
        assert text in card


def test_wrong_normalisation_is_refused_and_the_older_bundle_stays(tmp_path, monkeypatch):
    model, contract, _, _ = case("classifier")
    output = tmp_path / "bundle"
    build_bundle(scheme="float32", output=output, **arguments("classifier"))
    before = sha256(output / "manifest.json")

    def other_mean(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "offset": -0.9} if layer.name == "normalization" else config)

    twin = keras.models.clone_model(model, clone_function=other_mean)
    twin.set_weights(model.get_weights())
    monkeypatch.setattr(export_bundle_module, "convert", lambda _, contract: convert(twin, contract))
    with pytest.raises(CheckFailed, match="probabilities max abs difference"):
        build_bundle(scheme="float32", output=output, **arguments("classifier"))
    assert sha256(output / "manifest.json") == before
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_quantised_sum_falls_back_to_float_sums_and_says_so():
    bundle = exported("severity", "static_wi8_ai8")
    first, last = bundle.quantization["attempts"][0], bundle.quantization["attempts"][-1]
    assert not first["passed"] and first["float_ops"] == [] and "score difference" in first["failures"]
    assert list(bundle.quantization["worst_ops"].values())[0] > 0
    assert 0.9 < bundle.quantization["int8_macs_share"] <= 1
    assert last["passed"] and last["float_ops"] == bundle.quantization["float_ops"] != []
    assert bundle.scheme == "static_wi8_ai8" and bundle.parity["passed"]


def test_quantised_sum_is_refused_where_no_operator_may_stay_float(tmp_path, monkeypatch):
    monkeypatch.setattr(export_bundle_module, "sensitive_ops", lambda graph: [])
    monkeypatch.setattr(export_bundle_module, "_WORST_SHARES", ())
    output = tmp_path / "bundle"
    with pytest.raises(CheckFailed) as error:
        build_bundle(scheme="static_wi8_ai8", output=output, **arguments("severity"))
    assert "mean abs score difference" in str(error.value) and "Worst operators: " in str(error.value)
    assert "\n" not in str(error.value) and not output.exists()


@pytest.mark.parametrize("scheme", ["float32", "static_wi8_ai8"])
def test_components_travel_in_the_bundle(scheme):
    bundle = load_bundle(exported("components", scheme).path)
    limits = {output.name: output.range for output in bundle.contract.outputs_of_kind("component")}
    assert limits == {"erythema": (0, 4), "induration": (0, 4), "desquamation": (0, 4), "area": (0, 6)}
    checked = [check["name"] for check in bundle.parity["checks"] if check["passed"]]
    assert sum(any(name in check for check in checked) for name in limits) == 4
    assert all(check["passed"] for check in replay_golden(bundle))
    golden = [check["name"] for check in replay_golden(bundle)]
    assert "golden 0.png erythema" in golden


def test_scheme_json_makes_the_same_file_again():
    bundle = exported("severity", "mixed")
    again = replay(float_file("severity"), json.loads((bundle.path / "scheme.json").read_text()))
    assert pack(again, bundle.contract) == bundle.model_path.read_bytes()
    assert bundle.quantization["calibration"]["images"] == [f"{index}.png" for index in range(32)]


@pytest.mark.parametrize("scheme", ["static_wi8_ai8", "mixed"])
def test_static_without_representative_images_is_refused(tmp_path, scheme):
    with pytest.raises(InputError, match="representative images"):
        build_bundle(scheme=scheme, output=tmp_path / "b", **arguments("classifier", calibration={}))
    assert not (tmp_path / "b").exists()


def test_unknown_scheme_is_refused(tmp_path):
    with pytest.raises(InputError, match=", ".join(SCHEMES)):
        build_bundle(scheme="int4", output=tmp_path / "b", **arguments("classifier"))


def test_untrained_run_is_refused(tmp_path):
    recipe = Recipe(name="x", paper="", task="classification", model="cnd", image_size=(16, 16), labels=LABELS)
    (tmp_path / "recipe.json").write_text(json.dumps(recipe.to_json()))
    with pytest.raises(InputError, match="not trained"):
        export_bundle(tmp_path)
    with pytest.raises(InputError, match="not a run"):
        export_bundle(tmp_path / "absent")


def drowned_model():
    """One channel thousands of times the others', and unused: eight bits for the whole map lose what D depends on."""
    keras.utils.set_random_seed(0)
    image = keras.Input((24, 24, 3), dtype="uint8", name="image")
    tensor = keras.layers.Rescaling(1 / 255, name="normalization")(image)
    tensor = keras.layers.Conv2D(8, 3, padding="same", name="wide")(tensor)
    location = keras.layers.Conv2D(1, 1, activation="sigmoid", name="locate")(tensor)
    severity = keras.layers.Dense(1)(keras.layers.GlobalAveragePooling2D()(location))
    model = keras.Model(image, {"severity": severity, "location_map_1": location})
    for layer, channel, factors in (("wide", np.s_[..., 0], (3000, 1)), ("locate", np.s_[..., 0, :], (0, 5))):
        kernel, bias = model.get_layer(layer).get_weights()
        kernel *= factors[1]
        kernel[channel] *= factors[0]
        model.get_layer(layer).set_weights([kernel, bias])
    return model


def drowned(output):
    model = drowned_model()
    images, scores, _, _ = square_images(24, (24, 24), seed=5)
    return build_bundle(
        model,
        contract_of(model),
        scheme="static_wi8_ai8",
        output=output,
        held_out=held_out(images, scores, np.ones(24, bool)),
        calibration={"0.png": {"image": images[0]}, "1.png": {"image": images[1]}},
    )


def test_map_lost_in_eight_bits_is_refused_naming_the_operators(tmp_path):
    with pytest.raises(CheckFailed, match="location_map_1 overlap") as error:
        drowned(tmp_path / "b")
    assert "wide" in str(error.value).partition("Worst operators")[2]
    assert not (tmp_path / "b").exists()


def test_worst_operators_are_left_in_float_until_the_map_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(export_bundle_module, "_WORST_SHARES", (0.1, 1.0))
    bundle = drowned(tmp_path / "b")
    attempts = bundle.quantization["attempts"]
    assert [attempt["passed"] for attempt in attempts] == [False, False, False, True]
    assert any("wide" in name for name in bundle.quantization["float_ops"])
    assert bundle.quantization["int8_macs_share"] == 0 and bundle.parity["passed"]


def test_golden_images_are_the_same_everywhere():
    image = golden_image(1, (24, 18))
    assert image.shape == (24, 18, 3) and image.dtype == np.uint8 and image.std() > 10
    assert hashlib.sha256(image.tobytes()).hexdigest() == GOLDEN_SHA256


def test_golden_images_test_the_resize():
    bundle = load_bundle(exported("classifier", "float32").path)
    assert bundle.golden["synthetic"] is True
    sizes = {Image.open(bundle.path / "golden" / entry["image"]).size for entry in bundle.golden["images"]}
    assert (16, 16) in sizes and len(sizes) > 1
