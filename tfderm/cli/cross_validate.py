"""`tfderm cross-validate RECIPE`: train and evaluate every fold."""

import argparse
from dataclasses import replace
from pathlib import Path

from tfderm.cli.train import add_initial, add_jobs, add_recipe_options, chosen_recipe


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "cross-validate",
        help="train and evaluate every fold",
        description="Train and evaluate every fold of a recipe; finished folds are kept, interrupted ones continue.",
    )
    parser.add_argument("recipe", metavar="RECIPE[:VARIANT]")
    parser.add_argument("--folds", type=int, help="number of folds (default: the recipe's, 5)")
    parser.add_argument(
        "--fold", metavar="N", type=int, help="only this one; processes may share DIR, then run again without --fold"
    )
    add_jobs(parser, default=1)
    parser.add_argument("--data", metavar="SRC", help="manifest CSV, publisher's folder, or synthetic:NAME[:PATIENTS]")
    parser.add_argument("-o", "--output", metavar="DIR", type=Path, help="default runs/RECIPE-folds")
    add_initial(parser, "start every fold from this run's weights")
    parser.add_argument("--json", action="store_true", help="print summary.json")
    add_recipe_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tfderm.cli.backend import start_keras

    start_keras()
    recipe = chosen_recipe(arguments)
    if arguments.folds is not None:
        recipe = replace(recipe, folds=arguments.folds, fold=0)
    import json

    from tfderm.evaluation.cross_validate import cross_validate
    from tfderm.evaluation.folds import Fold, run_fold

    output = arguments.output or Path("runs") / f"{recipe.name.replace(':', '-')}-folds"
    options = {"data": arguments.data, "output": output, "initial": arguments.initial}
    if arguments.fold is not None:
        recipe = replace(recipe, fold=arguments.fold)
        print(run_fold(Fold(recipe, **options)).path)
        return 0
    summary = cross_validate(recipe, **options, jobs=arguments.jobs)
    if arguments.json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        print((output / "summary.md").read_text(encoding="utf-8"))
    return 0
