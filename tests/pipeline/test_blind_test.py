"""Setting a blind test aside: whole patients, every class by its share, originals untouched, nothing in both parts."""

import json
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import DISGUISES, scene, write_scenes
from PIL import Image

from tfderm.cli import main
from tfderm.datasets import Record, load, select
from tfderm.datasets.blind import registered
from tfderm.datasets.manifest import withheld
from tfderm.errors import InputError
from tfderm.files import write_csv
from tfderm.pipeline.blind_test import set_aside
from tfderm.pipeline.splits import draw_groups
from tfderm.recipes import get_recipe

CND = get_recipe("cnd")


@pytest.fixture
def source(tmp_path):
    """30 patients with two photographs each, ten of every label."""
    return write_scenes(tmp_path / "source", 30)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def groups(corpus):
    return {record.group for record in corpus.records}


def test_whole_patients_of_every_label_go_and_originals_stay(source, tmp_path, register):
    before = contents(source.parent)
    corpus = load(source)
    done = set_aside(corpus, CND, 0.2, tmp_path / "out")
    assert contents(source.parent) == before
    training, blind = load(tmp_path / "out" / "training"), load(tmp_path / "out" / "blind")
    assert (training.records, blind.records) == (done.training.records, done.blind.records)
    assert not groups(training) & groups(blind) and groups(training) | groups(blind) == groups(corpus)
    assert Counter(record.label for record in blind.records) == {"nv": 4, "bkl": 4, "mel": 4}
    assert withheld(training.root) == groups(blind)
    for part in (training, blind):
        assert all(part.path(record).read_bytes() == corpus.path(record).read_bytes() for record in part.records)
    (test,) = registered()
    assert (test.name, test.source_fingerprint, len(test.photographs)) == ("out", corpus.fingerprint, 12)
    assert len(select(training, CND, training=True).records) == 48
    for refused in (blind, corpus):
        with pytest.raises(InputError, match=f"12 of {len(refused.records)} photographs .* blind test out"):
            select(refused, CND, training=True)


def test_a_number_of_photographs_and_the_seed(source, tmp_path, register):
    corpus = load(source)
    one = set_aside(corpus, CND, 6, tmp_path / "one")
    assert Counter(record.label for record in one.blind.records) == {"nv": 2, "bkl": 2, "mel": 2}
    shutil.rmtree(register)
    other = set_aside(corpus, replace(CND, seed=1), 6, tmp_path / "other")
    assert groups(one.blind) != groups(other.blind)


def test_the_same_again_changes_nothing_and_another_one_is_refused(source, tmp_path, register):
    corpus = load(source)
    set_aside(corpus, CND, 6, tmp_path / "a" / "test")
    before = contents(register)
    set_aside(corpus, CND, 6, tmp_path / "b" / "test")
    assert contents(register) == before
    with pytest.raises(InputError, match="of the blind test test.*split what that test's training manifest lists"):
        set_aside(corpus, replace(CND, seed=1), 6, tmp_path / "c")
    assert contents(register) == before and not (tmp_path / "c").exists()
    second = set_aside(load(tmp_path / "a" / "test" / "training"), replace(CND, seed=1), 6, tmp_path / "second")
    assert len(registered()) == 2
    first = withheld(tmp_path / "a" / "test" / "training")
    assert withheld(tmp_path / "second" / "training") == first | groups(second.blind)


@pytest.mark.parametrize("disguise", ["renamed", "jpeg", "smaller", "exif 6", "exif 8 lost"])
def test_who_shares_a_photograph_stays_together(source, tmp_path, register, disguise):
    """P30, ..., P34 are P0, ..., P4 under other names: one photograph of each is the same."""
    rows = [dict(zip(("image", "patient_id", "label"), line.split(","), strict=True)) for line in open(source)][1:]
    for patient in range(5):
        suffix, content = DISGUISES[disguise](scene(1000 * patient))
        (source.parent / f"again-{patient}{suffix}").write_bytes(content)
        rows.append({"image": f"again-{patient}{suffix}", "patient_id": f"P{30 + patient}", "label": "nv"})
    write_csv(source, list(rows[0]), ({key: value.strip() for key, value in row.items()} for row in rows))
    for seed in range(3):
        shutil.rmtree(register, ignore_errors=True)
        done = set_aside(load(source), replace(CND, seed=seed), 0.4, tmp_path / f"out{seed}")
        assert done.num_tied == 5
        assert all((f"P{n}" in groups(done.blind)) == (f"P{n + 30}" in groups(done.blind)) for n in range(5))
        select(done.training, CND, training=True)


