"""Train and evaluate every fold, then judge all held-out predictions together."""

from pathlib import Path
from typing import Any

import numpy as np

from tfderm.errors import InputError
from tfderm.evaluation.folds import folds_of, run_fold, run_folds
from tfderm.evaluation.predictions import Predictions, read_predictions
from tfderm.evaluation.scores import score, task_metrics
from tfderm.evaluation.wording import (
    PREDICTOR_TITLES,
    format_interval,
    format_value,
    metrics_table,
    text_table,
    verdict,
)
from tfderm.files import read_json, write_json, write_text
from tfderm.pipeline.splits import check_unseen
from tfderm.recipe import Recipe
from tfderm.run import Run


def cross_validate(
    recipe: Recipe, *, data: str | None = None, output: Path | str, initial: Path | None = None, jobs: int = 1
) -> dict[str, Any]:
    """Run all `recipe.folds` folds; a fold that is finished is kept, one that was interrupted continues.

    Args:
        recipe: what to train; its `fold` is overridden.
        data: source of data as `tfderm.datasets.load` takes it; by default the recipe's.
        output: folder that receives a run per fold (`fold-0`, ...), `summary.json` and `summary.md`.
        initial: a run whose weights every fold starts from, as in `tfderm.training.train`.
        jobs: number of folds to train at a time, as in `run_folds`.

    Returns:
        The content of `summary.json`: `folds` (each fold's values), `mean` and `sd` over the folds (sd with N - 1),
        and `pooled`, everything `evaluate` computes on all held-out images together, each predicted by the model of
        its own fold. Pooled intervals resample patients; they do not contain the variation from training anew.

    Raises:
        InputError: `output` holds folds of another recipe, of other data or from other weights, or the recipe detects.
        CheckFailed: a fold failed in a process of its own.
    """
    from tfderm import datasets

    if recipe.task == "detection":
        raise InputError(f"cross-validate pools scores and classes; evaluate the folds of {recipe.name} one by one.")
    output = Path(output)
    source = data or recipe.data
    if not source:
        raise InputError(f"Recipe {recipe.name} has no data of its own: give --data MANIFEST, a folder or a known set.")
    corpus = datasets.load(source)
    recipe = datasets.resolved(recipe, corpus)
    check_unseen(initial, corpus, corpus.records)
    for path in sorted(output.glob("fold-*/recipe.json")):
        run = Run(path.parent)
        if run.environment["data"]["fingerprint"] != corpus.fingerprint:
            raise InputError(f"{run.path} was trained on other data than {source}; choose another folder.")
        if initial is None and recipe.pretraining is None and run.initial:
            raise InputError(f"{run.path} began from {run.initial}: name it with --from, or choose another folder.")
    folds = folds_of(recipe, output=output, data=data, initial=initial)
    run_folds([fold for fold in folds if not fold.finished], jobs)
    runs = [run_fold(fold) for fold in folds]
    results = [read_json(run.path / "metrics.json") for run in runs]
    pooled = score(pooled_predictions(runs), recipe.seed)
    metrics = task_metrics(recipe.task, len(recipe.labels))
    values = {name: [result["model"][name]["value"] for result in results] for name in metrics}
    summary = {
        "recipe": recipe.name,
        "task": recipe.task,
        "split": "test, all folds",
        "synthetic": results[0]["synthetic"],
        "data": results[0]["data"],
        "claim": dict(recipe.claim),
        "num_folds": recipe.folds,
        "folds": [
            {
                "fold": fold,
                "num_images": result["num_images"],
                "num_groups": result["num_groups"],
                "model": {name: result["model"][name]["value"] for name in metrics},
                "baselines": {
                    baseline: {name: row[name]["value"] for name in metrics}
                    for baseline, row in result["baselines"].items()
                },
            }
            for fold, result in enumerate(results)
        ],
        "mean": {name: _mean(values[name]) for name in metrics},
        "sd": {name: _sd(values[name]) for name in metrics},
        "pooled": pooled,
    }
    write_json(output / "summary.json", summary)
    write_text(output / "summary.md", _markdown(summary))
    return summary


