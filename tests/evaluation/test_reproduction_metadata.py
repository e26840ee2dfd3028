"""Which rows of a reproduction may read what, and what is said of fusion without metadata and of melanomas."""

import re

import numpy as np
import pytest

from tfderm.datasets.corpus import Record
from tfderm.evaluation.reproduction_metadata import (
    admitted,
    guard_sentence,
    melanoma,
    recall_metrics,
    withheld_sentence,
)
from tfderm.evaluation.scores import task_metrics
from tfderm.recipes import get_tables

LABELS = ("bcc", "mel", "nv")


def photographs(leaking):
    random = np.random.default_rng(0)
    records = []
    for index in range(240):
        label = LABELS[index % 3]
        known = {"age": str(random.integers(20, 90)), "site": "back", "sex": "male"}
        if leaking and label == "nv" and index % 5:
            known.pop("sex")
        records.append(Record(f"{index}.jpg", patient_id=str(index), label=label, metadata=known))
    return records


def rows():
    tables = get_tables("metanet")
    methods = [recipe.name for recipe in tables["Fusion"].values()]
    return {recipe.name: recipe for table in tables.values() for recipe in table.values()}, methods


def test_every_row_is_trained_where_nothing_leaks():
    named, methods = rows()
    trained, refused = admitted(named, methods, photographs(leaking=False))
    assert (trained, refused) == (named, {}) and len(trained) == 9


def test_rows_of_a_leaking_column_are_refused_and_methods_do_without():
    named, methods = rows()
    trained, refused = admitted(named, methods, photographs(leaking=True))
    assert set(named) - set(trained) == {"metanet:sex", "metanet:age_sex", "metanet:sex_site"}
    assert set(refused.values()) == {"refused: missingness leaks"}
    assert set(refused) == {*(set(named) - set(trained)), "metanet", "metanet:concatenation"}
    assert trained["metanet"].metadata == trained["metanet:concatenation"].metadata == ("age", "site")


def test_the_ablation_has_the_eight_rows_of_the_slides():
    table = get_tables("metanet")["Metadata"]
    claims = {method: recipe.claim["mean_class_recall"] for method, recipe in table.items()}
    assert claims == {
        "nothing": 0.8544, "age": 0.8584, "sex": 0.8404, "site": 0.8706,
        "age, sex": 0.8416, "sex, site": 0.8591, "age, site": 0.8770, "age, sex, site": 0.8764,
    }  # fmt: skip


def test_recall_of_melanoma_is_that_of_its_class():
    assert melanoma(("BCC", "MEL", "NEV")) == "MEL" and melanoma(("psoriasis", "eczema")) is None
    chosen = recall_metrics(task_metrics("classification", 3), LABELS)
    y_true, answered = np.array([0, 1, 1, 1, 2]), np.array([0, 1, 1, 2, 1])
    assert chosen["melanoma_recall"].function(y_true, np.eye(3)[answered]) == pytest.approx(2 / 3)
    assert list(recall_metrics(task_metrics("classification", 2), ("a", "b"))) == ["mean_class_recall"]


def effects(recall, melanoma_recall, title="everything known"):
    return {"effects": {title: {"mean_class_recall": {"mean": recall}, "melanoma_recall": {"mean": melanoma_recall}}}}


def interval(value, half_width):
    return {"value": value, "low": value - half_width, "high": value + half_width}


@pytest.mark.parametrize(
    ("recall", "of_melanoma", "words"),
    [
        (interval(0.03, 0.02), interval(-0.06, 0.03), "WARNING: .*-6.0 pp .*, beyond its interval"),
        (interval(0.03, 0.02), interval(-0.01, 0.03), "WARNING: .*-1.0 pp .*, though within its interval"),
        (interval(0.03, 0.02), interval(0.02, 0.03), "does not buy"),
        (interval(-0.03, 0.02), interval(-0.06, 0.03), "does not buy"),
    ],
)
def test_the_guard_warns_of_means_bought_with_melanomas(recall, of_melanoma, words):
    chosen = recall_metrics(task_metrics("classification", 3), LABELS)
    assert re.search(words, guard_sentence(effects(recall, of_melanoma), chosen))


@pytest.mark.parametrize(
    ("difference", "holds"),
    [(interval(-0.009, 0.02), True), (interval(-0.011, 0.005), False), (interval(-0.005, 0.03), False)],
)
def test_without_metadata_a_point_may_be_lost_and_three_must_be_excluded(difference, holds):
    chosen = recall_metrics(task_metrics("classification", 3), LABELS)
    sentence = withheld_sentence(effects(difference, interval(0.0, 0.01), "nothing known"), chosen)
    assert ("does NOT hold" in sentence) != holds
