"""`tfderm train RECIPE`: Recipe -> Run."""

import argparse
from dataclasses import replace
from pathlib import Path


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser("train", help="train a recipe", description="Train a recipe and write a run.")
    parser.add_argument("recipe", metavar="RECIPE[:VARIANT]")
    parser.add_argument("--data", metavar="SRC", help="manifest CSV, publisher's folder, or synthetic:NAME[:PATIENTS]")
    parser.add_argument("-o", "--output", metavar="RUN", type=Path, help="run folder (default runs/RECIPE)")
    parser.add_argument("--resume", action="store_true", help="continue the run from its last finished epoch")
    add_initial(parser, "start from another run's weights")
    parser.add_argument("--backend", choices=("tensorflow", "jax"), help="default tensorflow")
    add_recipe_options(parser)
    parser.set_defaults(run=run)


def add_initial(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument("--from", dest="initial", metavar="RUN", type=Path, help=words)


def add_jobs(parser: argparse.ArgumentParser, default: int | None) -> None:
    parser.add_argument(
        "--jobs", metavar="N", type=int, default=default, help="folds to train at a time, for CPUs (default 1)"
    )


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, help="of initialisation, order, pairs and augmentation")
    parser.add_argument(
        "--set", dest="settings", metavar="KEY=VALUE", nargs="+", action="extend", default=[],
        help="change fields of the recipe: epochs=5 model_options.width=0.5 augmentation.zoom=0.1",
    )  # fmt: skip


def chosen_recipe(arguments: argparse.Namespace):
    """The recipe named on the command line with its `--set` and `--seed` applied."""
    from tfderm.recipes import get_recipe

    recipe = get_recipe(arguments.recipe).with_settings(arguments.settings)
    return recipe if arguments.seed is None else replace(recipe, seed=arguments.seed)


def run(arguments: argparse.Namespace) -> int:
    from tfderm.cli.backend import start_keras

    recipe = chosen_recipe(arguments)
    start_keras(arguments.backend)
    from tfderm.training import train

    output = arguments.output or Path("runs") / recipe.name.replace(":", "-")
    result = train(recipe, data=arguments.data, output=output, resume=arguments.resume, initial=arguments.initial)
    print(result.path)
    return 0
