"""A recipe: everything that decides a training run, in one frozen dataclass with a JSON form."""

import ast
import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, get_args, get_type_hints

from tfderm.clinical.taxonomy import URGENCIES
from tfderm.contract import TASKS, ImageInput
from tfderm.errors import InputError

ANY_COLUMN = "*"
"""The end of a name in `metadata` that stands for every column which begins so."""


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image; every field 0 or False means none.

    Args:
        horizontal_flip: mirror left-right with probability 1/2.
        vertical_flip: mirror top-bottom with probability 1/2.
        rotation: largest rotation, degrees.
        zoom: largest relative change of scale, 0..0.5.
        brightness: largest additive change, as a fraction of 255.
        contrast: largest relative change of contrast about the image mean.
        saturation: largest relative change of saturation.
    """

    horizontal_flip: bool = False
    vertical_flip: bool = False
    rotation: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """What is trained, on what, how; one per paper, a row of its tables is a variant made with `dataclasses.replace`.

    Args:
        name: as in `tfderm train NAME`; a variant is `NAME:VARIANT`.
        paper: citation.
        task: "severity" (regression of the region score, 0..72), "classification", "multilabel" (any number of labels
            on one image), or "detection" (lesion boxes).
        model: a name known to `tfderm.create_model`.
        model_options: keyword arguments of that model.
        image_size: height, width in pixels.
        crop: classes only: None for the whole photograph, stretched to `image_size`; otherwise the share of its
            largest centred part of that shape (`tfderm.contract.ImageInput`).
        labels: classes, in the order of the outputs. Empty for those that the data has, in
            alphabetical order.
        label_names: label -> words for people; by default those of `tfderm.clinical.taxonomy`.
        urgency: label -> how soon to see a doctor; by default as there.
        label_aliases: other spellings found in published tables -> label.
        ignored_labels: labels of the data that this recipe leaves out, and says so.
        data: default source of data, as `--data` takes it; empty where the user must give one.
        augmentation: random changes of training images.
        batch_size: images per step (with `pairs="random"`: two per pair).
        epochs: passes over the training split.
        batches: steps of training in all; as many epochs as hold them, whatever `epochs` says. 0 leaves it at that.
        patience: epochs without a smaller validation loss after which training ends; 0 trains them all.
        optimizer: "adam" or "sgd" (momentum 0.9).
        learning_rate: peak learning rate, of the last layer.
        learning_rate_schedule: "constant", or "cosine" (down to 0 over the run, after a linear warm-up).
        warm_up: share of the run in which a "cosine" rate rises from 0.
        first_layer_rate: the first layer's learning rate as a share of the last's; those between are spaced
            geometrically.
        weight_decay: L2 penalty on kernels, as the coefficient of the gradient (weight_decay * w).
        pairs: severity only: "random" (a batch is image pairs drawn anew every step), "all" (every pair within the
            batch, with signed differences), "none" (no pair loss).
        loss_weights: weights of the loss terms (paper 1, eq. 9: location 1.0, pair 0.2, regression 0.2; ours: for each
            severity component, components 0.2; for each auxiliary column, auxiliary 0.3).
        precision: "float32", or "mixed_bfloat16": compute in bfloat16, keep weights and the saved model in float32.
            Faster on GPUs and on CPUs with AMX, slower on others.
        class_balance: classes only: draw every class equally often in training, whatever its frequency.
        images_per_class: with `class_balance`: images of every class in an epoch, each time augmented anew, a rare
            class several times; 0 for as many images as the training split has, in all.
        metadata: classification only: columns of the metadata that a model with such inputs reads beside the image; a
            name that ends with `*` stands for those of the data that begin so (`datasets.resolved`).
        metadata_dropout: with `metadata`: how often, in training, a value is withheld, 0..1. Beside it every image is
            learned without any of its metadata too.
        auxiliary: classification only: columns of the metadata that the network learns to tell beside the class, while
            it trains; the saved model does not tell them.
        weights: published weights to start from, as `tfderm.create_model` takes them: a file, or a name such as
            "imagenet"; empty for fresh ones.
        fine_tuning: what learns: "full" (everything), "head" (the last layer alone; batch normalisation keeps its
            statistics and uses them), or "scratch" (everything, and never from other weights).
        pretraining: the recipe, with data of its own, whose trained weights this one starts from; tensors of equal name
            and shape are taken. It is trained once and kept; None starts afresh.
        select_best: keep the weights of the epoch with the best validation loss rather than the last.
        folds: number of folds the corpus is divided into.
        fold: the one held out for testing.
        validation_fraction: share of the remaining groups held out for validation.
        wanted_accuracy: classification only: the share of right answers from which on the exported model counts as sure
            of them, 0..1.
        seed: of initialisation, order, pairs and augmentation.
        claim: the figures the paper reports, for reports that print both (detection: `precision` is what the
            confidence is chosen for).
    """

    name: str
    paper: str
    task: str
    model: str
    image_size: tuple[int, int]
    crop: float | None = None
    model_options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    label_names: Mapping[str, str] = field(default_factory=dict)
    urgency: Mapping[str, str] = field(default_factory=dict)
    label_aliases: Mapping[str, str] = field(default_factory=dict)
    ignored_labels: tuple[str, ...] = ()
    data: str = ""
    augmentation: Augmentation = Augmentation()
    batch_size: int = 16
    epochs: int = 30
    batches: int = 0
    patience: int = 0
    optimizer: str = "adam"
    learning_rate: float = 1e-4
    learning_rate_schedule: str = "constant"
    warm_up: float = 0.05
    first_layer_rate: float = 1.0
    weight_decay: float = 0.0
    pairs: str = "none"
    loss_weights: Mapping[str, float] = field(default_factory=dict)
    precision: str = "float32"
    class_balance: bool = False
    images_per_class: int = 0
    metadata: tuple[str, ...] = ()
    metadata_dropout: float = 0.2
    auxiliary: tuple[str, ...] = ()
    weights: str = ""
    fine_tuning: str = "full"
    pretraining: Optional["Recipe"] = None
    select_best: bool = False
    folds: int = 5
    fold: int = 0
    validation_fraction: float = 0.1
    wanted_accuracy: float = 0.9
    seed: int = 0
    claim: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, allowed in (
            ("task", TASKS),
            ("optimizer", ("adam", "sgd")),
            ("learning_rate_schedule", ("constant", "cosine")),
            ("pairs", ("random", "all", "none")),
            ("precision", ("float32", "mixed_bfloat16")),
            ("fine_tuning", ("full", "head", "scratch")),
        ):
            if getattr(self, name) not in allowed:
                received = f"{name}={getattr(self, name)!r}"
                raise InputError(f"`{name}` must be one of {', '.join(allowed)}. Received: {received}")
        lowest = {"batch_size": 1, "epochs": 1, "folds": 2} | dict.fromkeys(
            ("batches", "patience", "images_per_class", "fold", "seed"), 0
        )
        for name, low in lowest.items():
            if getattr(self, name) < low:
                raise InputError(f"`{name}` must be at least {low}. Received: {name}={getattr(self, name)}")
        if self.fold >= self.folds:
            raise InputError(f"`fold` must be below `folds` ({self.folds}). Received: fold={self.fold}")
        if self.learning_rate <= 0 or not 0 < self.validation_fraction < 1:
            raise InputError(
                "`learning_rate` must be positive and `validation_fraction` between 0 and 1. "
                f"Received: learning_rate={self.learning_rate}, validation_fraction={self.validation_fraction}"
            )
        if not 0 < self.wanted_accuracy <= 1:
            raise InputError(
                f"`wanted_accuracy` lies above 0, at most 1. Received: wanted_accuracy={self.wanted_accuracy}"
            )
        if self.pairs == "random" and self.batch_size % 2:
            raise InputError(f"`batch_size` must be even with random pairs. Received: batch_size={self.batch_size}")
        if self.labels and not self.classes:
            raise InputError(f"`labels` go with classes alone. Received: task={self.task!r}, labels={self.labels}")
        if unknown := set(self.urgency.values()) - set(URGENCIES):
            raise InputError(
                f"`urgency` takes the levels {', '.join(URGENCIES)}. Received: {', '.join(sorted(map(str, unknown)))}"
            )
        if self.images_per_class and not self.class_balance:
            raise InputError(
                f"`images_per_class` goes with `class_balance`. Received: images_per_class={self.images_per_class}"
            )
        if self.metadata and self.task != "classification":
            raise InputError(
                f"`metadata` goes with task 'classification' alone. Received: task={self.task!r}, "
                f"metadata={self.metadata}"
            )
        if not 0 <= self.metadata_dropout <= 1:
            raise InputError(
                f"`metadata_dropout` lies between 0 and 1. Received: metadata_dropout={self.metadata_dropout}"
            )
        if both := set(self.metadata) & set(self.auxiliary):
            raise InputError(
                f"{', '.join(sorted(both))} cannot be read (`metadata`) and told (`auxiliary`) at once; take it out of "
                "one."
            )
        if self.auxiliary and self.task != "classification":
            raise InputError(
                f"`auxiliary` goes with task 'classification' alone. Received: task={self.task!r}, "
                f"auxiliary={self.auxiliary}"
            )
        if not 0 <= self.warm_up < 1 or not 0 < self.first_layer_rate <= 1:
            raise InputError(
                "`warm_up` lies between 0 and 1, `first_layer_rate` above 0, at most 1. "
                f"Received: warm_up={self.warm_up}, first_layer_rate={self.first_layer_rate}"
            )
        if self.weights and self.pretraining:
            raise InputError(
                f"`weights` and `pretraining` are two beginnings; take one away (--set pretraining=None). "
                f"Received: weights={self.weights!r}, pretraining={self.pretraining.name!r}"
            )
        if self.fine_tuning == "scratch" and (self.weights or self.pretraining):
            raise InputError("`fine_tuning` 'scratch' takes no `weights` and no `pretraining`; leave them out.")
        if self.crop is not None and not (self.classes and type(self.crop) in (int, float) and 0 < self.crop <= 1):
            raise InputError(
                "`crop` goes with classes alone and lies above 0, at most 1. "
                f"Received: task={self.task!r}, crop={self.crop!r}"
            )
        if self.fine_tuning == "head" and not self.classes:
            raise InputError(f"`fine_tuning` 'head' goes with classes alone. Received: task={self.task!r}")
        if self.first_layer_rate != 1 and self.task == "detection":
            raise InputError("`first_layer_rate` goes with networks of one chain of layers, not with a detector.")
        if own := {"weights", "mean", "std"} & set(self.model_options):
            raise InputError(
                f"`model_options` has {', '.join(sorted(own))}; weights are named in the field `weights` of the recipe."
            )

    def num_epochs(self, steps: int) -> int:
        """How many epochs of so many steps there are."""
        return math.ceil(self.batches / steps) if self.batches else self.epochs

    @property
    def classes(self) -> bool:
        """Whether it tells classes, one or several of an image."""
        return self.task in ("classification", "multilabel")

    @property
    def has_open_metadata(self) -> bool:
        """Whether the data decides which columns of metadata are read."""
        return any(name.endswith(ANY_COLUMN) for name in self.metadata)

    @property
    def image(self) -> ImageInput:
        """What of a photograph the network sees, and at which size."""
        return ImageInput(self.image_size, self.crop)

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Recipe":
        """Inverse of `to_json`. Raises `InputError` for a field this release does not know."""
        unknown = set(value) - {f.name for f in dataclasses.fields(cls)}
        if unknown:
            raise InputError(f"recipe: unknown field {', '.join(sorted(unknown))}; it was written by another release.")
        fields = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        fields["augmentation"] = Augmentation(**value["augmentation"])
        if value.get("pretraining"):
            fields["pretraining"] = cls.from_json(value["pretraining"])
        return cls(**fields)

    def with_settings(self, settings: list[str]) -> "Recipe":
        """Apply `key=value` strings; `model_options.width=16` and `augmentation.zoom=0.1` reach inside.

        `pretraining=None` takes an optional part away.

        Raises:
            InputError: no such field, or a value of the wrong type.
        """
        changes: dict[str, Any] = {}
        types = get_type_hints(type(self))
        for setting in settings:
            key, separator, text = setting.partition("=")
            outer, _, inner = key.partition(".")
            if not separator or outer not in types:
                raise InputError(f"--set takes key=value, key one of: {', '.join(types)}. Received: {setting}")
            current = changes.get(outer, getattr(self, outer))
            if inner and dataclasses.is_dataclass(current):
                if not hasattr(current, inner):
                    raise InputError(f"--set {setting}: {outer} has no field {inner!r}.")
                changes[outer] = dataclasses.replace(current, **{inner: _parse(setting, text, getattr(current, inner))})
            elif inner and isinstance(current, Mapping):
                changes[outer] = {**current, inner: _parse(setting, text, current.get(inner))}
            elif inner:
                raise InputError(f"--set {setting}: {outer} has no fields.")
            elif text == "None" and type(None) in get_args(types[outer]):
                changes[outer] = None
            else:
                changes[outer] = _parse(setting, text, current)
        return dataclasses.replace(self, **changes)


def _parse(setting: str, text: str, current: Any) -> Any:
    """The value of a setting, with the type of the value it replaces (a literal where there is none)."""
    if isinstance(current, str):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if isinstance(current, (tuple, list)) and isinstance(value, (tuple, list)):
        return type(current)(value)
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if current is not None and type(value) is not type(current):
        raise InputError(f"--set {setting}: expected {type(current).__name__}, received {type(value).__name__}.")
    return value
