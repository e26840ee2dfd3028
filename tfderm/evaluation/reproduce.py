"""A paper's result tables, trained anew: every row cross-validated on the same folds, the paper's figures beside."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tfderm import datasets
from tfderm.datasets.corpus import Corpus
from tfderm.errors import InputError
from tfderm.evaluation.cross_validate import cross_validate, pooled_predictions
from tfderm.evaluation.figures_reproduction import draw_reproduction
from tfderm.evaluation.folds import Fold, folds_of, run_folds
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.reproduction_metadata import (
    admitted,
    class_recalls_of,
    metadata_parts,
    recall_metrics,
    without_metadata,
)
from tfderm.evaluation.reproduction_tables import (
    baseline_parts,
    beginning,
    class_parts,
    photographs,
    refusal,
    training_record,
    training_rows,
)
from tfderm.evaluation.scores import LEVEL, REPEATS, Metric, score, task_metrics
from tfderm.evaluation.wording import format_interval, format_value, text_table, verdict
from tfderm.files import atomic_folder, write_json, write_text
from tfderm.metrics import bootstrap_sample
from tfderm.pipeline.splits import check_unseen
from tfderm.recipe import Recipe

Tables = Mapping[str, Mapping[str, Recipe]]
Effects = Mapping[str, tuple[str, str]]


def reproduce(
    tables: Tables,
    effects: Effects,
    printed: Mapping[str, Mapping] | None = None,
    *,
    data: str | None = None,
    pretraining: str | None = None,
    output: Path | str,
    initial: Path | None = None,
    jobs: int = 1,
) -> dict[str, Any]:
    """Train and evaluate every fold of every row; finished folds are kept, an interrupted one continues.

    Before it starts, and before each fold, it says on stderr how long the rest will take.

    Args:
        tables: title -> method -> recipe, as `tfderm.recipes.get_tables` gives them. The last row that the first table
            and another share is the paper's own method, which every other row is compared with.
        effects: change of method -> names of two recipes, with it and without it, as `tfderm.recipes.get_effects`.
        printed: what the paper prints besides, as `tfderm.recipes.get_printed` gives it.
        data: source of data as `tfderm.datasets.load` takes it; by default the recipes'.
        pretraining: source of data on which rows that begin with a pretraining begin, in place of the recipe's own.
        output: receives `rows/RECIPE/fold-N`, `figures/`, `reproduction.json` and `reproduction.md`.
        initial: a run whose weights the rows with the network of the paper's own method start from; the others start
            from fresh ones.
        jobs: number of folds to train at a time, as in `run_folds`.

    Returns:
        The content of `reproduction.json`: `rows`, per recipe its `claim`, `image_size`, the `mean` and `sd` over the
        folds, the metrics of all held-out images `pooled`, `difference`, the paper's method minus that row, paired,
        with a 95 % interval over resampled patients, `beginning`, what it began from, and for classes `training`, how
        it trained; `effects`, per change of method and metric what the change adds in
        each of `folds`, and the mean over them with such an interval.

    Raises:
        InputError: as `cross_validate`; `initial` was trained on patients of the data; `pretraining` is given where no
            row begins with one, or not where one has no data for it.
    """
    output = Path(output)
    own = _own_method(tables)
    rows = {recipe.name: recipe for table in tables.values() for recipe in table.values()}
    corpus = datasets.load(data or rows[own].data)
    rows = {name: datasets.resolved(recipe, corpus) for name, recipe in rows.items()}
    if pretraining:
        rows = _pretrained_on(pretraining, rows)
    rows, refused = admitted(rows, [recipe.name for recipe in next(iter(tables.values())).values()], corpus.records)
    if own not in rows:
        raise InputError(
            f"{data}: {own} would read columns that tell the class alone ({refused[own]}); give other data."
        )
    for name, reason in refused.items():
        words = f"reads {', '.join(rows[name].metadata)} alone, the rest is " if name in rows else ""
        print(f"{name}: {words}{reason}", file=sys.stderr)
    options = {
        name: {
            "data": data,
            "output": output / "rows" / name.replace(":", "-"),
            "initial": initial if recipe.model == rows[own].model else None,
        }
        for name, recipe in rows.items()
    }
    check_unseen(initial, corpus, corpus.records)
    for name, recipe in rows.items():
        if options[name]["initial"] is None:
            _check_pretraining(recipe)
    folds = {name: folds_of(recipe, **options[name]) for name, recipe in rows.items()}
    _train([fold for row in folds.values() for fold in row if not fold.finished], corpus, jobs)
    summaries = {name: cross_validate(recipe, **options[name]) for name, recipe in rows.items()}
    pooled = {name: pooled_predictions([fold.run for fold in row]) for name, row in folds.items()}
    others = _aligned(pooled, own)
    scores = score(replace(pooled[own], baselines=others), rows[own].seed)
    metrics = task_metrics(rows[own].task, len(rows[own].labels))
    y_pred = others | {own: pooled[own].y_pred}
    fold_sizes = [fold["num_images"] for fold in summaries[own]["folds"]]
    result = {
        "own_method": own,
        "initial": str(initial) if initial else None,
        "synthetic": summaries[own]["synthetic"],
        "data": summaries[own]["data"],
        "num_folds": rows[own].folds,
        "num_images": scores["num_images"],
        "num_groups": scores["num_groups"],
        "rows": {
            name: {
                "claim": dict(rows[name].claim),
                "image_size": list(rows[name].image_size),
                "mean": summary["mean"],
                "sd": summary["sd"],
                "pooled": scores["model"] if name == own else scores["baselines"][name],
                "difference": None if name == own else scores["differences"][name],
                "without_extremes": summary["pooled"].get("without_extremes", {}).get("model"),
                "baselines": {
                    name: {"baseline": baseline, "difference": summary["pooled"]["differences"][baseline][name]}
                    for name, baseline in summary["pooled"]["better_baseline"].items()
                },
                "beginning": beginning(rows[name], options[name]["initial"]),
                "training": training_record(folds[name]) if rows[name].task == "classification" else None,
            }
            for name, summary in summaries.items()
        },
        "effects": {
            title: {
                "rows": [changed, plain],
                "metrics": _effect(y_pred[changed], y_pred[plain], pooled[own], fold_sizes, metrics, rows[own].seed),
            }
            for title, (changed, plain) in effects.items()
        },
        "refused": refused,
        "tables": {title: {method: recipe.name for method, recipe in table.items()} for title, table in tables.items()},
    }
    titles = {recipe.name: method for method, recipe in next(iter(tables.values())).items()}
    beside = {method: others[name] for name, method in titles.items() if name != own}
    with atomic_folder(output / "figures") as folder:
        compared = replace(pooled[own], baselines=beside, predictor=titles[own])
        runs = {name: row[0].run for name, row in folds.items()}
        result["figures"] = draw_reproduction(compared, runs, own, result["synthetic"], folder)
    if rows[own].metadata:
        image = next(name for name in titles if not rows[name].metadata)
        compared = {"everything known": y_pred[own], "nothing known": without_metadata(folds[own], pooled[own])}
        chosen = recall_metrics(metrics, rows[own].labels)
        result["metadata"] = {
            "columns": list(rows[own].metadata),
            "backbone": rows[own].model_options["backbone"],
            "class_recalls": {name: class_recalls_of([fold.run for fold in folds[name]]) for name in titles},
            "effects": {
                title: _effect(values, y_pred[image], pooled[own], fold_sizes, chosen, rows[own].seed)
                for title, values in compared.items()
            },
        }
    if rows[own].task == "classification":
        result |= {
            "labels": list(rows[own].labels),
            "photographs": photographs(folds[own][0].run),
            "confusion_matrix": scores["confusion_matrix"],
            "printed": printed or {},
        }
    write_json(output / "reproduction.json", result)
    write_text(output / "reproduction.md", _markdown(result, metrics))
    return result


def _pretrained_on(source: str, rows: Mapping[str, Recipe]) -> dict[str, Recipe]:
    if not any(recipe.pretraining for recipe in rows.values()):
        raise InputError("No row of these tables begins with a pretraining; leave out --pretraining.")
    own_classes = {"labels": (), "label_names": {}, "label_aliases": {}, "ignored_labels": ()}
    return {
        name: replace(recipe, pretraining=replace(recipe.pretraining, data=source, **own_classes))
        if recipe.pretraining
        else recipe
        for name, recipe in rows.items()
    }


def _check_pretraining(recipe: Recipe) -> None:
    """Raise `InputError` where a row would fail for want of data only when its turn comes."""
    before = recipe.pretraining
    while before:
        if not before.data:
            raise InputError(f"{recipe.name} learns other images first; say which with --pretraining SRC.")
        before = before.pretraining


def _own_method(tables: Tables) -> str:
    first, *others = ([recipe.name for recipe in table.values()] for table in tables.values())
    return [name for name in first if all(name in other for other in others)][-1]


def _train(folds: Sequence[Fold], corpus: Corpus, jobs: int) -> None:
    """Train and evaluate, with an estimate of the training that follows the times of finished folds."""
    from tfderm.training.estimate import measured_step, training_seconds

    if not folds:
        return
    records = datasets.select(corpus, folds[0].recipe, training=True).records
    seconds: dict[str, float] = {}
    expected = []
    for fold in folds:
        recipe = fold.recipe
        network = repr((recipe.model, recipe.model_options, recipe.image_size, recipe.batch_size, recipe.precision))
        if network not in seconds:
            seconds[network] = measured_step(recipe, corpus, records)
        expected.append(training_seconds(recipe, records, seconds[network]))
    number = 0

    def starting(fold: Fold) -> None:
        nonlocal number
        finished = [index for index in range(number) if folds[index].finished]
        done = sum(expected[index] for index in finished)
        took = sum(float(row["seconds"]) for index in finished for row in folds[index].run.history)
        to_go = (sum(expected) - done) * (took / jobs / done if done else 1)
        number += 1
        print(
            f"[{number}/{len(folds)}] {fold.recipe.name}, fold {fold.recipe.fold}; "
            f"about {max(1, round(to_go / 60))} min of training to go",
            file=sys.stderr,
            flush=True,
        )

    run_folds(folds, jobs, starting)


def _aligned(pooled: Mapping[str, Predictions], own: str) -> dict[str, Any]:
    """The other rows' predictions in the order of the paper's own method."""
    aligned = {}
    for name, predictions in pooled.items():
        if name != own:
            place = {image: index for index, image in enumerate(predictions.images)}
            aligned[name] = predictions.y_pred[[place[image] for image in pooled[own].images]]
    return aligned


def _effect(
    changed: np.ndarray,
    plain: np.ndarray,
    held_out: Predictions,
    fold_sizes: Sequence[int],
    metrics: Mapping[str, Metric],
    seed: int,
) -> dict[str, Any]:
    """Per metric what a change adds: metric(changed) - metric(plain) in each fold, and the mean over the folds."""

    def per_fold(function, y_true, changed, plain, fold):
        members = (fold == index for index in range(len(fold_sizes)))
        return [float(function(y_true[rows], changed[rows]) - function(y_true[rows], plain[rows])) for rows in members]

    def effect(function):
        def mean(*drawn):
            return np.mean(per_fold(function, *drawn))

        arrays = (held_out.y_true, changed, plain, np.repeat(np.arange(len(fold_sizes)), fold_sizes))
        sample = bootstrap_sample(mean, arrays, held_out.groups, repeats=REPEATS, seed=seed)
        return {"folds": per_fold(function, *arrays), "mean": sample.interval(LEVEL).to_json()}

    return {name: effect(metric.function) for name, metric in metrics.items()}


def _markdown(result: Mapping[str, Any], metrics: Mapping[str, Metric]) -> str:
    synthetic = " Synthetic: rendered images, no statement about patients." if result["synthetic"] else ""
    parts = [
        f"# {result['own_method']}: the paper's tables and figures",
        f"Data: {result['data']['name']}, {result['num_images']} photographs of {result['num_groups']} patients or "
        f"lesions, {result['num_folds']} folds by patient.{synthetic} The paper's figures are on its own data.",
    ]
    if result["initial"]:
        parts.append(f"Rows with its network began from the weights of {result['initial']}, the others as without it.")
    for title, table in result["tables"].items():
        parts += [f"## {title}", text_table(*_rows(result, metrics, table), markdown=True)]
        if "photographs" in result:
            parts.append(text_table(*training_rows(result, table), markdown=True))
    parts.append(
        "Mean ± standard deviation over the folds. Difference: the paper's own method minus the row, on all held-out "
        "photographs together, with a 95 % interval over resampled patients; it does not contain the variation from "
        "training anew."
    )
    parts += baseline_parts(result, metrics)
    if "metadata" in result:
        parts += metadata_parts(result, metrics)
    if "photographs" in result:
        parts += class_parts(result)
    parts += [
        "## What each change adds",
        text_table(*_effect_rows(result, metrics), markdown=True),
        "The row with the change minus the row without it: the mean over the folds with a 95 % interval over resampled "
        "patients, and each fold, which shows how much of it is chance of the training.",
    ]
    parts += [f"## {f['title']}\n\n![{f['caption']}](figures/{f['file']})\n\n{f['caption']}" for f in result["figures"]]
    return "\n\n".join(parts) + "\n"


def _rows(result, metrics, table) -> tuple[list[str], list[list[str]]]:
    header = ["method", "pixels"]
    for metric in metrics.values():
        header += [metric.title, "paper", "difference", "the paper's method is"]
    lines = []
    for method, name in table.items():
        if why := refusal(result, table, name):
            lines.append([method, "", why, *[""] * (len(header) - 3)])
            continue
        row = result["rows"][name]
        line = [method, "×".join(map(str, row["image_size"]))]
        for key, metric in metrics.items():
            claim, difference = row["claim"].get(key), row["difference"]
            line += [
                f"{format_value(metric, row['mean'][key])} ± {format_value(metric, row['sd'][key])}",
                "" if claim is None else format_value(metric, claim),
                format_interval(metric, difference[key], signed=True) if difference else "",
                verdict(metric, difference[key]) if difference else "",
            ]
        lines.append(line)
    return header, lines


def _effect_rows(result, metrics) -> tuple[list[str], list[list[str]]]:
    methods = {name: method for table in result["tables"].values() for method, name in table.items()}
    header = ["change", "rows"]
    for metric in metrics.values():
        header += [metric.title, "in each fold", "the change is"]
    lines = []
    for title, effect in result["effects"].items():
        line = [title, " − ".join(methods[name] for name in effect["rows"])]
        for name, metric in metrics.items():
            values = effect["metrics"][name]
            line += [
                format_interval(metric, values["mean"], signed=True),
                ", ".join(format_value(metric, value, signed=True) for value in values["folds"]),
                verdict(metric, values["mean"]),
            ]
        lines.append(line)
    return header, lines
