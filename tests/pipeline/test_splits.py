"""Splits: no group in two, shares kept, the same for a seed."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfderm.datasets import Record
from tfderm.errors import InputError
from tfderm.pipeline.splits import SPLITS, check_splits, make_splits, read_splits, write_splits
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
