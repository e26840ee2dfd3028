"""The model contract: what pixels and outputs mean, written once in Python and carried inside the `.tflite`."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfderm.errors import InputError

CONTRACT_VERSION = 1
TASKS = ("severity", "classification", "multilabel", "detection")
METADATA_INPUTS = ("metadata", "metadata_known")
ANSWERS = ("interval", "band", "answered", "set", "present", "unsuitable")
"""Kinds of output that say what the others are worth."""


@dataclass(frozen=True)
class ImageInput:
    """The image a model eats, which is one thing from training to phone: uint8 RGB of a fixed size.

    Args:
        image_size: height, width in pixels.
        crop: what of the upright photograph is seen: None for all of it, stretched to `image_size`; otherwise its
            largest centred part of the shape of `image_size`, times this share of its sides (0..1).
        mean: per channel; the graph itself computes (pixels / 255 - mean) / std, and a client does not.
        std: per channel.
        name: of the input.
        channels: their order.
        dtype: of the pixels.
        resize: names the one resize every client performs (`tfderm.runtime.preprocess`): bilinear, half-pixel centres,
            antialiased, 22-bit integer weights.
    """

    image_size: tuple[int, int]
    crop: float | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    name: str = "image"
    channels: str = "RGB"
    dtype: str = "uint8"
    resize: str = "bilinear-half-pixel-antialias-22bit"


@dataclass(frozen=True)
class MetadataColumn:
    """One thing known of a patient that a model reads beside the image.

    A client gives two further inputs, float32 with one number per column in the order of the contract: `metadata`, the
    number itself, or of a column of words the position of the word in `values`; and `metadata_known`, 1 where it is
    known, else 0. What is not known may be any finite number. The graph does the rest: it subtracts `mean` and divides
    by `std`, or gives every word a place of its own.

    Args:
        name: as in the manifest: age, sex, site or any other.
        values: the words, those that training saw; empty for a number.
        mean: of the training photographs' numbers.
        std: likewise, above 0.
        range: smallest and largest number that training saw; what lies outside counts as unknown, and a client says so.
        unit: of a number.
    """

    name: str
    values: tuple[str, ...] = ()
    mean: float = 0.0
    std: float = 1.0
    range: tuple[float, float] = (0.0, 0.0)
    unit: str = ""

    @property
    def seen(self) -> str:
        """What training saw, for people: "female, male" or "5 to 85 years"."""
        return ", ".join(self.values) or "{:g} to {:g} {}".format(*self.range, self.unit).rstrip()


@dataclass(frozen=True)
class Output:
    """One named output of the model.

    Args:
        name: signature name, e.g. "severity".
        kind: "severity", "interval" (low, high of the severity), "band" (index in `SEVERITY_BANDS`), "probabilities",
            "glimpse" (probabilities before a closer look), "area_of_interest" (pixels of the part that a spatial
            transformer looks at), "transform" (its affine matrix, from -1..1 over that part to -1..1 over the image),
            "answered" (1 where the largest probability reaches `abstention.threshold` of the uncertainty, else 0),
            "set" (per class 1 where its probability reaches its threshold in `sets`, else 0), "present" (per label 1
            where its probability reaches its threshold in `labels`, else 0), "unsuitable" (per check of `suitability` 1
            where the photograph is beyond the limit, else 0), "location_map",
            "class_activation_map" (what speaks for the most probable class, over the whole image), "component"
            (erythema, induration, desquamation or area: a grade behind the severity), "boxes" (x, y, width, height;
            -1 pads) or "scores" (-1 pads).
        shape: without the batch axis.
        range: smallest and largest meaningful value; clients clip to it.
        unit: e.g. "PASI region score" or "pixels"; empty for probabilities.
        stride: of a map: input pixels per cell; of a class-activation map, whose cells divide the image evenly, about.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    range: tuple[float, float]
    unit: str = ""
    stride: int | None = None


@dataclass(frozen=True)
class ModelContract:
    """Everything a client must know of a model, with JSON form.

    Args:
        recipe: name of the recipe, with its variant (`psenet:demo`).
        task: one of `TASKS`.
        image: the image input.
        outputs: named outputs.
        metadata: what it reads beside the image, in the order of the inputs `metadata` and `metadata_known`; empty for
            a model of images alone, which has no such inputs.
        labels: class labels in the order of the probabilities; empty for severity and detection.
        label_names: label -> words for people.
        urgency: label -> one of `tfderm.clinical.taxonomy.URGENCIES`, a hint how soon to see a doctor; a label that
            nobody ranked is absent.
        intended_use: plain statement shown wherever the model runs.
        licence: licence of the weights, which follows that of the training data.
        uncertainty: severity: `interval` (level, half_widths by predicted band, counts, limits), `change` (value,
            level: a change between two visits larger than it is hardly the model's error), `measured_on`.
            Classification: `temperature` (by which logits are divided in the graph), `abstention` (wanted_accuracy,
            threshold or None, coverage, accuracy), `sets` (level, thresholds by label, counts), `suitability` (share of
            suitable photographs turned away, checks with name, side, limit, words; left_out), `measured_on`.
            Several labels: `labels` (thresholds and counts by label), `suitability`, `measured_on`. Or empty.
        training: provenance: data name, whether it is synthetic, data fingerprint, seed, versions.
    """

    recipe: str
    task: str
    image: ImageInput
    outputs: tuple[Output, ...]
    metadata: tuple[MetadataColumn, ...] = ()
    labels: tuple[str, ...] = ()
    label_names: Mapping[str, str] = field(default_factory=dict)
    urgency: Mapping[str, str] = field(default_factory=dict)
    intended_use: str = "Research use only. Not a medical device; not for diagnosis or treatment decisions."
    licence: str = "unspecified"
    uncertainty: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    version: int = CONTRACT_VERSION

    @property
    def inputs(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Name -> shape without the batch axis, and dtype, of every input."""
        image = {self.image.name: ((*self.image.image_size, 3), self.image.dtype)}
        return image | dict.fromkeys(METADATA_INPUTS if self.metadata else (), ((len(self.metadata),), "float32"))

    def output(self, kind: str) -> Output:
        """The first output of this kind."""
        return next(output for output in self.outputs if output.kind == kind)

    def outputs_of_kind(self, kind: str) -> tuple[Output, ...]:
        return tuple(output for output in self.outputs if output.kind == kind)

    def to_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ModelContract":
        """Inverse of `to_json`.

        Raises:
            InputError: a field is missing or unknown, or the version is not the one this release reads.
        """
        if value.get("version") != CONTRACT_VERSION:
            raise InputError(
                f"contract version {value.get('version')!r} cannot be read: expected {CONTRACT_VERSION}; "
                "export the model again with this release."
            )
        try:
            fields = dict(value)
            image = _with_tuples(fields.pop("image"))
            metadata = tuple(MetadataColumn(**_with_tuples(column)) for column in fields.pop("metadata", ()))
            outputs = tuple(
                Output(**{**output, "shape": tuple(output["shape"]), "range": tuple(output["range"])})
                for output in fields.pop("outputs")
            )
            labels = tuple(fields.pop("labels"))
            return cls(image=ImageInput(**image), outputs=outputs, metadata=metadata, labels=labels, **fields)
        except (KeyError, TypeError) as error:
            raise InputError(f"contract: missing or unknown field ({error}); export the model again.") from None


def _with_tuples(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(item) if isinstance(item, list) else item for name, item in value.items()}
