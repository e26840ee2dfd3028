"""One file per paper, found by file name; each defines `RECIPE` and `VARIANTS`."""

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


def _module(name: str):
    return importlib.import_module(f"{__name__}.{name}")
