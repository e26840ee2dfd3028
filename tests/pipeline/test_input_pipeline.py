"""Order, pairs, targets and determinism of what `fit` receives."""

from dataclasses import replace

import numpy as np
import pytest

from tfderm import datasets
from tfderm.contract import ImageInput
from tfderm.datasets.corpus import Record
from tfderm.errors import InputError
from tfderm.pipeline import load_images, location_maps
from tfderm.pipeline.arrays import write_arrays
from tfderm.pipeline.batch_order import batch_order
from tfderm.pipeline.input_pipeline import InputPipeline, class_weights, scaled_boxes
from tfderm.recipe import Augmentation
from tfderm.recipes import get_recipe


@pytest.fixture(scope="module")
def corpus(psoriasis):
    return datasets.load(psoriasis)


def recipe(**changes):
    small = replace(get_recipe("psenet:demo"), image_size=(64, 80), batch_size=4, augmentation=Augmentation())
    return replace(small, **changes)


def test_an_epoch_is_a_permutation_and_differs_from_the_next():
    order = batch_order(10, 3, "all", seed=5, epoch=0)
    assert order.shape == (3, 3) and len(set(order.ravel())) == 9
    assert not np.array_equal(order, batch_order(10, 3, "all", seed=5, epoch=1))
    np.testing.assert_array_equal(order, batch_order(10, 3, "all", seed=5, epoch=0))


def test_random_pairs_are_of_two_images_and_drawn_anew():
    order = batch_order(12, 6, "random", seed=5, epoch=0)
    assert order.shape == (2, 6) and np.all(order[:, 0::2] != order[:, 1::2])
    assert not np.array_equal(order, batch_order(12, 6, "random", seed=5, epoch=1))
    many = np.concatenate([batch_order(12, 6, "random", 0, e).reshape(-1, 2) for e in range(400)])
    counts = np.zeros((12, 12))
    np.add.at(counts, tuple(many.T), 1)
    # 2,400 draws over 132 ordered pairs: 18.2 expected each, standard deviation 4.3; five of them on either side.
    assert np.all(np.abs(counts[~np.eye(12, dtype=bool)] - 18.2) < 21.5)


def test_classes_are_drawn_equally_often_and_no_image_is_left_behind():
    classes = np.array([0] * 40 + [2] * 7 + [3] * 1)
    epochs = [batch_order(48, 8, "none", seed=5, epoch=epoch, classes=classes).ravel() for epoch in range(12)]
    for positions in epochs:
        np.testing.assert_array_equal(np.bincount(classes[positions]), [16, 0, 16, 16])
        counts = np.bincount(positions, minlength=48)
        assert counts[:40].max() == 1 and set(counts[40:47]) == {2, 3}
    # 40 images, 16 drawn in each of 12 epochs: one is missed in all of them with probability 0.6 ** 12 = 0.002.
    assert np.count_nonzero(np.bincount(np.concatenate(epochs), minlength=48)) >= 46
    assert not np.array_equal(epochs[0], epochs[1])


def test_a_split_smaller_than_a_batch_still_trains():
    assert batch_order(3, 16, "none", 0, 0).shape == (1, 3)
    assert batch_order(3, 16, "random", 0, 0).shape == (1, 2)


def test_targets_follow_the_records(corpus):
    records = corpus.records[:5]
    pipeline = InputPipeline(corpus, records, recipe(), (8, 16), training=False)
    batches = list(pipeline.dataset())
    assert [len(image) for image, _ in batches] == [4, 1]
    images = np.concatenate([image for image, _ in batches])
    np.testing.assert_array_equal(images, load_images(corpus, records, ImageInput((64, 80))))
    severity = np.concatenate([targets["severity"] for _, targets in batches])
    np.testing.assert_array_equal(severity[:, 0], [record.severity for record in records])
    maps = np.concatenate([targets["location_map_16"] for _, targets in batches])
    for record, target in zip(records, maps, strict=True):
        np.testing.assert_array_equal(target[..., 0], location_maps(record.boxes, (64, 80), [16])[0])


def test_grades_are_targets_and_unknown_ones_are_marked(corpus):
    def grades(record, **changes):
        metadata = {**record.metadata, **changes}
        return replace(record, metadata={name: text for name, text in metadata.items() if text})

    records = [grades(corpus.records[0], area=""), grades(corpus.records[1], erythema="0", area="5.5")]
    names = ("erythema", "area")
    (batch,) = InputPipeline(corpus, records, recipe(), (8,), False, names).dataset()
    assert set(batch[1]) == {"location_map_8", "severity", *names}
    np.testing.assert_array_equal(batch[1]["area"], [[-1], [5.5]])
    np.testing.assert_array_equal(batch[1]["erythema"], [[float(corpus.records[0].metadata["erythema"])], [0]])
    for wrong in ("7", "nan", "large"):
        with pytest.raises(InputError, match=f"area must be a number from 0 to 6. Received: {wrong}"):
            InputPipeline(corpus, [grades(corpus.records[0], area=wrong)], recipe(), (8,), False, names)


def test_arrays_for_training_elsewhere_hold_the_grades(corpus, tmp_path):
    metadata = {name: text for name, text in corpus.records[0].metadata.items() if name != "area"}
    records = [replace(corpus.records[0], metadata=metadata), corpus.records[1]]
    write_arrays(corpus, records, recipe(model_options={"components": True}), tmp_path / "data.npz")
    with np.load(tmp_path / "data.npz") as arrays:
        np.testing.assert_array_equal(arrays["area"], [np.nan, float(corpus.records[1].metadata["area"])])
        np.testing.assert_array_equal(arrays["erythema"], [float(record.metadata["erythema"]) for record in records])


def test_the_same_epoch_gives_the_same_batches(corpus):
    changes = Augmentation(horizontal_flip=True, rotation=10, brightness=0.1)
    pipelines = [InputPipeline(corpus, corpus.records, recipe(augmentation=changes), (8,), True) for _ in range(2)]
    first, again, later = ([image.numpy() for image, _ in p.dataset(e)] for p, e in zip(
        [pipelines[0], pipelines[1], pipelines[0]], [3, 3, 4], strict=True))  # fmt: skip
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, later, strict=True))


def test_unannotated_images_are_marked_and_empty_ones_are_not(corpus):
    records = [replace(corpus.records[0], boxes=None), replace(corpus.records[1], boxes=())]
    (batch,) = InputPipeline(corpus, records, recipe(), (8,), training=False).dataset()
    maps = batch[1]["location_map_8"].numpy()
    assert np.all(maps[0] == -1) and np.all(maps[1] == 0)


def test_boxes_are_scaled_with_the_image():
    record = Record("a.png", boxes=((10, 20, 30, 40),), image_size=(400, 200))
    _, boxes = scaled_boxes(record, (100, 100))
    np.testing.assert_allclose(boxes, [[5, 5, 15, 10]])


def test_class_weights_give_every_class_the_same_total_and_mean_one():
    classes = np.array([0] * 6 + [1] * 3 + [2])
    weights = class_weights(classes, 3, balance=True)
    totals = [weights[classes == k].sum() for k in range(3)]
    np.testing.assert_allclose(totals, totals[0], rtol=1e-6)
    assert weights.mean() == pytest.approx(1)
    assert np.all(class_weights(classes, 3, balance=False) == 1)
