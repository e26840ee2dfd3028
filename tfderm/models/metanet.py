"""MetaNet: a classification network that reads patient data beside the photograph (paper 5)."""

import keras

from tfderm.errors import InputError
from tfderm.layers import MetadataConcatenation, MetadataEncoding, MetadataGate
from tfderm.models.backbones import architecture
from tfderm.models.classifier import assemble, probabilities_of

FUSIONS = {"multiplication": MetadataGate, "concatenation": MetadataConcatenation}
"""Ways to join (last maps, encoded metadata) to the maps that the network's head reads; a layer each."""

_AGE_SEX_SITE = (
    {"name": "age", "mean": 50.0, "std": 17.0},
    {"name": "sex", "values": ["female", "male"]},
    {"name": "site", "values": ["head or neck", "lower extremity", "torso", "upper extremity"]},
)


WITHOUT_METADATA = "without_metadata"
"""Output of `with_answer_without_metadata`."""


def metanet(
    backbone="resnet50",
    fusion="multiplication",
    units=256,
    metadata=_AGE_SEX_SITE,
    image_size=None,
    num_classes=None,
    activation="softmax",
    frozen_stages=0,
    weights=None,
    weight_decay=0.0,
    mean=None,
    std=None,
):
    """Any of the classification networks, with its last maps fused with metadata before its own head.

    Args:
        backbone: one of `tfderm.models.backbones.ARCHITECTURES`.
        fusion: one of `FUSIONS`: "multiplication" is the paper's, "concatenation" its rival.
        units: width of the fully connected layers on the metadata.
        metadata: columns, as `tfderm.layers.MetadataEncoding` takes them; a recipe gives those of its data.
        image_size: as `tfderm.models.classifier.classifier`, like those that follow.
        num_classes: likewise.
        activation: likewise.
        frozen_stages: likewise.
        weights: likewise; layers of the head whose input the fusion widens are fresh.
        weight_decay: likewise.
        mean: likewise.
        std: likewise.

    Returns:
        Functional model with the inputs `image` (B, height, width, 3) uint8 RGB, `metadata` and `metadata_known`
        (B, number of columns) float32 (`tfderm.contract.MetadataColumn`), and the output `probabilities`
        (B, num_classes).

    Raises:
        InputError: there is no such fusion, or as `classifier`.
    """
    if fusion not in FUSIONS:
        raise InputError(f"`fusion` must be one of {', '.join(FUSIONS)}. Received: fusion={fusion!r}")
    plain, maps = assemble(
        backbone, image_size, num_classes, activation, frozen_stages, weights, weight_decay, mean, std
    )
    values, known = (keras.Input((len(metadata),), name=name) for name in ("metadata", "metadata_known"))
    encoded = MetadataEncoding(metadata, name="metadata_encoding")(values, known)
    fused = FUSIONS[fusion](units, name="fusion")(maps[-1], encoded)
    logits = architecture(backbone).head(fused, plain.output["probabilities"].shape[-1])
    inputs = {"image": plain.input, "metadata": values, "metadata_known": known}
    model = keras.Model(inputs, {"probabilities": probabilities_of(logits, activation)}, name=f"metanet_{backbone}")
    if weights:
        trained = {variable.path: variable for variable in plain.variables}
        for variable in model.variables:
            source = trained.get(variable.path)
            if source is not None and source is not variable and source.shape == variable.shape:
                variable.assign(source)
    return model


def with_answer_without_metadata(model):
    """The network with a second output, `without_metadata`: its `probabilities` were nothing known of the patient.

    Both come from the same maps, so that it costs a fusion and a head.

    Args:
        model: of `metanet`.

    Returns:
        keras.Model of the same variables; outputs `probabilities` and `without_metadata`, both (B, num_classes).
    """
    maps, encoded = model.get_layer("fusion").input
    probabilities = model.output["probabilities"]
    head = keras.Model([maps, encoded], probabilities, name="fusion_and_head")
    alone = head([maps, keras.ops.zeros_like(encoded)])
    return keras.Model(model.input, {"probabilities": probabilities, WITHOUT_METADATA: alone})
