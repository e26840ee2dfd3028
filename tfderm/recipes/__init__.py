"""One file per paper, found by file name; each has `RECIPE` and `VARIANTS`.

One whose tables can be reproduced has `TABLES`, title -> method -> variant ("" for the recipe itself); `EFFECTS`, a
change of method -> the variants with it and without it; `quick`, which makes a row's recipe small; and where the paper
prints them, `PHOTOGRAPHS`, class -> images for training, validation and test, `CONFUSION`, class -> class -> share,
`BACKBONES`, network -> mean class recall of every method, and `RECALLS`, class -> recall of every method.
"""

import importlib
import pkgutil

from tfderm.errors import InputError
from tfderm.recipe import Recipe


def list_recipes() -> list[str]:
    """Names of all recipes with their variants: `["cnd", "psenet", "psenet:demo", ...]`."""
    names = []
    for module in pkgutil.iter_modules(__path__):
        names.append(module.name)
        names += [f"{module.name}:{variant}" for variant in _module(module.name).VARIANTS]
    return names


def get_recipe(name: str) -> Recipe:
    """The recipe `NAME` or `NAME:VARIANT`. Raises `InputError` for an unknown one, listing those there are."""
    base, _, variant = name.partition(":")
    if base in {module.name for module in pkgutil.iter_modules(__path__)}:
        module = _module(base)
        if not variant:
            return module.RECIPE
        if variant in module.VARIANTS:
            return module.VARIANTS[variant]
    raise InputError(f"No recipe {name!r}. There are: {', '.join(list_recipes())}")


def get_tables(name: str, quick: bool = False, data: str | None = None) -> dict[str, dict[str, Recipe]]:
    """The paper's result tables as recipes: title -> method -> recipe, the paper's own method in every table.

    Args:
        name: of a recipe whose file has `TABLES`.
        quick: small forms of them, as the file's `quick` makes them.
        data: source of data; None for the embedded set, which a small form may treat otherwise.

    Raises:
        InputError: the recipe is unknown or has no tables.
    """
    module = _module_with_tables(name)

    def row(variant: str) -> Recipe:
        chosen = module.VARIANTS[variant] if variant else module.RECIPE
        return module.quick(chosen, data) if quick else chosen

    return {title: {method: row(variant) for method, variant in rows.items()} for title, rows in module.TABLES.items()}


def get_effects(name: str) -> dict[str, tuple[str, str]]:
    """What the paper's tables ask: change of method -> names of two recipes, with the change and without it.

    Raises:
        InputError: the recipe is unknown or has no tables.
    """
    module = _module_with_tables(name)
    names = {"": module.RECIPE.name} | {variant: recipe.name for variant, recipe in module.VARIANTS.items()}
    return {title: (names[changed], names[plain]) for title, (changed, plain) in module.EFFECTS.items()}


def get_printed(name: str) -> dict[str, dict]:
    """What the paper prints beside its results: `photographs`, `confusion`, `backbones` and `recalls`, each empty where
    it does not.

    Raises:
        InputError: the recipe is unknown or has no tables.
    """
    module = _module_with_tables(name)
    return {key: getattr(module, key.upper(), {}) for key in ("photographs", "confusion", "backbones", "recalls")}


def _module_with_tables(name: str):
    recipe = get_recipe(name)
    if ":" in name:
        raise InputError(f"Tables are a whole paper's: reproduce {name.partition(':')[0]}, of which {name} is a part.")
    module = _module(name)
    if not hasattr(module, "TABLES"):
        raise InputError(f"Recipe {recipe.name} has no tables to reproduce.")
    return module


def _module(name: str):
    return importlib.import_module(f"{__name__}.{name}")
