"""`tfderm models [NAME]`: the networks; `tfderm models convert SRC --to DST.keras`: weights into a Keras model."""

import math
from pathlib import Path

from tfderm.errors import InputError

_COLUMNS = "{:<20} {:>12} {:>9} {:>9}  {:<13} {}"


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "models",
        help="list the networks",
        description="List networks, describe one, or convert its weights from PyTorch or Keras into a Keras model.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME | convert", help="a network, or convert")
    parser.add_argument("source", nargs="?", metavar="SRC", help="convert: a file of weights or a name on a hub")
    parser.add_argument("--to", type=Path, metavar="DST.keras", help="convert: the file to write")
    parser.add_argument("--model", metavar="NAME", help="convert: the network, where the weights do not tell it")
    parser.set_defaults(run=run)


def run(arguments) -> int:
    convert = arguments.name == "convert"
    given = arguments.source, arguments.to
    if convert != (None not in given) or (not convert and (any(given) or arguments.model)):
        raise InputError("Usage: tfderm models [NAME], or tfderm models convert SRC --to DST.keras [--model NAME].")
    if convert:
        return _convert(arguments)
    return _list() if arguments.name is None else _describe(arguments.name)


def _list() -> int:
    from tfderm.models import ARCHITECTURES, SYSTEMS

    print(_COLUMNS.format("name", "parameters", "GMACs", "input", "licence", "weights"))
    for name, network in sorted({**ARCHITECTURES, **SYSTEMS}.items()):
        size = "x".join(map(str, network.image_size))
        gmacs = "-" if network.macs is None else f"{network.macs / 1e9:.2f}"
        print(_COLUMNS.format(name, f"{network.parameters:,}", gmacs, size, network.licence, network.weights_from))
    print(
        "\nparameters: trainable, in the default form (1000 classes for networks with ImageNet weights); "
        "GMACs: 10^9 multiply-accumulates for one image.\nThe licence is the publisher's for the weights; ImageNet's "
        "images, which they learned from, are for non-commercial research."
    )
    return 0


def _describe(name: str) -> int:
    from tfderm.cli.backend import start_keras
    from tfderm.models import create_model

    start_keras()
    model = create_model(name)
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    print(f"{name}: {parameters:,} trainable parameters")
    for tensor in model.inputs:
        kind = "uint8 RGB" if tensor.name == "image" else "float32"
        print(f"  input   {tensor.name} {tuple(tensor.shape[1:])} {kind}")
    for output, tensor in model.output.items():
        print(f"  output  {output} {tuple(tensor.shape[1:])}")
    return 0


def _convert(arguments) -> int:
    from tfderm.cli.backend import start_keras

    if arguments.to.suffix != ".keras":
        raise InputError(f"--to {arguments.to}: expected a name that ends in .keras.")
    start_keras()
    from tfderm.files import atomic_path
    from tfderm.models import create_model
    from tfderm.models.backbones import architecture
    from tfderm.models.weights import IMAGENET, network_of, read_weights

    if arguments.model is None and arguments.source == IMAGENET:
        raise InputError("convert imagenet: name the network with --model.")
    network = architecture(arguments.model) if arguments.model else None
    weights = read_weights(arguments.source, network)
    name = arguments.model or network_of(weights)
    model = create_model(name, weights=weights)
    with atomic_path(arguments.to) as temporary:
        model.save(temporary)
    classes = model.output["probabilities"].shape[-1]
    print(f"{name}, {classes} classes: {len(model.variables)} tensors from {arguments.source} in {arguments.to}")
    return 0
