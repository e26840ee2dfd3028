"""A run: the folder that training writes and that evaluation and export read."""

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tfderm.contract import ModelContract
from tfderm.errors import InputError
from tfderm.files import read_json
from tfderm.recipe import Recipe


@dataclass(frozen=True)
class Run:
    """Paths and parsed files of a run folder.

    Files: `recipe.json contract.json environment.json splits.csv history.csv model.keras checkpoints/ metrics.json
    predictions.csv figures/ report.html`.
    """

    path: Path

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Raises `InputError` where `path` holds no run."""
        path = Path(path)
        if not (path / "recipe.json").is_file():
            raise InputError(f"{path} is not a run: no recipe.json. Give the folder that `tfderm train -o` wrote.")
        return cls(path)

    @cached_property
    def recipe(self) -> Recipe:
        return Recipe.from_json(read_json(self.path / "recipe.json"))

    @cached_property
    def contract(self) -> ModelContract:
        return ModelContract.from_json(read_json(self.path / "contract.json"))

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, backend, devices, and under `data` the source, its fingerprint and whether it is synthetic."""
        return read_json(self.path / "environment.json")

    @property
    def initial(self) -> Path | None:
        """The run whose weights this one began from; None for fresh ones."""
        initial = self.environment.get("initial")
        return Path(initial["run"]) if initial else None

    @property
    def history(self) -> list[dict[str, str]]:
        """Rows of history.csv, one per finished epoch."""
        with open(self.path / "history.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    @property
    def lineage(self) -> "list[Run]":
        """This run, the one whose weights it began from, and so on, as far as their folders are there."""
        runs, path = [self], self.initial
        while path is not None and (path / "environment.json").is_file():
            runs.append(Run(path))
            path = runs[-1].initial
        return runs

    @cached_property
    def splits(self) -> dict[str, str]:
        """Image (as the manifest names it) -> "train", "validation" or "test"."""
        return self._split_of("image")

    @cached_property
    def groups(self) -> dict[str, str]:
        """Patient, or lesion where there is no patient -> split."""
        return self._split_of("group")

    def _split_of(self, column: str) -> dict[str, str]:
        with open(self.path / "splits.csv", newline="", encoding="utf-8") as file:
            return {row[column]: row["split"] for row in csv.DictReader(file)}

    @property
    def model_path(self) -> Path:
        """The trained model. Raises `InputError` where training has not finished."""
        path = self.path / "model.keras"
        if not path.is_file():
            raise InputError(
                f"{self.path} is not trained: model.keras is absent. "
                f"Finish with `tfderm train {self.recipe.name} --resume -o {self.path}`."
            )
        return path

    @property
    def checkpoint(self) -> Path:
        """The state after the last finished epoch; absent before the first and after training."""
        return self.path / "checkpoints" / "latest.npz"

    @property
    def figures(self) -> Path:
        return self.path / "figures"
