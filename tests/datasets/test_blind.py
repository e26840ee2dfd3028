"""The register of blind tests: it knows a photograph under any name, and never takes damage for emptiness."""

import json
from dataclasses import replace

import numpy as np
import pytest
from image_files import DISGUISES, scene, write_scenes
from PIL import Image

from tfderm.datasets import Corpus, Record, load, select
from tfderm.datasets.blind import BlindTest, blind_test_of, refuse_run, registered
from tfderm.datasets.duplicates import copies, fingerprint, fingerprints
from tfderm.errors import InputError
from tfderm.files import home, write_json
from tfderm.pipeline.splits import write_splits
from tfderm.recipes import get_recipe

CND = get_recipe("cnd")


def prints(*seeds):
    return tuple(fingerprint(np.asarray(scene(seed))) for seed in seeds)


def blind_test(*seeds, name="nine"):
    return BlindTest(name, "2026-01-31", "clinic", "0123", prints(*seeds))


def same(one, other):
    """Equality of two tests; their order of photographs is the register's."""
    photographs = [{p.digest: p.thumbnail.tolist() for p in test.photographs} for test in (one, other)]
    return photographs[0] == photographs[1] and replace(one, photographs=()) == replace(other, photographs=())


def test_a_test_is_registered_once_and_read_back(register_of, register):
    assert registered() == ()
    path = register_of(blind_test(1, 2, 3))
    content = path.read_bytes()
    assert path.parent == register and same(registered()[0], blind_test(1, 2, 3))
    assert register_of(replace(blind_test(3, 1, 2), date="2026-02-01")) == path
    assert path.read_bytes() == content and len(registered()) == 1
    register_of(blind_test(4, name="../odd name"))
    assert {test.name for test in registered()} == {"nine", "../odd name"}
    assert all(file.parent == register for file in register.parent.rglob("*.json"))


@pytest.fixture
def register_of(register):
    from tfderm.datasets.blind import register as write

    return write


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_copy_is_known_and_another_picture_is_not(disguise, tmp_path):
    for seed in range(8):
        suffix, content = DISGUISES[disguise](scene(seed))
        (tmp_path / f"{seed}{suffix}").write_bytes(content)
    records = [Record(path.name) for path in sorted(tmp_path.iterdir())]
    found = list(fingerprints(Corpus("copies", tmp_path, tuple(records)), records).values())
    assert blind_test(3, 5, 20).find(found) == [3, 5]


def test_copies_are_judged_as_pairs_one_by_one():
    turned = [np.rot90(np.asarray(scene(seed)), seed % 4) for seed in range(0, 12, 2)]
    ours, theirs = prints(*range(12)), [fingerprint(np.ascontiguousarray(image)) for image in turned]
    together = copies(ours, theirs)
    assert together == [(2 * index, index) for index in range(6)]
    assert together == sorted((i, j) for i in range(12) for j in range(6) if copies(ours[i : i + 1], theirs[j : j + 1]))
    assert copies([], theirs) == copies(ours, []) == []


def test_pictures_of_one_colour_are_the_same_only_where_their_pixels_are():
    plain = [fingerprint(np.full((20, 30, 3), value, np.uint8)) for value in (10, 20, 10)]
    assert copies(plain[:1], plain[1:]) == [(0, 1)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder, file: file.write_bytes(b""),
        lambda folder, file: file.write_bytes(file.read_bytes()[:-300]),
        lambda folder, file: file.write_text("[]"),
        lambda folder, file: file.write_text("{}"),
        lambda folder, file: write_json(file, {**json.loads(file.read_text()), "photographs": []}),
        lambda folder, file: file.write_text(file.read_text().replace('"sha256": "', '"sha256": "0', 2)),
        lambda folder, file: write_json(file, {**json.loads(file.read_text()), "another": "release"}),
        lambda folder, file: file.unlink(),
        lambda folder, file: file.rename(folder / f".{file.name}"),
        lambda folder, file: (file.unlink(), folder.rmdir(), folder.write_text("")),
    ],
    ids=["empty", "cut", "list", "nothing", "no photographs", "altered", "field", "no file", "hidden", "no folder"],
)
def test_damage_is_never_taken_for_nothing_registered(register_of, register, tmp_path, damage):
    corpus = load(write_scenes(tmp_path / "data", 3))
    damage(register, register_of(blind_test(77)))
    for read in (registered, lambda: select(corpus, CND, training=True), lambda: register_of(blind_test(78))):
        with pytest.raises(InputError, match="register of blind tests|is damaged") as error:
            read()
        assert "\n" not in str(error.value) and str(register) in str(error.value)
    assert len(select(corpus, CND).records) == 6


