"""`tf.data` input of training: decode, resize, augment, targets and batching, deterministic for a seed."""

from collections.abc import Sequence

import numpy as np

from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.selection import component_grades, true_values
from tfderm.pipeline.augment import augment
from tfderm.pipeline.batch_order import batch_order
from tfderm.pipeline.detection_targets import padded_boxes
from tfderm.pipeline.images import ImageStore
from tfderm.pipeline.location_maps import location_maps
from tfderm.recipe import Augmentation, Recipe


class InputPipeline:
    """Batches of one split, epoch by epoch.

    Args:
        corpus: where the files lie.
        records: photographs of the split.
        recipe: sizes, labels, pairs, augmentation, seed.
        strides: strides of the location maps the model predicts; empty for none.
        training: shuffle, draw pairs and augment; otherwise the order of `records`, unchanged images, no remainder.
        components: severity components the model predicts; empty for none.

    Batches are `(image, targets, weights)` as `keras.Model.fit` takes them: image (B, height, width, 3) uint8; targets
    and weights by the names of the model's outputs (severity (B, 1), location_map_S (B, H/S, W/S, 1), -1 where nobody
    annotated boxes; a component's grade (B, 1), -1 where nobody gave one; probabilities: class index (B,), weighted
    inversely to the class' frequency if the recipe says so; for detection boxes (B, M, 4) x, y, width, height in pixels
    and valid (B, M), M the most boxes of a photograph).
    """

    def __init__(
        self,
        corpus: Corpus,
        records: Sequence[Record],
        recipe: Recipe,
        strides: Sequence[int],
        training: bool,
        components: Sequence[str] = (),
    ):
        self.records = list(records)
        self.recipe = recipe
        self.strides = tuple(strides)
        self.training = training
        self._images = ImageStore(corpus, self.records, recipe.image_size)
        self._boxes = [scaled_boxes(record, recipe.image_size) for record in self.records]
        if recipe.task == "classification":
            self._classes = true_values(self.records, recipe).astype(np.int32)
            self._weights = class_weights(self._classes, len(recipe.labels), recipe.class_balance)
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
            return list(batch_order(len(self.records), recipe.batch_size, recipe.pairs, recipe.seed, epoch))
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
            image, weights = named.pop("image"), named.pop("weights", None)
            return (image, named) if weights is None else (image, named, {"probabilities": weights})

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
        if self.recipe.task == "classification":
            return [np.stack(images), self._classes[positions], self._weights[positions]]
        if self.recipe.task == "detection":
            return [np.stack(images), *padded_boxes([moved for _, moved in boxes], self._max_boxes)]
        scores = [values[positions, None] for values in (self._severity, *self._grades.values())]
        return [np.stack(images), *self._location_targets(boxes), *scores]

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
        if self.recipe.task == "classification":
            specs["probabilities"] = tf.TensorSpec((None,), tf.int32)
            specs["weights"] = tf.TensorSpec((None,), tf.float32)
            return specs
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
