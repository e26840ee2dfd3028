"""`tfderm recipes`: what can be trained."""

import json


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser("recipes", help="list the recipes", description="List recipes and variants.")
    parser.add_argument("--json", action="store_true", help="every field of every recipe, as JSON")
    parser.set_defaults(run=run)


def run(arguments) -> int:
    from tfderm.recipes import get_recipe, list_recipes

    if arguments.json:
        print(json.dumps({name: get_recipe(name).to_json() for name in list_recipes()}, indent=2))
        return 0
    for name in list_recipes():
        recipe = get_recipe(name)
        print(f"{name:20} {recipe.task:15} {recipe.image_size[0]}x{recipe.image_size[1]:<6} {recipe.paper}")
    return 0
