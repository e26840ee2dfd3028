"""Columns that tell the class are found: by their name, and by being empty for some classes alone."""

import numpy as np
import pytest
from scipy.stats.contingency import association

from tfderm import datasets
from tfderm.datasets.corpus import Record
from tfderm.datasets.leaks import cramers_v, refuse_telling, telling_columns
from tfderm.errors import InputError


def photographs(count, empty, seed=0):
    """Lesions of two classes; `sex` is empty for class a with one probability and for b with another."""
    random = np.random.default_rng(seed)
    records = []
    for index in range(count):
        label = "ab"[index % 2]
        metadata = {"age": str(random.integers(20, 80))}
        if random.random() >= empty[label]:
            metadata["sex"] = "female"
        records.append(Record(f"{index}.jpg", lesion_id=f"L{index}", label=label, metadata=metadata))
    return records


@pytest.mark.parametrize("counts", [[[30, 5, 8], [12, 40, 9]], [[1, 0], [60, 70]], [[0, 0], [5, 6]]])
def test_association_is_cramers_v(counts):
    some, others = np.array(counts)
    expected = association(np.array(counts), method="cramer") if some.sum() else 0.0
    assert cramers_v(some, some + others) == pytest.approx(expected, abs=1e-12)


def test_missingness_that_depends_on_the_class_is_found():
    found = telling_columns(photographs(300, {"a": 0.6, "b": 0.05}))
    assert list(found) == ["sex"] and found["sex"].startswith("missingness leaks: empty for a 59%, b 7%")
    with pytest.raises(InputError, match="`metadata` sex must not be an input: missingness leaks"):
        refuse_telling(photographs(300, {"a": 0.6, "b": 0.05}), ("age", "sex"))


def test_missingness_at_random_is_not():
    wrong = [bool(telling_columns(photographs(60, {"a": 0.3, "b": 0.3}, seed))) for seed in range(40)]
    assert not any(wrong)


def test_photographs_of_one_lesion_count_once():
    """Forty photographs of one patient without a sex are one patient without a sex."""
    records = photographs(60, {"a": 0.0, "b": 0.0})
    records += [Record(f"x{index}.jpg", lesion_id="L0", label="a", metadata={"age": "40"}) for index in range(40)]
    assert telling_columns(records) == {}


def test_what_is_known_only_with_the_diagnosis_is_refused():
    records = [Record(f"{i}.jpg", label="ab"[i % 2], metadata={"dx_type": "histo"}) for i in range(10)]
    assert telling_columns(records) == {"dx_type": "known only with the diagnosis"}


def test_real_sets(real_data):
    """Sex and skin type leak in PAD-UFES-20, age and site do not; nothing leaks in HAM10000."""
    found = telling_columns(datasets.load(real_data / "pad_ufes_20").records)
    assert {"sex", "fitzpatrick", "smoke", "cancer_history"} <= set(found)
    assert not {"age", "site", "itch", "bleed", "elevation"} & set(found)
    assert telling_columns(datasets.load(real_data / "ham10000").records) == {}
