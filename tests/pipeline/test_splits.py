"""Splits: no group in two, shares kept, the same for a seed."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfderm.datasets import Corpus, Record
from tfderm.errors import InputError
from tfderm.files import read_json, write_json
from tfderm.pipeline.splits import (
    SPLITS,
    check_splits,
    check_unseen,
    draw_groups,
    growth,
    known_splits,
    make_splits,
    read_splits,
    write_splits,
)
from tfderm.recipes import get_recipe

CND = get_recipe("cnd")
PSENET = get_recipe("psenet")


def labelled(labels_by_group):
    return [
        Record(f"{group}-{n}.png", patient_id=f"P{group}", label=label)
        for group, labels in enumerate(labels_by_group)
        for n, label in enumerate(labels)
    ]


groups = st.lists(
    st.lists(st.sampled_from(["nv", "nv", "nv", "bkl", "mel"]), min_size=1, max_size=6), min_size=12, max_size=60
)


@settings(max_examples=40, deadline=None)
@given(groups, st.integers(2, 5), st.integers(0, 9))
def test_no_group_is_ever_in_two_splits(labels, folds, seed):
    records = labelled(labels)
    tested = Counter()
    for fold in range(folds):
        recipe = replace(CND, folds=folds, fold=fold, seed=seed)
        try:
            splits = make_splits(records, recipe)
        except InputError as error:
            assert "is empty" in str(error)
            return
        check_splits(records, splits)
        assert set(splits) == {record.image for record in records}
        assert set(splits.values()) == set(SPLITS)
        tested.update(image for image, split in splits.items() if split == "test")
    assert all(tested[record.image] == 1 for record in records)


def test_classes_keep_their_shares():
    records = labelled([["nv"] * (1 + g % 3) for g in range(300)] + [["mel"] for _ in range(60)] + [["bkl"] * 2] * 40)
    splits = make_splits(records, CND)
    shares = Counter(splits.values())
    assert shares["test"] / len(records) == pytest.approx(0.2, abs=0.01)
    assert shares["validation"] / len(records) == pytest.approx(0.08, abs=0.01)
    whole = Counter(record.label for record in records)
    for split in SPLITS:
        part = Counter(record.label for record in records if splits[record.image] == split)
        for label, count in whole.items():
            assert part[label] / shares[split] == pytest.approx(count / len(records), abs=0.03)


def test_score_ranges_keep_their_shares():
    scores = [g % 25 if g % 3 else g % 5 for g in range(400)]
    records = [Record(f"{n}.png", patient_id=f"P{n}", severity=float(score)) for n, score in enumerate(scores)]
    splits = make_splits(records, PSENET)
    high = Counter(splits[record.image] for record in records if record.severity > 20)
    assert high["test"] / sum(high.values()) == pytest.approx(0.2, abs=0.02)


def test_deterministic_for_a_seed_whatever_the_order():
    records = labelled([["nv", "mel"][g % 2 : g % 2 + 1] * 2 for g in range(50)])
    splits = make_splits(records, CND)
    assert make_splits(records, CND) == splits
    assert make_splits(records, replace(CND, seed=1)) != splits
    assert make_splits(records[::-1], CND) == splits


def test_lesion_groups_where_there_is_no_patient():
    records = [Record(f"{n}.png", lesion_id=f"L{n // 3}", label=("nv", "mel")[n // 3 % 2]) for n in range(90)]
    splits = make_splits(records, CND)
    assert all(len({splits[f"{3 * g + k}.png"] for k in range(3)}) == 1 for g in range(30))


def test_too_few_or_no_groups():
    with pytest.raises(InputError, match="5 folds need more than 5 patients or lesions, the data has 4.*--set folds=3"):
        make_splits(labelled([["nv"]] * 4), CND)
    with pytest.raises(InputError, match="a.png: neither patient_id nor lesion_id.*data convert .*--to manifest"):
        make_splits([Record("a.png", label="nv")], CND)


def test_a_class_rarer_than_the_folds():
    records = labelled([["nv"]] * 40 + [["mel"]] * 2)
    assert set(make_splits(records, CND).values()) == set(SPLITS)
    assert set(make_splits(labelled([[f"class {g}"] for g in range(12)]), CND).values()) == set(SPLITS)


def test_leaks_and_missing_splits_are_errors():
    records = labelled([["nv", "nv"], ["mel"]])
    splits = {"0-0.png": "train", "0-1.png": "test", "1-0.png": "train"}
    with pytest.raises(InputError, match=r"Leak: patient P0 is in train \(0-0.png\) and in test \(0-1.png\)"):
        check_splits(records, splits)
    with pytest.raises(InputError, match="1-0.png has no split"):
        check_splits(records, {"0-0.png": "train", "0-1.png": "train"})


def test_file_round_trip(tmp_path):
    records = labelled([["nv"], ["mel"], ["nv"]])
    splits = dict(zip((record.image for record in records), SPLITS, strict=True))
    write_splits(tmp_path / "splits.csv", records, splits)
    assert (tmp_path / "splits.csv").read_text().splitlines()[:2] == ["image,group,split", "0-0.png,P0,train"]
    assert read_splits(tmp_path / "splits.csv") == splits
    (tmp_path / "splits.csv").write_text("image,split\na.png,training\n")
    with pytest.raises(InputError, match="line 2: every image has one split.*'training'"):
        read_splits(tmp_path / "splits.csv")
    (tmp_path / "splits.csv").write_text("picture,split\n")
    with pytest.raises(InputError, match="columns image and split"):
        read_splits(tmp_path / "splits.csv")


def run_on(folder, corpus, recipe, splits):
    """A run folder as far as splits need it."""
    write_json(folder / "recipe.json", recipe.to_json())
    data = {"fingerprint": corpus.fingerprint, "root": str(corpus.root.resolve())}
    write_json(folder / "environment.json", {"data": data})
    write_splits(folder / "splits.csv", corpus.records, splits)
    (folder / "model.keras").touch()
    return folder


@settings(max_examples=40, deadline=None)
@given(groups, groups, st.integers(0, 6), st.integers(0, 4), st.integers(0, 3))
def test_known_groups_stay_where_they_were_when_the_data_grows(old, new, more, fold, seed):
    recipe = replace(CND, fold=fold, seed=seed)
    before = labelled(old)
    try:
        first = make_splits(before, recipe)
    except InputError:
        return
    grown = labelled(old + new)
    grown += [Record(f"more-{n}.png", patient_id=f"P{n}", label="nv") for n in range(min(more, len(old)))]
    with tempfile.TemporaryDirectory() as folder:
        run = run_on(Path(folder) / "run", Corpus("x", Path(folder), tuple(before)), recipe, first)
        corpus = Corpus("x", Path(folder), tuple(grown))
        kept = known_splits(run, corpus, grown, recipe)
        splits = make_splits(grown, recipe, kept)
        check_splits(grown, splits)
        held_out = [record for record in grown if splits[record.image] == "test"]
        check_unseen(run, corpus, held_out)
        text = growth(grown, splits, kept, run)
    assert splits == make_splits(grown[::-1], recipe, kept)
    assert {image: splits[image] for image in first} == first
    by_group = {record.group: first[record.image] for record in before}
    assert all(splits[record.image] == by_group[record.group] for record in grown if record.group in by_group)
    assert text.startswith(f"{len(by_group)} patients or lesions keep") and f"; {len(new)} are new" in text


def test_new_groups_keep_the_shares_of_the_whole(tmp_path):
    recipe = replace(CND, fold=3)
    old = labelled([["nv", "mel"][g % 2 : g % 2 + 1] for g in range(200)])
    first = make_splits(old, recipe)
    kept = {record.group: first[record.image] for record in old}
    grown = labelled([["nv", "mel"][g % 2 : g % 2 + 1] for g in range(600)])
    splits = make_splits(grown, recipe, kept)
    for label in ("nv", "mel"):
        of = Counter(splits[record.image] for record in grown if record.label == label)
        # To the nearest photograph, as every group has one: a fifth, and a tenth of the rest.
        assert of["test"] == pytest.approx(60, abs=0.5) and of["validation"] == pytest.approx(24, abs=0.5)


def test_a_few_new_groups_are_trained_on_and_add_up_to_a_share():
    """Groups that come one at a time: the test split takes one where it has become too small."""
    records = labelled([["nv"]] * 100)
    splits = make_splits(records, CND)
    for number in range(20):
        records = [*records, Record(f"new-{number}.png", patient_id=f"N{number}", label="nv")]
        kept = {record.group: splits[record.image] for record in records if record.image in splits}
        splits = make_splits(records, CND, kept)
        assert 0.2 * len(records) - list(splits.values()).count("test") <= 0.5
    assert list(splits.values()).count("test") == 24


def test_a_photograph_that_was_learned_is_never_held_out_under_another_patient(tmp_path):
    records = labelled([["nv"]] * 30)
    splits = make_splits(records, CND)
    corpus = Corpus("x", tmp_path, tuple(records))
    run = run_on(tmp_path / "run", corpus, CND, splits)
    learned = next(record for record in records if splits[record.image] == "train")
    held_out = next(record for record in records if splits[record.image] == "test")
    grown = [replace(r, patient_id="Q") if r in (learned, held_out) else r for r in records]
    grown = [*grown, Record("new.png", patient_id="R", label="nv")]
    kept = known_splits(run, Corpus("x", tmp_path, tuple(grown)), grown, CND)
    assert kept["Q"] == "train" and make_splits(grown, CND, kept)[held_out.image] == "train"
    with pytest.raises(InputError, match=r"trained on 1 of the patients or lesions to be held out here \(Q"):
        check_unseen(run, Corpus("x", tmp_path, tuple(grown)), [r for r in grown if r.group == "Q"])


def test_where_nothing_is_kept(tmp_path):
    records = labelled([["nv"]] * 30)
    splits = make_splits(records, CND)
    corpus = Corpus("x", tmp_path, tuple(records))
    run = run_on(tmp_path / "run", corpus, CND, splits)
    assert known_splits(run, corpus, records, CND) == {record.group: splits[record.image] for record in records}
    assert known_splits(None, corpus, records, CND) == {}
    for change in ({"fold": 1}, {"seed": 1}, {"folds": 4}):
        assert known_splits(run, corpus, records, replace(CND, **change)) == {}
    elsewhere = Corpus("x", tmp_path / "other", tuple(records[:-1]))
    assert known_splits(run, elsewhere, elsewhere.records, CND) == {}
    held_out = [record for record in records if splits[record.image] == "test"]
    assert known_splits(run, corpus, held_out, CND) == {}


def test_a_leak_in_what_was_kept_is_caught():
    records = labelled([["nv", "nv"], ["mel"], ["nv"]])
    splits = make_splits(records, replace(CND, folds=2), {"P0": "train", "P1": "validation", "P2": "test"})
    with pytest.raises(InputError, match="Leak: patient P0"):
        check_splits(records, {**splits, "0-1.png": "test"})


def several(count, seed=0):
    """One photograph per patient, with one to three of eight labels: 35 combinations and more."""
    rng = np.random.default_rng(seed)
    names, shares = "abcdefgh", np.array([16, 10, 16, 6, 14, 7, 4, 9]) / 82
    rows = [";".join(rng.choice(list(names), rng.integers(1, 4), replace=False, p=shares)) for _ in range(count)]
    return [Record(f"{n}.png", patient_id=f"P{n}", label=row) for n, row in enumerate(rows)]


SEVERAL = replace(get_recipe("nine_class:multilabel"), labels=tuple("abcdefgh"))


@pytest.mark.parametrize("seed", range(3))
def test_every_label_has_its_share_where_photographs_have_several(seed):
    records = several(200, seed)
    total = Counter(label for record in records for label in record.labels)
    assert len({record.label for record in records}) > 35
    drawn = draw_groups(records, [record.group for record in records], 0.1, replace(SEVERAL, seed=seed))
    blind = Counter(label for record in records if record.group in drawn for label in record.labels)
    # Within the three labels that one photograph may have; by chance some label would be off by five.
    assert abs(len(drawn) - 20) <= 3 and all(abs(blind[label] - 0.1 * total[label]) <= 3 for label in total)
    tested = Counter()
    for fold in range(5):
        splits = make_splits(records, replace(SEVERAL, fold=fold, seed=seed))
        held_out = [record for record in records if splits[record.image] == "test"]
        tested.update(record.image for record in held_out)
        shown = Counter(label for record in held_out for label in record.labels)
        assert all(abs(shown[label] - 0.2 * total[label]) <= 4 for label in total) and abs(len(held_out) - 40) <= 4
    assert sorted(tested) == sorted(splits) and set(tested.values()) == {1}


def test_classes_too_rare_for_a_share_each_have_it_together():
    records = labelled([[f"label {group % 20}"] for group in range(80)])
    drawn = draw_groups(records, [record.group for record in records], 0.1, CND)
    assert len(drawn) == 8


def test_a_severity_recipe_keeps_ranges_whatever_labels_stand_beside():
    records = [
        Record(f"{n}.png", patient_id=f"P{n}", label="psoriasis", severity=40.0 if n < 10 else 2.0) for n in range(100)
    ]
    for seed in range(5):
        splits = make_splits(records, replace(PSENET, seed=seed))
        assert [splits[record.image] for record in records[:10]].count("test") == 2


def test_patients_of_runs_farther_back_are_known_too(tmp_path):
    """A run on other data in between takes nothing away from what the first one learned."""
    records = labelled([["nv"]] * 30)
    corpus, other = Corpus("x", tmp_path, tuple(records)), Corpus("y", tmp_path / "other", tuple(records[:12]))
    splits = make_splits(records, CND)
    first = run_on(tmp_path / "first", corpus, CND, splits)
    second = run_on(tmp_path / "second", other, CND, make_splits(other.records, CND))
    environment = read_json(second / "environment.json")
    write_json(second / "environment.json", {**environment, "initial": {"run": str(first)}})
    learned = [record for record in records if splits[record.image] == "train"]
    with pytest.raises(InputError, match="first was trained on"):
        check_unseen(second, corpus, learned[:1])
    check_unseen(second, corpus, [record for record in records if splits[record.image] == "test"])
    assert known_splits(second, corpus, records, CND) == known_splits(first, corpus, records, CND) != {}