def test_what_the_recipe_leaves_out_follows_its_patient(source, tmp_path, register):
    records = []
    for index, record in enumerate(load(source).records):
        records.append(replace(record, label=None) if index % 2 else record)
    done = set_aside(replace(load(source), records=tuple(records)), CND, 0.2, tmp_path / "out")
    assert len(done.blind.records) == 2 * len([record for record in done.blind.records if record.label])
    assert not groups(done.blind) & groups(done.training)
    assert len(registered()[0].photographs) == len(done.blind.records)


@pytest.mark.parametrize("size", [0, -1, 1.5, 60, 61, float("nan"), float("inf"), 0.001])
def test_sizes_that_make_no_sense(source, tmp_path, register, size):
    with pytest.raises(InputError, match="--blind"):
        set_aside(load(source), CND, size, tmp_path / "out")
    assert not register.exists() and not (tmp_path / "out").exists()


def test_folders_that_hold_something_and_records_without_patients(source, tmp_path, register):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    with pytest.raises(InputError, match="full is not an empty folder"):
        set_aside(load(source), CND, 6, tmp_path / "full")
    (tmp_path / "folders" / "nv").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "folders" / "nv" / "1.png")
    with pytest.raises(InputError, match="neither patient_id nor lesion_id"):
        set_aside(load(tmp_path / "folders"), CND, 6, tmp_path / "out")
    assert not register.exists()


def test_a_register_that_cannot_be_written_leaves_no_unregistered_blind_test(source, tmp_path, monkeypatch):
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("TFDERM_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    with pytest.raises(InputError):
        set_aside(load(source), CND, 6, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["a", "a", "b", "c"]), min_size=1, max_size=5), min_size=1, max_size=60),
    st.floats(0.05, 0.95),
    st.integers(0, 5),
)
def test_shares_are_met_as_far_as_patients_allow(labels, share, seed):
    records = [
        Record(f"{g}-{n}", patient_id=str(g), label=label)
        for g, row in enumerate(labels)
        for n, label in enumerate(row)
    ]
    drawn = draw_groups(records, [record.group for record in records], share, replace(CND, seed=seed))
    assert drawn == draw_groups(
        records[::-1], [record.group for record in records[::-1]], share, replace(CND, seed=seed)
    )
    names = sorted({record.label for record in records})
    counts = {g: np.array([row.count(name) for name in names]) for g, row in enumerate(labels)}
    missing = share * sum(counts.values()) - sum(counts[int(g)] for g in drawn)
    # No patient who was left could have brought the numbers nearer when considered, nor can any now.
    for g, count in counts.items():
        if str(g) not in drawn:
            assert np.sum((missing - count) ** 2) >= np.sum(missing**2) - 1e-9


def test_the_description_says_which_part_it_is(source, tmp_path, register):
    set_aside(load(source), CND, 6, tmp_path / "nine")
    description = json.loads((tmp_path / "nine" / "blind" / "dataset.json").read_text())
    assert description["name"] == "source, blind test nine" and "withheld" not in description


def test_a_copy_of_the_training_part_still_knows_who_is_withheld(source, tmp_path, register):
    done = set_aside(load(source), CND, 0.2, tmp_path / "out")
    copy = tmp_path / "copy"
    assert main(["data", "convert", str(done.training.root), "--to", "manifest", "-o", str(copy)]) == 0
    assert withheld(copy) == groups(done.blind)
