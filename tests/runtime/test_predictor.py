import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from small_models import case, colour_images, exported

from tfderm.cli.predict import _words
from tfderm.contract import Output
from tfderm.errors import InputError
from tfderm.export.uncertainty import with_uncertainty
from tfderm.runtime.predictor import LiteRTModel, Predictor, interpret


def test_predict_resizes_and_equals_keras():
    predictor = Predictor(exported("classifier", "float32").path)
    image = np.repeat(np.repeat(colour_images(1, (16, 16), seed=9)[0][0], 2, axis=0), 3, axis=1)
    pixels = np.asarray(Image.fromarray(image).resize((16, 16), Image.Resampling.BILINEAR))
    expected = case("classifier")[0](pixels[None])["probabilities"].numpy()[0]
    received = predictor.predict(image)
    assert set(received) == {"probabilities"} and received["probabilities"].shape == (3,)
    np.testing.assert_allclose(received["probabilities"], expected, atol=1e-5)


def test_answer_names_the_class():
    predictor = Predictor(exported("classifier", "float32"))
    answer = predictor.answer(np.full((40, 30, 3), (190, 80, 70), np.uint8))
    assert (answer["label"], answer["name"]) == ("red", "Red")
    assert answer["probability"] == max(answer["probabilities"].values()) > 0.5
    assert list(answer["probabilities"]) == ["pale", "red", "dark"]


@pytest.mark.parametrize(("raw", "score", "band"), [(-0.4, 0.0, "mild"), (7.0, 7.0, "medium"), (80.0, 72.0, "severe")])
def test_answer_clips_the_score_but_predict_does_not(raw, score, band):
    contract = exported("severity", "float32").contract
    answer = interpret(contract, {"severity": np.array([raw], np.float32)})
    assert (answer["severity"], answer["band"], answer["unit"]) == (score, band, "PASI region score")


def test_answer_takes_the_interval_from_the_graph_within_the_range():
    interval = {"level": 0.9, "half_widths": {"mild": 1.0, "medium": 2.0, "severe": 6.0}, "limits": [0.0, 72.0]}
    contract = with_uncertainty(exported("severity", "float32").contract, {"interval": interval})
    outputs = {"severity": np.float32([70]), "severity_interval": np.float32([64, 72.001]), "severity_band": np.ones(1)}
    answer = interpret(contract, outputs)
    assert answer["interval"] == [64.0, 72.0] and answer["interval_level"] == 0.9


def test_answer_explains_the_score_by_its_clipped_components():
    contract = exported("components", "float32").contract
    grades = {"erythema": 4.5, "induration": 1.5, "desquamation": -0.2, "area": 3.0}
    outputs = {"severity": np.float32([15]), **{name: np.float32([grade]) for name, grade in grades.items()}}
    answer = interpret(contract, outputs)
    assert answer["components"] == {"erythema": 4.0, "induration": 1.5, "desquamation": 0.0, "area": 3.0}
    assert answer["composed_severity"] == (4.0 + 1.5) * 3
    assert _words(answer).endswith(
        "; erythema 4.0, induration 1.5, desquamation 0.0, area 3.0: together (E + I + D) × A = 16.5"
    )


def test_integer_outputs_are_dequantised(monkeypatch):
    bundle = exported("classifier", "float32")
    model = LiteRTModel(bundle.model_path.read_bytes(), bundle.contract)
    model._details["probabilities"]["quantization"] = (1 / 256, -128)
    model._run = lambda **_: {"probabilities": np.array([[-128, 0, 127]], np.int8)}
    outputs = model(np.zeros((16, 16, 3), np.uint8))
    np.testing.assert_array_equal(outputs["probabilities"], np.float32([0, 0.5, 255 / 256]))


@pytest.mark.parametrize("pixels", [np.zeros((16, 16, 3), np.float32), np.zeros((8, 16, 3), np.uint8)])
def test_wrong_pixels_are_refused(pixels):
    bundle = exported("classifier", "float32")
    with pytest.raises(InputError, match=r"expected uint8 \(16, 16, 3\)"):
        LiteRTModel(bundle.model_path.read_bytes(), bundle.contract)(pixels)


def test_signature_that_differs_from_the_contract_is_refused():
    bundle = exported("classifier", "float32")
    output = dataclasses.replace(bundle.contract.outputs[0], name="diagnosis")
    with pytest.raises(InputError, match="diagnosis"):
        LiteRTModel(bundle.model_path.read_bytes(), dataclasses.replace(bundle.contract, outputs=(output,)))
    with pytest.raises(InputError, match="cannot be loaded"):
        LiteRTModel(b"no model at all", bundle.contract)


def test_outputs_are_bound_by_name_whatever_their_order():
    bundle = exported("severity", "float32")
    details = Interpreter(model_path=str(bundle.model_path)).get_output_details()
    outputs = Predictor(bundle).predict(np.zeros((32, 32, 3), np.uint8))
    assert {name: values.shape for name, values in outputs.items()} == {"severity": (1,), "location_map_4": (8, 8, 1)}
    assert len(details) == 2


def test_prediction_needs_no_tensorflow():
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "import numpy as np\n"
        "from tfderm.runtime.predictor import Predictor\n"
        "import tfderm.runtime.benchmark, tfderm.runtime.replay\n"
        "print(Predictor(sys.argv[1]).answer(np.zeros((20, 20, 3), np.uint8))['label'])\n"
    )
    path = str(exported("classifier", "float32").path)
    result = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() in ("pale", "red", "dark")


def urgencies(probabilities, members, answered, unsuitable=0):
    contract = dataclasses.replace(
        exported("classifier", "float32").contract,
        urgency={"pale": "none", "red": "routine", "dark": "urgent"},
        outputs=(
            Output("probabilities", "probabilities", (3,), (0.0, 1.0)),
            Output("answered", "answered", (1,), (0.0, 1.0)),
            Output("prediction_set", "set", (3,), (0.0, 1.0)),
            Output("unsuitable", "unsuitable", (1,), (0.0, 1.0)),
        ),
        uncertainty={"sets": {"level": 0.9}, "suitability": {"checks": [{"words": "blurred"}]}},
    )
    outputs = {"answered": [answered], "prediction_set": members, "unsuitable": [unsuitable]}
    outputs = {name: np.float32(values) for name, values in (outputs | {"probabilities": probabilities}).items()}
    return interpret(contract, outputs).get("urgency")


def test_urgency_is_that_of_what_is_possible_and_no_doubt_is_reassuring():
    assert urgencies([0.9, 0.05, 0.05], [1, 0, 0], answered=1) == "none"
    assert urgencies([0.5, 0.06, 0.44], [1, 0, 1], answered=0) == "urgent"
    assert urgencies([0.5, 0.3, 0.2], [1, 1, 0], answered=1) == "routine"
    assert urgencies([0.6, 0.3, 0.1], [1, 0, 0], answered=0) is None
    assert urgencies([0.9, 0.05, 0.05], [1, 0, 0], answered=1, unsuitable=1) is None
