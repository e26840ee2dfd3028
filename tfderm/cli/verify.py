"""`tfderm verify BUNDLE`: integrity, golden vectors, and Keras against LiteRT on held-out images."""

import argparse
import json
import sys
from pathlib import Path


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "verify",
        help="check a bundle",
        description="Check a bundle's files and golden vectors; where its run is at hand, compare with Keras.",
    )
    parser.add_argument("bundle", metavar="BUNDLE", type=Path)
    parser.add_argument("--data", metavar="SRC", help="held-out images in place of the run's own")
    parser.add_argument("--run", dest="run_folder", metavar="RUN", type=Path, help="default: the run that holds BUNDLE")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tfderm.cli.backend import start_keras

    start_keras("tensorflow")
    from tfderm.export.verify import verify_bundle

    result = verify_bundle(arguments.bundle, run=arguments.run_folder, data=arguments.data)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        _print(result)
    return 0 if result["passed"] else 1


def _print(result: dict) -> None:
    from tfderm.export.parity import failures, table

    failed = [check for check in result["golden"] if not check["passed"]]
    print(f"{result['bundle']} ({result['scheme']}): files match the manifest")
    print(f"golden vectors: {len(result['golden']) - len(failed)} of {len(result['golden'])} checks hold")
    if failed:
        print(f"FAILED: {failures({'checks': failed})}", file=sys.stderr)
    if result["parity"] is None:
        print(f"not compared with Keras: {result['not_compared']}")
        return
    parity = result["parity"]
    synthetic = ", synthetic" if parity["synthetic"] else ""
    print(f"Keras against LiteRT on {parity['num_images']} images of the {parity['split']} split{synthetic}:")
    print(table(parity))
    if not parity["passed"]:
        print(f"FAILED: {failures(parity)}", file=sys.stderr)