def test_a_home_that_is_not_there_is_an_error_and_the_default_is_not(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDERM_HOME", str(tmp_path / "unmounted"))
    with pytest.raises(InputError, match=r"\$TFDERM_HOME is .*unmounted.*no such folder"):
        registered()
    monkeypatch.delenv("TFDERM_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert home() == tmp_path / "share" / "tfderm" and registered() == ()


def test_selecting_for_training_refuses_and_otherwise_does_not(register_of, tmp_path):
    corpus = load(write_scenes(tmp_path, 5))
    register_of(blind_test(1001, 3000, 3001))
    with pytest.raises(InputError, match=r"3 of 10 photographs are of the blind test nine.*\(first: images/1-1.png\)"):
        select(corpus, CND, training=True)
    assert len(select(corpus, CND).records) == 10
    # What the recipe leaves out is not learned from: P1 is "bkl", P3 is "nv".
    ignoring = replace(CND, labels=("mel",), ignored_labels=("nv", "bkl"), label_names={}, label_aliases={})
    assert len(select(corpus, ignoring, training=True).records) == 2


def test_without_a_register_nothing_is_fingerprinted(register, tmp_path, monkeypatch):
    monkeypatch.setattr("tfderm.datasets.selection.fingerprint", lambda pixels: pytest.fail("fingerprinted"))
    assert len(select(load(write_scenes(tmp_path / "data", 2)), CND, training=True).records) == 4


def test_a_corpus_is_the_blind_test_where_all_of_it_is(register_of, tmp_path):
    corpus = load(write_scenes(tmp_path, 3))
    register_of(blind_test(0, 1, 1000, 1001, 50))
    assert blind_test_of(corpus, corpus.records[:4]) == "nine"
    assert blind_test_of(corpus, corpus.records) is None


def test_a_run_that_learned_before_the_test_was_set_aside_is_no_beginning(register_of, tmp_path):
    for name, fingerprint_, initial in (("first", "0123", None), ("second", "4567", "first"), ("third", "89", None)):
        began = {"initial": {"run": str(tmp_path / initial)}} if initial else {}
        write_json(tmp_path / name / "environment.json", {"data": {"fingerprint": fingerprint_}, **began})
    refuse_run(tmp_path / "second")
    register_of(blind_test(1))
    for name in ("first", "second"):
        with pytest.raises(InputError, match=f"{name} has learned from photographs that are now the blind test nine"):
            refuse_run(tmp_path / name)
    refuse_run(tmp_path / "third")


def test_rendered_photographs_are_not_taken_for_one_another(psoriasis):
    corpus = load(psoriasis)
    found = list(fingerprints(corpus, corpus.records).values())
    assert copies(found, found) == [(index, index) for index in range(len(found))]


def test_real_photographs_of_other_lesions_are_not_refused(real_data):
    corpus = load(real_data / "ham10000")
    records = corpus.records[:: len(corpus.records) // 2000]
    found = fingerprints(corpus, records)
    groups = {record.image: record.group for record in records}
    names = list(found)
    pairs = copies(list(found.values()), list(found.values()))
    assert {groups[names[i]] for i, _ in pairs} == set(groups.values())
    assert all(groups[names[i]] == groups[names[j]] for i, j in pairs)


def test_the_file_holds_no_names(register_of, tmp_path):
    corpus = load(write_scenes(tmp_path, 2))
    photographs = tuple(fingerprints(corpus, corpus.records).values())
    text = register_of(replace(blind_test(1), photographs=photographs)).read_text()
    assert not any(word in text for word in ("images", ".png", "patient", str(tmp_path)))
    stored = json.loads(text)["photographs"]
    assert len(stored) == 4 and all(set(one) == {"sha256", "thumbnail"} for one in stored)


def test_an_unreadable_file_is_not_in_the_fingerprints(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    records = (Record("a.png"), Record("b.png"), Record("c.png"))
    assert list(fingerprints(Corpus("x", tmp_path, records), records)) == ["a.png"]


def test_what_a_run_learned_is_known_after_its_corpus_changed(register_of, tmp_path):
    """Neither the run's data nor that of the test has the other's fingerprint."""
    corpus = load(write_scenes(tmp_path / "data", 3))
    data = {"fingerprint": "89", "root": str(corpus.root)}
    for split, refused in (("train", True), ("validation", True), ("test", False)):
        folder = tmp_path / split
        write_json(folder / "environment.json", {"data": data})
        write_splits(folder / "splits.csv", corpus.records[:2], {item.image: split for item in corpus.records[:2]})
        register_of(blind_test(0))
        if refused:
            with pytest.raises(InputError, match="has learned from photographs that are now the blind test nine"):
                refuse_run(folder)
        else:
            refuse_run(folder)


def test_what_lost_runs_learned_from_is_known(register_of, tmp_path):
    began = {"run": str(tmp_path / "gone"), "fingerprints": ["4567", "0123"]}
    write_json(tmp_path / "run" / "environment.json", {"data": {"fingerprint": "89"}, "initial": began})
    refuse_run(tmp_path / "run")
    register_of(blind_test(1))
    with pytest.raises(InputError, match="blind test nine"):
        refuse_run(tmp_path / "run")
