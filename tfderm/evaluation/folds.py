"""Train and evaluate folds, one after another or side by side in processes."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path

from tfderm.errors import CheckFailed, InputError, Interrupted, TfdermError
from tfderm.evaluation.evaluate import evaluate
from tfderm.files import read_json
from tfderm.native_messages import silenced_native_messages
from tfderm.recipe import Recipe
from tfderm.run import Run


@dataclass(frozen=True)
class Fold:
    """One fold to train and evaluate.

    Args:
        recipe: what to train; its `fold` says which.
        output: folder of all folds.
        data: source of data as `tfderm.datasets.load` takes it; by default the recipe's.
        initial: a run whose weights to start from, as in `tfderm.training.train`.
    """

    recipe: Recipe
    output: Path
    data: str | None = None
    initial: Path | None = None

    @property
    def run(self) -> Run:
        return Run(self.output / f"fold-{self.recipe.fold}")

    @property
    def log(self) -> Path:
        """What the fold's process said, where it had one of its own."""
        return self.run.path.with_suffix(".log")

    @property
    def finished(self) -> bool:
        model, metrics = self.run.path / "model.keras", self.run.path / "metrics.json"
        if not (model.is_file() and metrics.is_file() and metrics.stat().st_mtime >= model.stat().st_mtime):
            return False
        return read_json(metrics)["split"] == "test"


def folds_of(recipe: Recipe, *, output: Path | str, data: str | None = None, initial: Path | None = None) -> list[Fold]:
    """All folds of a recipe."""
    return [Fold(replace(recipe, fold=fold), Path(output), data, initial) for fold in range(recipe.folds)]


def run_fold(fold: Fold) -> Run:
    """Train and evaluate one fold, or what is left of it.

    Processes or machines may share `output` if each has folds of its own; `cross_validate` then only summarises.
    """
    import keras

    from tfderm.training import train

    keras.utils.clear_session()
    path = fold.run.path
    resume = (path / "recipe.json").is_file()
    # Folds are pooled, so that all must be dealt alike.
    run = train(fold.recipe, data=fold.data, output=path, resume=resume, initial=fold.initial, keep_splits=False)
    if not fold.finished:
        evaluate(run)
    return run


def run_folds(folds: Sequence[Fold], jobs: int, starting: Callable[[Fold], None] = lambda fold: None) -> None:
    """Train and evaluate several folds, `jobs` at a time.

    With more than one job, each fold has a process of its own with an equal share of the cores, and says what it does
    in `fold-N.log`; what folds begin from is trained before, on all cores. Where one fails or is stopped, the others
    are stopped too; all continue from their last epochs.

    Args:
        folds: none of them finished.
        jobs: number of processes; 1 trains in this one.
        starting: called with each fold as its training starts.

    Raises:
        InputError: `jobs` is below 1, or a process refused its input.
        CheckFailed: a process failed; its log says why.
        Interrupted: a process was stopped.
    """
    if jobs < 1:
        raise InputError(f"`jobs` must be at least 1. Received: {jobs}")
    if jobs == 1:
        for fold in folds:
            starting(fold)
            run_fold(fold)
        return
    _pretrain(folds)
    threads = max(1, (os.cpu_count() or 1) // jobs)
    context = multiprocessing.get_context("spawn")
    waiting, running = list(reversed(folds)), {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                fold = waiting.pop()
                starting(fold)
                process = context.Process(target=_run_in_process, args=(fold, threads))
                process.start()
                running[process.sentinel] = process, fold
            for sentinel in wait(list(running)):
                process, fold = running.pop(sentinel)
                process.join()
                if process.exitcode == Interrupted.exit_status:
                    raise Interrupted(f"{fold.run.path} was stopped; the same command continues.")
                if process.exitcode:
                    kind = InputError if process.exitcode == InputError.exit_status else CheckFailed
                    raise kind(f"{fold.run.path} failed; {fold.log} ends with: {_last_line(fold.log)}")
    finally:
        for process, _ in running.values():
            process.terminate()
            process.join()


def _pretrain(folds: Sequence[Fold]) -> None:
    from tfderm.training.train import pretrained_run

    for fold in folds:
        begun = (fold.run.path / "recipe.json").is_file()
        if fold.recipe.pretraining is not None and fold.initial is None and not begun:
            pretrained_run(fold.recipe)


def _run_in_process(fold: Fold, threads: int) -> None:
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    fold.output.mkdir(parents=True, exist_ok=True)
    with open(fold.log, "w", encoding="utf-8") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    with silenced_native_messages():
        import keras  # noqa: F401
    try:
        run_fold(fold)
    except TfdermError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing"