def pooled_predictions(runs: list[Run]) -> Predictions:
    """All held-out images of evaluated folds, each predicted by the model of its own fold.

    Raises:
        InputError: an image was held out twice, or a fold was not evaluated.
    """
    folds = [read_predictions(run.path / "predictions.csv", run.recipe) for run in runs]
    images = [image for fold in folds for image in fold.images]
    if len(set(images)) != len(images):
        raise InputError("An image was held out by two folds: they come from different splits; use another folder.")
    return Predictions(
        task=folds[0].task,
        images=images,
        groups=[group for fold in folds for group in fold.groups],
        y_true=np.concatenate([fold.y_true for fold in folds]),
        y_pred=np.concatenate([fold.y_pred for fold in folds]),
        baselines={name: np.concatenate([fold.baselines[name] for fold in folds]) for name in folds[0].baselines},
        labels=folds[0].labels,
    )


def _mean(values: list[float | None]) -> float | None:
    return None if None in values else float(np.mean(values))


def _sd(values: list[float | None]) -> float | None:
    return None if None in values else float(np.std(values, ddof=1))


def _markdown(summary: dict[str, Any]) -> str:
    metrics = task_metrics(summary["task"], len(summary["pooled"].get("labels", ())))
    synthetic = " (synthetic data)" if summary["synthetic"] else ""
    titles = [metric.title for metric in metrics.values()]
    rows = [
        [str(fold["fold"]), str(fold["num_images"])]
        + [format_value(metric, fold["model"][name]) for name, metric in metrics.items()]
        for fold in summary["folds"]
    ]
    rows.append(
        ["mean ± sd", ""]
        + [
            f"{format_value(metric, summary['mean'][name])} ± {format_value(metric, summary['sd'][name])}"
            for name, metric in metrics.items()
        ]
    )
    pooled = {**{key: summary[key] for key in ("task", "claim", "synthetic", "split")}, **summary["pooled"]}
    differences = [
        [
            metric.title,
            PREDICTOR_TITLES[baseline] + (", the better one" if pooled["better_baseline"][name] == baseline else ""),
            format_interval(metric, difference[name], signed=True),
            verdict(metric, difference[name]),
        ]
        for name, metric in metrics.items()
        for baseline, difference in pooled["differences"].items()
    ]
    return (
        "\n\n".join(
            [
                f"# {summary['recipe']}, {summary['num_folds']} folds{synthetic}",
                f"Data: {summary['data']['name']}{synthetic}, {pooled['num_images']} images, {pooled['num_groups']} "
                "patients or lesions; no patient or lesion is in two folds.",
                text_table(["fold", "images", *titles], rows, markdown=True),
                f"All held-out images together, each predicted by the model that did not see its patient or lesion; "
                f"{pooled['interval']['level']:.0%} intervals over resampled patients or lesions "
                f"({pooled['interval']['repeats']} resamples).",
                metrics_table(pooled, markdown=True),
                "\\* The paper's own data, not ours.",
                "Paired differences, model − baseline, on the same resamples:",
                text_table(["metric", "baseline", "difference", "the model is"], differences, markdown=True),
                *_ranges(pooled),
            ]
        )
        + "\n"
    )


def _ranges(pooled: dict[str, Any]) -> list[str]:
    """The error by range of the true score, as paragraphs; none for classes."""
    if pooled["task"] != "severity":
        return []
    metric = task_metrics("severity")["mae"]
    rows = [
        [
            row["range"],
            str(row["n"]),
            format_interval(metric, row["model"]),
            *(format_interval(metric, row["baselines"].get(name)) for name in pooled["baselines"]),
        ]
        for row in [*pooled["ranges"], pooled["without_extremes"]]
    ]
    header = ["true score", "images", "model", *(name.replace("_", " ") for name in pooled["baselines"])]
    return ["Mean absolute error (PASI points) by range:", text_table(header, rows, markdown=True)]
