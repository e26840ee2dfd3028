"""Every bad input gets one line that names the thing and the remedy, a non-zero status, and nothing half written."""

import json
import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tfderm.cli import main
from tfderm.files import write_csv

TINY = ["--set", "epochs=1", "image_size=(32,32)", "batch_size=4", "model_options.filters=(4,8)", "pretraining=None"]


@pytest.fixture
def photographs(tmp_path):
    """A sound manifest of eight photographs of eight patients; tests damage it."""
    folder = tmp_path / "photographs"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for index in range(8):
        Image.fromarray(rng.integers(0, 256, (64, 80, 3), np.uint8)).save(folder / "images" / f"{index}.png")
        label = ("nv", "bkl", "mel")[index % 3]
        rows.append({"image": f"images/{index}.png", "patient_id": f"p{index}", "severity": 2 * index, "label": label})
    write_csv(folder / "manifest.csv", list(rows[0]), rows)
    return folder, rows


def rewrite(folder, rows):
    write_csv(folder / "manifest.csv", list(rows[0]), rows)


def refused(capsys, *arguments, status=2):
    """Run the command; it must fail with this status and a single line, which is returned."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == status
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tfderm: ")]
    assert len(lines) == 1
    return lines[0]


def train(folder, tmp_path):
    """Train on the scores; for input that is refused before anything is computed."""
    return "train", "psenet:demo", "--data", folder / "manifest.csv", "-o", tmp_path / "run"


def train_small(folder, tmp_path):
    """Train a network of two stages on the labels."""
    return "train", "cnd", *train(folder, tmp_path)[2:], *TINY


def test_missing_column(photographs, tmp_path, capsys):
    folder, rows = photographs
    rewrite(folder, [{key: row[key] for key in ("image", "patient_id")} for row in rows])
    message = refused(capsys, *train(folder, tmp_path))
    assert "manifest.csv" in message and "severity" in message
    assert not (tmp_path / "run").exists()


def test_components_that_nobody_graded(photographs, tmp_path, capsys):
    folder, rows = photographs
    arguments = "train", "psenet:components", *train(folder, tmp_path)[2:], "--set", "image_size=(64,80)"
    message = refused(capsys, *arguments)
    assert str(folder / "manifest.csv") in message and "column erythema, induration, desquamation, area" in message
    rewrite(folder, [{**row, "erythema": 2, "induration": 1, "desquamation": 1} for row in rows])
    assert "in the column area," in refused(capsys, *arguments)
    assert not (tmp_path / "run").exists()


def test_empty_manifest(photographs, tmp_path, capsys):
    folder, _ = photographs
    (folder / "manifest.csv").write_text("image,patient_id,severity\n")
    assert "manifest.csv" in refused(capsys, *train(folder, tmp_path))


def test_unknown_label(photographs, tmp_path, capsys):
    folder, rows = photographs
    rewrite(folder, [{"image": r["image"], "patient_id": r["patient_id"], "label": "melanomma"} for r in rows])
    message = refused(capsys, "train", "cnd", "--data", folder, "-o", tmp_path / "run")
    assert "melanomma" in message and "images/0.png" in message and "mel" in message


@pytest.mark.parametrize("severity", ["72.5", "-1", "severe"])
def test_score_outside_its_range(photographs, tmp_path, capsys, severity):
    folder, rows = photographs
    rewrite(folder, [{**rows[0], "severity": severity}, *rows[1:]])
    message = refused(capsys, *train(folder, tmp_path))
    assert severity in message and "severity" in message and "line 2" in message


def test_box_outside_its_image(photographs, tmp_path, capsys):
    folder, _ = photographs
    coco = {
        "images": [{"id": 1, "file_name": "images/3.png", "width": 80, "height": 64}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [70, 10, 20, 20]}],
        "categories": [{"id": 1, "name": "psoriasis"}],
    }
    (folder / "lesions.json").write_text(json.dumps(coco))
    message = refused(capsys, *train(folder, tmp_path))
    assert "images/3.png" in message and "70" in message


def test_patient_in_two_folds(photographs, tmp_path, capsys):
    folder, rows = photographs
    rewrite(folder, [*rows[:7], {**rows[7], "patient_id": "p0"}])
    assert main([str(argument) for argument in train_small(folder, tmp_path)]) == 0
    splits = tmp_path / "run" / "splits.csv"
    lines = splits.read_text().splitlines()
    place = next(index for index, line in enumerate(lines) if line.startswith("images/7.png"))
    before = lines[place].rsplit(",", 1)[1]
    lines[place] = f"images/7.png,p0,{'train' if before != 'train' else 'test'}"
    splits.write_text("\n".join(lines) + "\n")
    assert main(["data", "check", str(folder), "--splits", str(splits)]) == 1
    assert "p0" in capsys.readouterr().out
    (tmp_path / "run" / "model.keras").unlink()
    message = refused(capsys, *train_small(folder, tmp_path), "--resume")
    assert "p0" in message and "train" in message and "test" in message


@pytest.mark.parametrize("damage", ["empty", "cut"])
def test_a_damaged_image_is_left_out_by_name_and_named_by_check(photographs, tmp_path, capsys, damage):
    folder, _ = photographs
    path = folder / "images" / "5.png"
    path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:700])
    assert main(["data", "check", str(folder)]) == 1
    assert "images/5.png" in capsys.readouterr().out
    assert main([str(argument) for argument in train_small(folder, tmp_path)]) == 0
    assert "left out 1 of 8" in capsys.readouterr().err
    assert "images/5.png" in (tmp_path / "run" / "left_out.csv").read_text()
    assert "images/5.png" not in (tmp_path / "run" / "splits.csv").read_text()


def test_a_picture_of_60000_by_60000_is_refused_from_its_header(photographs, capsys):
    folder, _ = photographs
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (folder / "images" / "5.png").write_bytes(bomb)
    assert main(["data", "check", str(folder)]) == 1
    output = capsys.readouterr().out
    assert "images/5.png" in output and "60000x60000" in output


def test_unwritable_output(photographs, tmp_path, capsys):
    folder, _ = photographs
    (tmp_path / "file").write_text("in the way")
    arguments = [*train(folder, tmp_path)]
    arguments[5] = tmp_path / "file" / "run"
    assert "Cannot write" in refused(capsys, *arguments)


def test_export_of_an_untrained_run_and_a_model_of_another_version(photographs, tmp_path, capsys):
    folder, _ = photographs
    assert main([str(argument) for argument in train_small(folder, tmp_path)]) == 0
    run = tmp_path / "run"
    trained = (run / "model.keras").read_bytes()
    (run / "model.keras").write_bytes(trained[: len(trained) // 2])
    message = refused(capsys, "export", run)
    assert "model.keras" in message and "version" in message
    (run / "model.keras").unlink()
    assert "is not trained" in refused(capsys, "export", run)
    assert "is not trained" in refused(capsys, "evaluate", run)
    assert not (run / "bundles").exists()


def test_int8_without_representative_data(photographs, tmp_path, capsys):
    folder, _ = photographs
    assert main([str(argument) for argument in train_small(folder, tmp_path)]) == 0
    shutil.rmtree(folder)
    message = refused(capsys, "export", tmp_path / "run", "--scheme", "static_wi8_ai8")
    assert "manifest.csv" in message
    assert not (tmp_path / "run" / "bundles").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "psnet"],
        ["train", "cnd"],
        ["train", "psenet", "--set", "epochs"],
        ["evaluate", "nowhere"],
        ["export", "nowhere"],
        ["verify", "nowhere"],
        ["benchmark", "nowhere"],
        ["predict", "nowhere", "a.png"],
        ["data", "check", "nowhere"],
        ["runs", "nowhere"],
        ["cross-validate", "cnd", "-o", "nowhere"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_line_and_status_2(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    refused(capsys, *arguments)
    assert not list(tmp_path.iterdir())
