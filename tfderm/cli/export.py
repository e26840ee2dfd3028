"""`tfderm export RUN`: Run -> Bundle."""

import argparse
from pathlib import Path

SCHEMES = ("float32", "float16", "dynamic_wi8_afp32", "weight_only_wi8_afp32", "static_wi8_ai8", "mixed")


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "export",
        help="write a verified bundle",
        description="Convert a run's model to .tflite, judge it against Keras, and write a bundle if it holds.",
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path)
    parser.add_argument("--scheme", choices=SCHEMES, default="float32", help="default float32")
    parser.add_argument("-o", "--output", metavar="BUNDLE", type=Path, help="default RUN/bundles/SCHEME")
    parser.add_argument("--explain", action="store_true", help="classifiers: also give a class-activation map")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tfderm.cli.backend import start_keras

    start_keras("tensorflow")
    from tfderm.export import export_bundle
    from tfderm.export.parity import table

    bundle = export_bundle(
        arguments.run_folder, scheme=arguments.scheme, output=arguments.output, explain=arguments.explain
    )
    print(table(bundle.parity))
    print(bundle.path)
    return 0
