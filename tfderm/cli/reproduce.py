"""`tfderm reproduce RECIPE`: a paper's tables and figures, ours beside its own."""

import argparse
from pathlib import Path

from tfderm.cli.train import add_initial, add_jobs


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "reproduce",
        help="a paper's result tables and figures, ours beside its own",
        description="Cross-validate every row of a paper's tables and write reproduction.md with tables and figures. "
        "Finished folds are kept, a stopped one continues.",
    )
    parser.add_argument("recipe", metavar="RECIPE")
    parser.add_argument("--data", metavar="SRC", help="manifest CSV or folder (default: the recipe's own data)")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help="default runs/RECIPE-reproduction")
    parser.add_argument(
        "--pretraining", metavar="SRC", help="other images that rows begin with which begin with a pretraining"
    )
    add_initial(parser, "start the rows that have RECIPE's network from this run's weights, the others from fresh ones")
    parser.add_argument(
        "--quick", action="store_true", help="small networks and images, fewer folds, one job per core: minutes"
    )
    add_jobs(parser, default=None)
    parser.add_argument("--json", action="store_true", help="print reproduction.json")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tfderm.cli.backend import start_keras
    from tfderm.recipes import get_effects, get_printed, get_tables

    tables = get_tables(arguments.recipe, arguments.quick, arguments.data)
    effects, printed = get_effects(arguments.recipe), get_printed(arguments.recipe)
    start_keras()
    import json
    import os

    from tfderm.evaluation.reproduce import reproduce

    quick = "-quick" if arguments.quick else ""
    output = arguments.output or Path("runs") / f"{arguments.recipe}-reproduction{quick}"
    if arguments.jobs is None:
        arguments.jobs = (os.cpu_count() or 1) if arguments.quick else 1
    result = reproduce(
        tables,
        effects,
        printed,
        data=arguments.data,
        pretraining=arguments.pretraining,
        output=output,
        initial=arguments.initial,
        jobs=arguments.jobs,
    )
    if arguments.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print((output / "reproduction.md").read_text(encoding="utf-8"))
    return 0
