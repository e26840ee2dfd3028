"""The loop from the command line: set a blind test aside, train, judge, add vetted photographs, update, judge again."""

import csv
import json
import shutil

import numpy as np
import pytest
from image_files import DISGUISES, scene, write_scenes

from tfderm import models
from tfderm.cli import main
from tfderm.run import Run

SETTINGS = ["image_size=(32,32)", "batch_size=8", "model_options.filters=(4,8)", "pretraining=None", "auxiliary=()"]


def run(*arguments):
    return main([str(argument) for argument in arguments])


def train(data, output, *more, epochs=1):
    return run("train", "cnd", "--data", data, "-o", output, *more, "--set", f"epochs={epochs}", *SETTINGS)


def refused(capsys, *arguments):
    """Status 2 and one line, which is returned."""
    capsys.readouterr()
    assert run(*arguments) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tfderm: ")]
    return line


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """24 patients, six photographs of whom are set aside as the blind test `nine`."""
    folder = tmp_path_factory.mktemp("loop")
    (folder / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDERM_HOME", str(folder / "home"))
        source = write_scenes(folder / "source", 24)
        assert run("data", "split", source, "--recipe", "cnd", "--blind", 6, "-o", folder / "nine") == 0
    return folder


@pytest.fixture
def loop(world, monkeypatch):
    monkeypatch.setenv("TFDERM_HOME", str(world / "home"))
    return world


def blind_rows(loop):
    with open(loop / "nine" / "blind" / "manifest.csv", newline="") as file:
        return list(csv.DictReader(file))


def seed_of(row):
    patient, number = row["image"].removeprefix("images/").removesuffix(".png").split("-")
    return 1000 * int(patient) + int(number)


def test_split_says_what_went_where(tmp_path, register, capsys):
    source = write_scenes(tmp_path / "source", 9)
    assert run("data", "split", source, "--recipe", "cnd", "--blind", "0.34", "-o", tmp_path / "nine") == 0
    out, err = capsys.readouterr()
    assert "blind           6 images      3 patients or lesions  bkl 2, mel 2, nv 2" in out
    assert "training       12 images      6 patients or lesions  bkl 4, mel 4, nv 4" in out
    assert f"registered in {register}" in err
    line = refused(capsys, "data", "split", source, "--recipe", "cnd", "--blind", "0.34")
    assert "-o DIR" in line


@pytest.mark.parametrize("part", ["source", "nine/blind"])
def test_training_refuses_the_source_and_the_blind_test(loop, tmp_path, capsys, part):
    rows = blind_rows(loop)
    line = refused(capsys, "train", "cnd", "--data", loop / part, "-o", tmp_path / "run", "--set", *SETTINGS)
    assert f"{len(rows)} of " in line and "the blind test nine" in line and f"first: {rows[0]['image']}" in line
    assert "training manifest" in line and not (tmp_path / "run").exists()


@pytest.mark.parametrize("disguise", DISGUISES)
def test_training_refuses_a_disguised_photograph(loop, tmp_path, capsys, disguise):
    data = write_scenes(tmp_path / "data", 8, first=100)
    suffix, content = DISGUISES[disguise](scene(seed_of(blind_rows(loop)[3])))
    (data.parent / f"holiday{suffix}").write_bytes(content)
    data.write_text(f"{data.read_text()}holiday{suffix},P999,nv\n")
    line = refused(capsys, "train", "cnd", "--data", data, "-o", tmp_path / "run", "--set", *SETTINGS)
    assert (
        f"1 of 17 photographs are of the blind test nine, from which nothing may learn (first: holiday{suffix})" in line
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("more", [["--fold", 1], [], pytest.param(["--jobs", 2], marks=pytest.mark.slow)])
def test_cross_validation_refuses(loop, tmp_path, capsys, more):
    arguments = ["cross-validate", "cnd", "--data", loop / "source", "-o", tmp_path / "folds", *more, "--folds", 2]
    assert "the blind test nine" in refused(capsys, *arguments, "--set", *SETTINGS)
    assert not list(tmp_path.rglob("recipe.json"))


def test_reproduction_refuses_before_it_measures(loop, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tfderm.training.estimate.measured_step", lambda *_: pytest.fail("learned from it"))
    rows = [{**row, "severity": index} for index, row in enumerate(blind_rows(loop))]
    shutil.copytree(loop / "nine" / "blind", tmp_path / "data")
    with open(tmp_path / "data" / "manifest.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    arguments = ["reproduce", "psenet", "--data", tmp_path / "data", "-o", tmp_path / "tables"]
    assert "the blind test nine" in refused(capsys, *arguments)


def test_a_resumed_run_is_refused_where_the_test_came_meanwhile(tmp_path, register, monkeypatch, capsys):
    data = write_scenes(tmp_path / "data", 24)
    assert train(data, tmp_path / "run") == 0
    (tmp_path / "run" / "model.keras").unlink()
    assert run("data", "split", data, "--recipe", "cnd", "--blind", 6, "-o", tmp_path / "nine") == 0
    settings = ["--set", "epochs=1", *SETTINGS]
    line = refused(capsys, "train", "cnd", "--data", data, "-o", tmp_path / "run", "--resume", *settings)
    assert "the blind test nine" in line
    shutil.rmtree(register)
    assert train(data, tmp_path / "run", "--resume") == 0
    assert run("data", "split", data, "--recipe", "cnd", "--blind", 6, "-o", tmp_path / "again") == 0
    begin = ["train", "cnd", "--data", tmp_path / "again" / "training", "-o", tmp_path / "other"]
    line = refused(capsys, *begin, "--from", tmp_path / "run", *settings)
    assert "has learned from photographs that are now the blind test again" in line


def test_a_damaged_register_stops_training(loop, tmp_path, capsys, monkeypatch):
    shutil.copytree(loop / "home", tmp_path / "home")
    monkeypatch.setenv("TFDERM_HOME", str(tmp_path / "home"))
    (file,) = (tmp_path / "home" / "blind").iterdir()
    file.write_bytes(b"")
    arguments = ["train", "cnd", "--data", loop / "nine" / "training", "-o", tmp_path / "run"]
    assert f"{file} is damaged" in refused(capsys, *arguments, "--set", *SETTINGS)


def test_an_update_keeps_who_was_held_out(loop, tmp_path, capsys):
    corpus, new = tmp_path / "training", write_scenes(tmp_path / "new", 12, first=50, labels=("nv", "mel"))
    shutil.copytree(loop / "nine" / "training", corpus)
    assert train(corpus, tmp_path / "first") == 0
    first = Run.open(tmp_path / "first")
    known = next(group for group, split in first.groups.items() if split == "test")
    scene(77).save(new.parent / "known.png")
    new.write_text(f"{new.read_text()}known.png,{known},nv\n")
    vetted = ["--to", corpus, "--vetted-by", "Dr. A", "--vetted-on", "2026-01-31"]
    assert "of the blind test" in refused(capsys, "data", "add", loop / "nine" / "blind", *vetted)
    assert run("data", "add", new, *vetted) == 0
    assert "added          25 images     13 patients or lesions  mel 12, nv 13" in capsys.readouterr().out

    assert train(corpus, tmp_path / "update", "--from", first.path) == 0
    update = Run.open(tmp_path / "update")
    message = f"21 patients or lesions keep their split of {first.path}; 12 are new ("
    assert message in capsys.readouterr().err
    assert {group: update.groups[group] for group in first.groups} == first.groups
    (image,) = [image for image in update.splits if image.startswith("vetted/known-")]
    assert update.splits[image] == "test"
    assert "train" in {update.groups[f"P{50 + number}"] for number in range(12)}

    options = ["--data", corpus, "-o", tmp_path / "x", "--from", first.path]
    for change in ("fold=1", "seed=1", "folds=4"):
        assert "to be held out here" in refused(capsys, "train", "cnd", *options, "--set", *SETTINGS, change)
    # Folds are pooled, so that one alone is dealt as all of them are: afresh, and P0 to P23 are not left apart.
    for fold in ([], ["--fold", 0]):
        line = refused(capsys, "cross-validate", "cnd", *options, *fold, "--set", *SETTINGS)
        assert "to be held out here" in line


@pytest.mark.slow
def test_the_blind_test_is_evaluated_before_and_after_an_update(loop, tmp_path, capsys):
    corpus, blind = tmp_path / "training", loop / "nine" / "blind"
    shutil.copytree(loop / "nine" / "training", corpus)
    for output, begin in ((tmp_path / "first", []), (tmp_path / "update", ["--from", tmp_path / "first"])):
        assert train(corpus, output, *begin) == 0
        capsys.readouterr()
        assert run("evaluate", output, "--data", blind) == 0
        assert "(blind test nine)" in capsys.readouterr().out
        result = json.loads((output / "metrics.json").read_text())
        assert result["blind_test"] == "nine" and result["num_images"] == 6 and result["split"] == "all"
        assert "blind test nine" in (output / "report.html").read_text()
        assert run("evaluate", output) == 0
        assert "blind_test" not in json.loads((output / "metrics.json").read_text())
        new = write_scenes(tmp_path / "new" / output.name, 6, first=50 if begin else 70)
        assert run("data", "add", new, "--to", corpus, "--vetted-by", "Dr. A") == 0


@pytest.mark.slow
def test_an_update_that_was_stopped_continues_to_the_same_weights(loop, tmp_path, monkeypatch):
    corpus = tmp_path / "training"
    shutil.copytree(loop / "nine" / "training", corpus)
    assert train(corpus, tmp_path / "first") == 0
    new = write_scenes(tmp_path / "new", 6, first=50)
    assert run("data", "add", new, "--to", corpus, "--vetted-by", "Dr. A") == 0
    begin = ["--from", tmp_path / "first"]
    assert train(corpus, tmp_path / "whole", *begin, epochs=2) == 0

    def save_and_stop(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    module = __import__("tfderm.training.fit", fromlist=["save_checkpoint"])
    save = module.save_checkpoint
    with monkeypatch.context() as patch:
        patch.setattr(module, "save_checkpoint", save_and_stop)
        assert train(corpus, tmp_path / "stopped", *begin, epochs=2) == 75
    assert train(corpus, tmp_path / "stopped", *begin, "--resume", epochs=2) == 0
    assert (tmp_path / "stopped" / "splits.csv").read_text() == (tmp_path / "whole" / "splits.csv").read_text()
    weights = [models.load(Run.open(tmp_path / name).model_path).get_weights() for name in ("whole", "stopped")]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
