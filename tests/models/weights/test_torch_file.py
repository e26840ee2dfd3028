"""`files/*` were written by PyTorch (files/make.py); the values stand there."""

import json
import pickle
import runpy
import shutil
import struct
import tracemalloc
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from tfderm.errors import InputError
from tfderm.models.weights.torch_file import read_state_dict, trained_pixels

FILES = Path(__file__).parent / "files"
BASE = np.arange(24, dtype=np.float32) / 8


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth", "checkpoint.pth"])
def test_views_types_and_wrappings_of_torch_are_read(name):
    tensors = read_state_dict(FILES / name)
    expected = {
        "whole.weight": BASE.reshape(2, 3, 4),
        "part.weight": BASE[6:12],
        "turned.weight": BASE.reshape(4, 6).T,
        "bn.num_batches_tracked": np.array(7, np.int64),
        "empty.weight": np.zeros((0, 3), np.float32),
        "parameter.weight": np.full((2, 2), 0.25, np.float32),
    }
    assert list(tensors) == list(expected)
    for key, value in expected.items():
        assert tensors[key].dtype == value.dtype, key
        np.testing.assert_array_equal(tensors[key], value)


def test_every_number_format_is_read():
    tensors = read_state_dict(FILES / "types.pth")
    types = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float64": np.float64, "int32": np.int32}
    for key, dtype in types.items():
        assert tensors[key].dtype == dtype
        np.testing.assert_array_equal(tensors[key], [0, 1, 3])
    np.testing.assert_array_equal(tensors["bool"], [False, True, True])


@pytest.mark.parametrize("name, asks_for", [("arbitrary.pth", "print"), ("module.pth", "torch.nn.modules.linear")])
def test_a_file_that_asks_for_code_is_refused_and_the_code_does_not_run(name, asks_for, capsys):
    with pytest.raises(InputError, match=f"{name} asks for .*{asks_for}.* nothing but tensors"):
        read_state_dict(FILES / name)
    assert capsys.readouterr().out == ""


