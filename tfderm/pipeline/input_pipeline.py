"""`tf.data` input of training: decode, resize, augment, targets and batching, deterministic for a seed."""

from collections.abc import Sequence

import numpy as np

from tfderm.contract import MetadataColumn
from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.selection import component_grades, true_values
from tfderm.pipeline.augment import augment
from tfderm.pipeline.auxiliary import UNKNOWN, AuxiliaryTarget
from tfderm.pipeline.batch_order import batch_order
from tfderm.pipeline.detection_targets import padded_boxes
from tfderm.pipeline.images import ImageStore
from tfderm.pipeline.location_maps import location_maps
from tfderm.pipeline.metadata import encoded
from tfderm.recipe import Augmentation, Recipe

_WEIGHT = "weight of "  # begins the names of weights among the arrays of a batch


class InputPipeline:
    """Batches of one split, epoch by epoch.

    Args:
        corpus: where the files lie.
        records: photographs of the split.
        recipe: sizes, labels, pairs, augmentation, seed.
        strides: strides of the location maps the model predicts; empty for none.
        training: shuffle, draw pairs and augment; otherwise the order of `records`, unchanged images, no remainder.
        components: severity components the model predicts; empty for none.
        auxiliary: columns of the metadata that the model learns beside the class.
        answers: outputs of a classifier that learn the class.
        metadata: columns that the model reads beside the image; empty for none.

    Batches are `(image, targets, weights)` as `keras.Model.fit` takes them, or `(image, targets)`. Image is
    (B, height, width, 3) uint8, or, with metadata, the inputs by name; in training some of the metadata is withheld
    (`Recipe.metadata_dropout`). Targets and weights have the names of the model's outputs:

    - severity (B, 1), and location_map_S (B, H/S, W/S, 1), -1 where nobody annotated boxes;
    - a component's grade (B, 1), -1 where nobody gave one;
    - probabilities, and what else learns the class: class index (B,), or of several labels (B, num_labels) float32, 1
      for those that the photograph shows, else 0. Where the recipe balances classes, training draws
      each equally often, and otherwise classes, though not labels, are weighted inversely to their frequency;
    - auxiliary_COLUMN: class index (B,), with weight 0 where it is unknown;
    - detection: boxes (B, M, 4) x, y, width, height in pixels and valid (B, M), M the most boxes of a photograph.
    """

    def __init__(
        self,
        corpus: Corpus,
        records: Sequence[Record],
        recipe: Recipe,
        strides: Sequence[int],
        training: bool,
        components: Sequence[str] = (),
        auxiliary: Sequence[AuxiliaryTarget] = (),
        answers: Sequence[str] = ("probabilities",),
        metadata: Sequence[MetadataColumn] = (),
    ):
        self.records = list(records)
        self.recipe = recipe
        self.strides = tuple(strides)
        self.training = training
        self._images = ImageStore(corpus, self.records, recipe.image)
        self._metadata = encoded(self.records, metadata)
        self._boxes = [scaled_boxes(record, recipe.image_size) for record in self.records]
        if recipe.classes:
            classes = true_values(self.records, recipe)
            if recipe.task == "multilabel":
                classes, weights = classes.astype(np.float32), np.ones(len(classes), np.float32)
            else:
                classes = classes.astype(np.int32)
                weights = class_weights(classes, len(recipe.labels), recipe.class_balance and not training)
            self._classes, self._weights = dict.fromkeys(answers, classes), dict.fromkeys(answers, weights)
            for target in auxiliary:
                classes = target.classes(self.records)
                self._classes[target.output] = np.maximum(classes, 0)
                self._weights[target.output] = (classes != UNKNOWN).astype(np.float32)
        elif recipe.task == "detection":
            self._max_boxes = max([1, *true_values(self.records, recipe)])
        else:
            self._severity = true_values(self.records, recipe).astype(np.float32)
            self._grades = {
                name: np.nan_to_num(component_grades(self.records, name), nan=-1.0).astype(np.float32)
                for name in components
            }

    def order(self, epoch: int) -> list[np.ndarray]:
        """Positions in `records` of every step of this epoch."""
        recipe = self.recipe
        if self.training:
            classes = self._classes["probabilities"] if recipe.class_balance else None
            balance = (classes, recipe.images_per_class)
            return list(batch_order(len(self.records), recipe.batch_size, recipe.pairs, recipe.seed, epoch, *balance))
        positions = np.arange(len(self.records))
        return np.split(positions, range(recipe.batch_size, len(positions), recipe.batch_size))

    def dataset(self, epoch: int = 0):
        """The epoch as a `tf.data.Dataset`; steps are prepared in parallel and delivered in order."""
        import tensorflow as tf

        order = self.order(epoch)
        specs = self._specs()

        def load_step(step):
            arrays = tf.numpy_function(
                lambda step: self.batch(order[int(step)], epoch, int(step)),
                [step],
                [spec.dtype for spec in specs.values()],
                stateful=False,
            )
            for array, spec in zip(arrays, specs.values(), strict=True):
                array.set_shape(spec.shape)
            named = dict(zip(specs, arrays, strict=True))
            inputs = {name: named.pop(name) for name in ("image", *self._metadata)}
            image = inputs if self._metadata else inputs["image"]
            weights = {name: named.pop(_WEIGHT + name) for name in list(named) if _WEIGHT + name in named}
            return (image, named, weights) if weights else (image, named)

        # With fixed parallelism there is nothing to tune, and the tuner keeps a finished iterator waiting for seconds.
        options = tf.data.Options()
        options.autotune.enabled = False
        dataset = tf.data.Dataset.range(len(order)).map(load_step, num_parallel_calls=4, deterministic=True)
        return dataset.prefetch(2).with_options(options)

    def batch(self, positions: np.ndarray, epoch: int, step: int) -> list[np.ndarray]:
        """The arrays of one step, in the order of `_specs`."""
        augmentation = self.recipe.augmentation if self.training else Augmentation()
        images, boxes = [], []
        for place, position in enumerate(positions):
            rng = np.random.default_rng([self.recipe.seed, epoch, step, place])
            image, moved = augment(self._images[position], self._boxes[position][1], augmentation, rng)
            images.append(image)
            boxes.append((self._boxes[position][0], moved))
        if self.recipe.classes:
            answers = (*self._classes.values(), *self._weights.values())
            metadata = self._known_metadata(positions, epoch, step)
            return [np.stack(images), *metadata, *(values[positions] for values in answers)]
        if self.recipe.task == "detection":
            return [np.stack(images), *padded_boxes([moved for _, moved in boxes], self._max_boxes)]
        scores = [values[positions, None] for values in (self._severity, *self._grades.values())]
        return [np.stack(images), *self._location_targets(boxes), *scores]

    def _known_metadata(self, positions: np.ndarray, epoch: int, step: int) -> list[np.ndarray]:
        """The metadata inputs of one step, less what training withholds."""
        if not self._metadata:
            return []
        values, known = (array[positions] for array in self._metadata.values())
        if self.training:
            share = self.recipe.metadata_dropout
            rng = np.random.default_rng([self.recipe.seed, epoch, step, len(positions)])
            known = known * (rng.random(known.shape) >= share)
        return [values, known.astype(np.float32)]

    def _location_targets(self, boxes) -> list[np.ndarray]:
        maps = [location_maps(box, self.recipe.image_size, self.strides) for _, box in boxes]
        for index, (annotated, _) in enumerate(boxes):
            if not annotated:
                maps[index] = [np.full_like(target, -1) for target in maps[index]]
        return [np.stack(targets)[..., None] for targets in zip(*maps, strict=True)]

    def _specs(self):
        """Name -> tensor spec of what `batch` returns, in its order."""
        import tensorflow as tf

        height, width = self.recipe.image_size
        specs = {"image": tf.TensorSpec((None, height, width, 3), tf.uint8)}
        specs |= {name: tf.TensorSpec((None, values.shape[1]), tf.float32) for name, values in self._metadata.items()}
        if self.recipe.classes:
            classes = {
                name: tf.TensorSpec((None, *values.shape[1:]), values.dtype) for name, values in self._classes.items()
            }
            weights = {_WEIGHT + name: tf.TensorSpec((None,), tf.float32) for name in self._weights}
            return specs | classes | weights
        if self.recipe.task == "detection":
            specs["boxes"] = tf.TensorSpec((None, self._max_boxes, 4), tf.float32)
            specs["valid"] = tf.TensorSpec((None, self._max_boxes), tf.float32)
            return specs
        for stride in self.strides:
            shape = (None, -(-height // stride), -(-width // stride), 1)
            specs[f"location_map_{stride}"] = tf.TensorSpec(shape, tf.float32)
        for name in ("severity", *self._grades):
            specs[name] = tf.TensorSpec((None, 1), tf.float32)
        return specs


def scaled_boxes(record: Record, image_size: tuple[int, int]) -> tuple[bool, np.ndarray]:
    """Whether boxes were annotated, and the boxes (n, 4) in pixels of an image resized to `image_size`."""
    if record.boxes is None:
        return False, np.empty((0, 4))
    boxes = np.asarray(record.boxes, np.float64).reshape(-1, 4)
    if record.image_size is not None:
        y_scale, x_scale = image_size[0] / record.image_size[0], image_size[1] / record.image_size[1]
        boxes = boxes * [x_scale, y_scale, x_scale, y_scale]
    return True, boxes


def class_weights(classes: np.ndarray, num_classes: int, balance: bool) -> np.ndarray:
    """A weight per example, mean 1: with `balance`, every class present has the same total."""
    if not balance:
        return np.ones(len(classes), np.float32)
    counts = np.bincount(classes, minlength=num_classes)
    return (len(classes) / (np.count_nonzero(counts) * counts[classes])).astype(np.float32)
