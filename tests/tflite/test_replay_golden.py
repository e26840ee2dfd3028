import dataclasses
import functools
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from small_models import case, exported

from tfderm.contract import ANSWERS, TASKS, ImageInput, MetadataColumn, ModelContract, Output
from tfderm.runtime import preprocess

CLIENT = Path(__file__).parents[2] / "tflite" / "replay_golden.py"


def replay(folder):
    """Run the client where `import tfderm` fails, as it would on a machine without it."""
    code = (
        "import runpy, sys\n"
        "sys.modules['tfderm'] = None\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    return subprocess.run(
        [sys.executable, "-I", "-c", code, str(CLIENT), str(folder)], capture_output=True, text=True, check=False
    )


@functools.cache
def client():
    """The client as a module."""
    specification = importlib.util.spec_from_file_location("replay_golden_client", CLIENT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["classifier", "explained", "fused", "severity", "components"])
@pytest.mark.parametrize("scheme", ["float32", "static_wi8_ai8"])
def test_client_replays_a_bundle(kind, scheme):
    result = replay(exported(kind, scheme).path)
    assert (result.returncode, result.stdout.strip()) == (0, "every golden vector holds"), result.stderr


def test_client_finds_another_models_file(tmp_path):
    folder = shutil.copytree(exported("severity", "float32").path, tmp_path / "bundle")
    values = np.load(folder / "golden" / "2.severity.npy")
    np.save(folder / "golden" / "2.severity.npy", values + np.float32(0.0012))
    result = replay(folder)
    assert result.returncode == 1
    assert "2.png: severity differs by 0.0012" in result.stderr


def test_client_finds_another_image(tmp_path):
    folder = shutil.copytree(exported("severity", "float32").path, tmp_path / "bundle")
    shutil.copy(folder / "golden" / "0.png", folder / "golden" / "1.png")
    result = replay(folder)
    assert result.returncode == 1 and "1.png: resized pixels differ" in result.stderr


def test_client_reads_the_contract_inside_the_model(tmp_path):
    folder = shutil.copytree(exported("severity", "float32").path, tmp_path / "bundle")
    (folder / "contract.json").write_text("{}")
    result = replay(folder)
    assert result.returncode == 1 and "differs from the contract inside" in result.stderr


def test_client_explains_its_usage(tmp_path):
    result = replay(tmp_path)
    assert result.returncode == 2 and "usage" in result.stderr


sizes = st.integers(1, 40)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, sizes, sizes, st.integers(0, 2**32 - 1))
def test_resize_of_the_specification_is_pillows_to_the_last_integer(height, width, new_height, new_width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    received = client().resize(image, (new_height, new_width))
    one_axis = Image.fromarray(image).resize((new_width, height), Image.Resampling.BILINEAR)
    expected = one_axis.resize((new_width, new_height), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(received, np.asarray(expected))
    np.testing.assert_array_equal(received, preprocess.resize(image, (new_height, new_width)))


def test_schema_lists_exactly_the_fields_of_the_contract():
    schema = json.loads((CLIENT.parent / "contract.schema.json").read_text())
    parts = (
        (schema, ModelContract),
        (schema["properties"]["image"], ImageInput),
        (schema["properties"]["outputs"]["items"], Output),
        (schema["properties"]["metadata"]["items"], MetadataColumn),
    )
    for part, kind in parts:
        names = {field.name for field in dataclasses.fields(kind)}
        assert set(part["properties"]) == set(part["required"]) == names
        assert part["additionalProperties"] is False
    written = case("severity")[1].to_json()
    assert set(written) == set(schema["required"])
    assert schema["properties"]["version"]["const"] == written["version"]
    assert schema["properties"]["image"]["properties"]["resize"]["const"] == written["image"]["resize"]
    outputs = [*written["outputs"], *case("explained")[1].to_json()["outputs"]]
    kinds = schema["properties"]["outputs"]["items"]["properties"]["kind"]["enum"]
    assert {output["kind"] for output in outputs} | set(ANSWERS) <= set(kinds)
    assert set(schema["properties"]["task"]["enum"]) == set(TASKS) - {"detection"}  # Which is not exported.
