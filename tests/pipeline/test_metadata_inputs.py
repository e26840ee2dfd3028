"""Metadata as inputs of training: fitted on training photographs, withheld as the recipe says, the same every time."""

from dataclasses import replace

import numpy as np
import pytest

from tfderm import datasets
from tfderm.datasets.corpus import Record
from tfderm.errors import InputError
from tfderm.pipeline.input_pipeline import InputPipeline
from tfderm.pipeline.metadata import encoded, metadata_columns
from tfderm.recipes import get_recipe

RECORDS = [
    Record("a.jpg", metadata={"age": "30", "site": "back"}),
    Record("b.jpg", metadata={"age": "50"}),
    Record("c.jpg", metadata={"site": "arm"}),
]


def test_columns_are_fitted_on_what_is_known():
    age, site = metadata_columns(RECORDS, ("age", "site"))
    assert (age.mean, age.std, age.range, age.unit) == (40.0, 10.0, (30.0, 50.0), "years")
    assert site.values == ("arm", "back") and not age.values
    arrays = encoded(RECORDS, (age, site))
    assert arrays["metadata"].tolist() == [[30, 1], [50, 0], [0, 0]]
    assert arrays["metadata_known"].tolist() == [[1, 1], [1, 0], [0, 1]]


@pytest.mark.parametrize(("column", "reason"), [("sex", "none has it"), ("age", "all have '40'")])
def test_a_column_that_tells_nothing_is_refused(column, reason):
    with pytest.raises(InputError, match=f"`metadata` {column}: .*{reason}"):
        metadata_columns([Record("a.jpg", metadata={"age": "40"})] * 3, (column,))


def test_an_image_without_a_number_is_named():
    columns = metadata_columns(RECORDS, ("age",))
    with pytest.raises(InputError, match=r"d.jpg: age must be a number. Received: forty"):
        encoded([Record("d.jpg", metadata={"age": "forty"})], columns)


@pytest.fixture(scope="module")
def batches():
    """Metadata inputs of two epochs of training and of validation, as `fit` receives them."""
    corpus = datasets.load("synthetic:pigmented:200")
    recipe = replace(get_recipe("metanet"), labels=("bkl", "mel", "nv"), metadata_dropout=0.3, images_per_class=0)
    columns = metadata_columns(corpus.records, recipe.metadata)

    def known(training, epoch):
        pipeline = InputPipeline(corpus, corpus.records, recipe, (), training, metadata=columns)
        return np.concatenate([inputs["metadata_known"].numpy() for inputs, *_ in pipeline.dataset(epoch)])

    return {(training, epoch): known(training, epoch) for training in (True, False) for epoch in (0, 1)}, corpus


def test_training_withholds_and_validation_does_not(batches):
    found, corpus = batches
    there = np.mean([[name in record.metadata for name in ("age", "sex", "site")] for record in corpus.records])
    assert found[False, 0].mean() == pytest.approx(there)
    training = np.concatenate([found[True, 0], found[True, 1]])
    # A value's deviation is at most 0.5; values that are unknown anyway of one image may hang together.
    assert training.mean() == pytest.approx(0.7 * there, abs=4 * 0.5 / np.sqrt(len(training)))
    assert not np.array_equal(found[True, 0], found[True, 1])


def test_an_epoch_is_the_same_every_time(batches):
    found, corpus = batches
    recipe = replace(get_recipe("metanet"), labels=("bkl", "mel", "nv"), metadata_dropout=0.3, images_per_class=0)
    columns = metadata_columns(corpus.records, recipe.metadata)
    pipeline = InputPipeline(corpus, corpus.records, recipe, (), True, metadata=columns)
    again = np.concatenate([inputs["metadata_known"].numpy() for inputs, *_ in pipeline.dataset(1)])
    np.testing.assert_array_equal(again, found[True, 1])
