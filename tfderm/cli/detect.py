"""`tfderm detect RUN`: lesion boxes for photographs that have none."""

import argparse
import json
from pathlib import Path

from tfderm.errors import InputError


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "detect",
        help="find lesions in photographs",
        description="Write the lesion boxes that a detection run finds: -o as COCO results for pycocotools, and "
        "lesions.json in the same folder, which a manifest there takes as its boxes.",
    )
    parser.add_argument("path", metavar="RUN", type=Path)
    parser.add_argument("--data", metavar="SRC", help="photographs, as `tfderm train` takes them (default: the run's)")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="for instance boxes.json")
    parser.add_argument("--split", choices=("train", "validation", "test"), help="only this one of the run's own data")
    parser.add_argument(
        "--confidence", metavar="C", type=float, help="0 to 1 (default: the one chosen on the validation split)"
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.confidence is not None and not 0 <= arguments.confidence <= 1:
        raise InputError(f"--confidence must be from 0 to 1. Received: {arguments.confidence}.")
    from tfderm.cli.backend import start_keras

    start_keras()
    from tfderm.evaluation.detection import detect

    written = detect(
        arguments.path,
        data=arguments.data,
        output=arguments.output,
        split=arguments.split,
        confidence=arguments.confidence,
    )
    if arguments.json:
        print(json.dumps(written, indent=2))
        return 0
    print(f"{written['num_boxes']} boxes in {written['num_images']} images, confidence {written['confidence']:.3g} on")
    print(written["results"])
    print(written["lesions"])
    return 0