def archive(path, pickled, data=b"\0" * 16, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("archive/data.pkl", pickled)
        file.writestr("archive/byteorder", "little")
        file.writestr("archive/data/0", data)
    return path


def pickled(offset, size, stride):
    """A pickle of one tensor as torch writes it: a storage of 4 floats, and whatever place in it is claimed."""

    def text(value):
        return f"V{value}\n".encode()

    def number(value):
        return f"I{value}\n".encode()

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + number(4) + b"tQ"
    place = number(offset) + numbers(size) + numbers(stride) + b"I00\n}"
    return b"}" + text("weight") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + place + b"tRs."


def test_a_tensor_within_its_storage_is_read(tmp_path):
    data = np.arange(4, dtype=np.float32).tobytes()
    path = archive(tmp_path / "good.pth", pickled(1, (3,), (1,)), data)
    np.testing.assert_array_equal(read_state_dict(path)["weight"], [1, 2, 3])


@pytest.mark.parametrize(
    "offset, size, stride",
    [(0, (5,), (1,)), (2, (3,), (1,)), (0, (2, 2), (1, 3)), (-1, (1,), (1,)), (3, (2,), (-1,))],
)
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(offset, size, stride, tmp_path):
    path = archive(tmp_path / "bad.pth", pickled(offset, size, stride))
    with pytest.raises(InputError, match="bad.pth is not a file of PyTorch weights, or is damaged"):
        read_state_dict(path)


ONE = b"V0\nVcpu\nI4\ntQ"
STORAGE = b"(Vstorage\nctorch\nFloatStorage\n" + ONE
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


@pytest.mark.parametrize(
    "content",
    [
        # A view of stride 0 claims any size; a tensor upon it would reach beyond the file's own numbers.
        b"}Va\n" + REBUILD + b"(" + REBUILD + b"(" + STORAGE + b"I0\n(I99\nt(I0\ntI00\n}tRI0\n(I99\nt(I1\ntI00\n}tRs.",
        REBUILD + b"}b.",  # State for a function.
        b"ctorch\nFloatStorage\n}b.",
        b"(Vstorage\nVU1\n" + ONE + b".",  # A kind of storage that is text.
        b"(Vstorage\nctorch\nFloatStorage\nV0\nVcpu\nI3\ntQ.",  # Of 4 numbers, 3 are claimed.
        b"}I7\n" + REBUILD + b"(" + STORAGE + b"I0\n(I4\nt(I1\ntI00\n}tRs.",  # A number for a name.
    ],
)
def test_pickles_that_claim_what_is_not_theirs_are_refused(content, tmp_path):
    with pytest.raises(InputError, match="or is damaged|holds no state dict"):
        read_state_dict(archive(tmp_path / "bad.pth", content))
    assert read_state_dict(archive(tmp_path / "good.pth", pickled(0, (4,), (1,))))["weight"].shape == (4,)


def test_a_huge_index_of_the_memo_takes_no_memory(tmp_path):
    path = archive(tmp_path / "memo.pth", b"}r\xff\xff\xff\x7f.")
    tracemalloc.start()
    with pytest.raises(InputError, match="holds no state dict"):
        read_state_dict(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_compressed_members_are_refused_before_they_are_unpacked(tmp_path):
    path = archive(tmp_path / "bomb.pth", pickled(0, (4,), (1,)), b"\0" * 2**24, zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="is compressed"):
        read_state_dict(path)


@pytest.mark.parametrize("old, new", [(b"\x18" + b"\0" * 7, b"\x01" + b"\0" * 7)])
def test_a_legacy_storage_of_another_size_is_refused(old, new, tmp_path):
    whole = (FILES / "legacy.pth").read_bytes()
    assert whole.count(old) == 1
    (tmp_path / "legacy.pth").write_bytes(whole.replace(old, new))
    with pytest.raises(InputError, match="has another size than its tensors say"):
        read_state_dict(tmp_path / "legacy.pth")


def test_damaged_and_foreign_files_are_named(tmp_path):
    whole = (FILES / "legacy.pth").read_bytes()
    contents = {"cut.pth": whole[:-40], "text.bin": b"hello", "empty.pt": b"", "cut.safetensors": struct.pack("<Q", 99)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} is not a .*, or is damaged"):
            read_state_dict(tmp_path / name)
    archive(tmp_path / "list.pth", pickle.dumps([1, 2], protocol=2))
    with pytest.raises(InputError, match="list.pth holds no state dict; save `model.state_dict\\(\\)`"):
        read_state_dict(tmp_path / "list.pth")


def test_safetensors_are_read(tmp_path):
    tensors = {"a.weight": BASE.reshape(4, 6), "a.bias": np.arange(3, dtype=np.float16)}
    save_file(tensors, tmp_path / "some.safetensors")
    read = read_state_dict(tmp_path / "some.safetensors")
    for key, value in tensors.items():
        assert read[key].dtype == value.dtype
        np.testing.assert_array_equal(read[key], value)


def test_pixels_are_those_of_the_description_beside_the_file(tmp_path):
    path = tmp_path / "model.safetensors"
    assert trained_pixels(path) is None
    config = {"architecture": "resnet18", "pretrained_cfg": {"mean": [0.5, 0.25, 0], "std": [1, 0.5, 0.5]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert trained_pixels(path) == ((0.5, 0.25, 0.0), (1.0, 0.5, 0.5))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "something else"}))
    assert trained_pixels(path) is None
    for mean, std in (([0.5] * 3, [0, 1, 1]), ([0.5] * 3, [1]), ([], []), ([0.5] * 4, [1] * 4), ([1e999] * 3, [1] * 3)):
        (tmp_path / "config.json").write_text(json.dumps({"pretrained_cfg": {"mean": mean, "std": std}}))
        with pytest.raises(InputError, match="config.json: pretrained_cfg must have a mean and a std above 0"):
            trained_pixels(path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="config.json is not timm's description of a model"):
        trained_pixels(path)


@pytest.mark.torch
def test_what_torch_writes_here_is_read_as_torch_reads_it(tmp_path):
    torch = pytest.importorskip("torch")
    shutil.copy(FILES / "make.py", tmp_path)
    runpy.run_path(str(tmp_path / "make.py"))
    for name in ("zip.pth", "legacy.pth", "types.pth"):
        expected = torch.load(tmp_path / name, weights_only=True)
        read = read_state_dict(tmp_path / name)
        assert list(read) == list(expected)
        for key, value in expected.items():
            np.testing.assert_array_equal(read[key].astype(np.float64), value.detach().double().numpy())
