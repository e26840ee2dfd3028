import json
import shutil

import pytest
from small_models import exported

from tfderm.errors import InputError
from tfderm.runtime.bundle import embedded_files, load_bundle, write_manifest
from tfderm.runtime.replay import replay_golden


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(exported("classifier", "float32").path, tmp_path / "bundle")


def change_json(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_copied_bundle_opens(folder):
    bundle = load_bundle(folder)
    assert bundle.scheme == "float32"
    assert bundle.contract.labels == ("pale", "red", "dark")
    assert {"contract.json", "labels.txt", "LICENCE.txt"} == set(embedded_files(bundle.model_path))


@pytest.mark.parametrize("name", ["model.tflite", "contract.json", "golden/index.json", "golden/0.png"])
def test_one_changed_byte_is_found(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(InputError, match=f"{name} was changed after export"):
        load_bundle(folder)


def test_missing_file_is_named(folder):
    (folder / "golden" / "1.png").unlink()
    with pytest.raises(InputError, match="1.png is missing"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bundle_version": 2}, "bundle version 2"),
        ({"files": {}}, "does not list model.tflite"),
        ({"files": None}, "must map names to sha256"),
    ],
)
def test_unreadable_manifest_is_refused(folder, changes, message):
    change_json(folder / "manifest.json", **changes)
    with pytest.raises(InputError, match=message):
        load_bundle(folder)


def test_manifest_that_points_outside_is_refused(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    change_json(folder / "manifest.json", files={**manifest["files"], "../secret": "0"})
    with pytest.raises(InputError, match="outside the bundle"):
        load_bundle(folder)


def test_contract_that_differs_from_the_models_is_refused(folder):
    change_json(folder / "contract.json", labels=["dark", "red", "pale"])
    write_manifest(folder)
    with pytest.raises(InputError, match="carries another contract"):
        load_bundle(folder)


def test_contract_of_a_later_version_is_refused(folder):
    change_json(folder / "contract.json", version=99)
    write_manifest(folder)
    with pytest.raises(InputError, match="contract version 99"):
        load_bundle(folder)


def test_folder_without_a_bundle_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not a bundle"):
        load_bundle(tmp_path)


@pytest.mark.parametrize("kind", ["classifier", "severity"])
@pytest.mark.parametrize("scheme", ["float32", "static_wi8_ai8"])
def test_golden_vectors_replay(kind, scheme):
    checks = replay_golden(exported(kind, scheme), num_threads=2)
    assert len(checks) >= 8 and all(check["passed"] for check in checks)


def test_golden_vectors_of_another_model_do_not_replay(folder):
    shutil.copy(folder / "golden" / "0.probabilities.npy", folder / "golden" / "1.probabilities.npy")
    write_manifest(folder)
    failed = [check["name"] for check in replay_golden(load_bundle(folder)) if not check["passed"]]
    assert failed == ["golden 1.png probabilities"]


def test_damaged_golden_vectors_are_named(folder):
    change_json(folder / "golden" / "index.json", images=[{"image": "0.png"}])
    write_manifest(folder)
    with pytest.raises(InputError, match="damaged golden vectors"):
        replay_golden(load_bundle(folder))
