"""`tfderm predict BUNDLE IMAGE...`: a score with its band, or a label, whether it is sure, and what speaks for it."""

import argparse
import json
from pathlib import Path

from tfderm.errors import InputError

_PATIENT = ("age", "sex", "site")


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "predict", help="answer for photographs", description="Run a bundle on photographs. Research use only."
    )
    parser.add_argument("bundle", metavar="BUNDLE", type=Path)
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path)
    known = parser.add_argument_group("the patient", "for models that read it; what is not given is unknown")
    for name in _PATIENT:
        known.add_argument(f"--{name}", metavar=name.upper())
    known.add_argument(
        "--metadata", metavar="FILE", type=Path, help="CSV with the column image (a file name) and a column for each"
    )
    parser.add_argument(
        "--map",
        dest="map_folder",
        metavar="FOLDER",
        type=Path,
        help="write for every photograph a PNG, its class-activation map beside it (of a bundle exported --explain)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tfderm.runtime.patient_data import unseen
    from tfderm.runtime.predictor import Predictor, interpret
    from tfderm.runtime.preprocess import decode

    predictor = Predictor(arguments.bundle)
    known = _known(predictor.contract, arguments)
    pictures = _pictures(predictor.contract, arguments) if arguments.map_folder else {}
    answers = {}
    for path in arguments.images:
        image = decode(path)
        outputs = predictor.predict(image, known[path])
        answers[str(path)] = interpret(predictor.contract, outputs)
        if remarks := unseen(known[path], predictor.contract.metadata):
            answers[str(path)]["counted_as_unknown"] = remarks
        if path in pictures:
            _write_picture(pictures[path], image, outputs, predictor.contract)
    if arguments.json:
        print(json.dumps(answers, indent=2))
        return 0
    for path, answer in answers.items():
        print(f"{path}: {_words(answer)}")
        for remark in answer.get("counted_as_unknown", ()):
            print(f"  {remark}")
    print(predictor.contract.intended_use)
    return 0


def _known(contract, arguments: argparse.Namespace) -> dict[Path, dict[str, str]]:
    """Photograph -> what is known of its patient, by the names of the model's metadata columns.

    Raises:
        InputError: something is given that the model does not read, or the table lacks a photograph.
    """
    from tfderm.datasets.manifest import read_table

    read = [column.name for column in contract.metadata]
    given = {name: value for name in _PATIENT if (value := getattr(arguments, name)) is not None}
    if unread := [name for name in given if name not in read]:
        raise InputError(
            f"--{unread[0]}: {arguments.bundle} does not read it; it reads {', '.join(['the photograph', *read])}."
        )
    rows: dict[str, dict[str, str]] = {}
    if arguments.metadata:
        if not read:
            raise InputError(f"--metadata: {arguments.bundle} reads the photograph alone; leave it out.")
        rows = {Path(row["image"]).name: row for line, row in read_table(arguments.metadata) if line}
        if missing := [path.name for path in arguments.images if path.name not in rows]:
            raise InputError(f"{arguments.metadata}: no row has {missing[0]} in the column image; add one.")
    return {path: {**rows.get(path.name, {}), **given} for path in arguments.images}


def _pictures(contract, arguments: argparse.Namespace) -> dict[Path, Path]:
    """Photograph -> its PNG. Raises `InputError` where there are no maps, or two photographs would share a PNG."""
    if not contract.outputs_of_kind("class_activation_map"):
        raise InputError(f"{arguments.bundle} has no class-activation map; export it with --explain.")
    pictures = {path: arguments.map_folder / f"{path.name}.png" for path in arguments.images}
    for path in pictures:
        if same := [other for other in pictures if other != path and other.name == path.name]:
            raise InputError(f"{path} and {same[0]} would both be written as {pictures[path]}; give them one by one.")
    return pictures


def _write_picture(path: Path, image, outputs, contract) -> None:
    from PIL import Image

    from tfderm.files import atomic_path
    from tfderm.runtime.overlay import side_by_side

    activation_map = outputs[contract.output("class_activation_map").name]
    with atomic_path(path) as temporary:
        Image.fromarray(side_by_side(image, activation_map, contract.image)).save(temporary, "PNG")


def _words(answer: dict) -> str:
    if "severity" in answer:
        words = f"{answer['severity']:.1f} ({answer['unit']}), {answer['band']}"
        if "interval" in answer:
            low, high = answer["interval"]
            words += f", {answer['interval_level']:.0%} interval {low:.1f} to {high:.1f}"
        if "components" in answer:
            grades = ", ".join(f"{name} {grade:.1f}" for name, grade in answer["components"].items())
            words += f"; {grades}: together (E + I + D) × A = {answer['composed_severity']:.1f}"
        return words
    others = ", ".join(f"{label} {value:.1%}" for label, value in answer["probabilities"].items())
    if "labels" in answer:
        words = f"{', '.join(answer['names'].values()) or 'none of the labels'} ({others})"
    else:
        words = _class_words(answer, others)
    if "advice" in answer:
        words += f"; {answer['advice']}"
    if answer.get("unsuitable"):
        return f"unsuitable image: {', '.join(answer['unsuitable'])}; otherwise {words}"
    return words if answer.get("sure", True) else f"not sure: {words}"


def _class_words(answer: dict, others: str) -> str:
    words = f"{answer['name']} {answer['probability']:.1%} ({others})"
    if "set" in answer:
        words += f"; {answer['set_level']:.0%} set: {', '.join(answer['set']) or 'none of these'}"
    return words
