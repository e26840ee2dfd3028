"""`tfderm demo`: the whole main job on embedded synthetic photographs, from rendering them to a report."""

import argparse
import sys
import time
from pathlib import Path

RECIPE = "psenet:demo"
SCHEMES = ("float32", "static_wi8_ai8")


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "demo",
        help="the whole main job on embedded synthetic data",
        description="Render synthetic psoriasis photographs, train a small PSENet, evaluate it beside trivial "
        "baselines, export it in float and int8, verify, benchmark, and write one self-contained report.html. "
        "A stopped demo continues where it was.",
    )
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, default=Path("runs/demo"), help="default runs/demo")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tfderm.cli.backend import start_keras

    started = time.monotonic()
    start_keras("tensorflow")
    from tfderm.evaluation import evaluate
    from tfderm.evaluation.report import write_report
    from tfderm.evaluation.wording import headline, metrics_table
    from tfderm.export import export_bundle
    from tfderm.export.parity import table
    from tfderm.recipes import get_recipe
    from tfderm.runtime.benchmark import benchmark
    from tfderm.runtime.replay import replay_golden
    from tfderm.training import train

    def step(number: int, text: str) -> None:
        print(f"[{number}/5] {text}  ({time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)

    output = arguments.output
    step(1, "synthetic photographs and training: about five minutes on two cores")
    trained = train(get_recipe(RECIPE), output=output, resume=(output / "recipe.json").exists())
    step(2, "evaluation on held-out patients beside trivial baselines")
    metrics = evaluate(trained)
    bundles = []
    for scheme in SCHEMES:
        step(3, f"export and verification: {scheme}")
        bundles.append(export_bundle(trained, scheme=scheme))
        print(table(bundles[-1].parity), file=sys.stderr)
        held = sum(check["passed"] for check in replay_golden(bundles[-1]))
        print(f"golden vectors: {held} checks hold", file=sys.stderr)
    step(4, "benchmark")
    for bundle in bundles:
        benchmark(bundle)
    step(5, "report")
    report = write_report(trained, [bundle.path for bundle in bundles])
    print(headline(metrics)[0])
    print(metrics_table(metrics))
    print(f"done in {time.monotonic() - started:.0f} s; synthetic data: these figures say nothing about patients")
    print(report.resolve())
    return 0
