"""A paper's result tables, trained anew: every row cross-validated on the same folds, the paper's figures beside."""

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfderm import datasets
from tfderm.evaluation.cross_validate import cross_validate, pooled_predictions, run_fold
from tfderm.evaluation.figures_reproduction import draw_reproduction
from tfderm.evaluation.predictions import Predictions
from tfderm.evaluation.scores import Metric, score, task_metrics
from tfderm.evaluation.wording import format_interval, format_value, text_table, verdict
from tfderm.files import atomic_folder, write_json, write_text
from tfderm.recipe import Recipe
from tfderm.run import Run

Tables = Mapping[str, Mapping[str, Recipe]]


def reproduce(tables: Tables, *, data: str | None = None, output: Path | str) -> dict[str, Any]:
    """Train and evaluate every fold of every row; finished folds are kept, an interrupted one continues.

    Before it starts, and before each fold, it says on stderr how long the rest will take.

    Args:
        tables: title -> method -> recipe, as `tfderm.recipes.get_tables` gives them. The last row that the first table
            and another share is the paper's own method, which every other row is compared with.
        data: source of data as `tfderm.datasets.load` takes it; by default the recipes'.
        output: receives `rows/RECIPE/fold-N`, `figures/`, `reproduction.json` and `reproduction.md`.

    Returns:
        The content of `reproduction.json`: `rows`, per recipe its `claim`, `image_size`, the `mean` and `sd` over the
        folds, the metrics of all held-out images `pooled`, and `difference`, the paper's method minus that row,
        paired, with a 95 % interval over resampled patients.

    Raises:
        InputError: as `cross_validate`.
    """
    output = Path(output)
    rows = {recipe.name: recipe for table in tables.values() for recipe in table.values()}
    own = _own_method(tables)
    _train(rows, data, output)
    summaries = {name: cross_validate(recipe, data=data, output=_folder(output, name)) for name, recipe in rows.items()}
    folds = {
        name: [Run(_folder(output, name) / f"fold-{i}") for i in range(recipe.folds)] for name, recipe in rows.items()
    }
    pooled = {name: pooled_predictions(runs) for name, runs in folds.items()}
    others = _aligned(pooled, own)
    scores = score(replace(pooled[own], baselines=others), rows[own].seed)
    metrics = task_metrics(rows[own].task, len(rows[own].labels))
    result = {
        "own_method": own,
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
            }
            for name, summary in summaries.items()
        },
        "tables": {title: {method: recipe.name for method, recipe in table.items()} for title, table in tables.items()},
    }
    beside = {
        method: others[recipe.name] for method, recipe in next(iter(tables.values())).items() if recipe.name != own
    }
    with atomic_folder(output / "figures") as folder:
        compared = replace(pooled[own], baselines=beside)
        result["figures"] = draw_reproduction(compared, folds[own][0], result["synthetic"], folder)
    write_json(output / "reproduction.json", result)
    write_text(output / "reproduction.md", _markdown(result, metrics))
    return result


def _own_method(tables: Tables) -> str:
    first, *others = ([recipe.name for recipe in table.values()] for table in tables.values())
    return [name for name in first if all(name in other for other in others)][-1]


def _folder(output: Path, name: str) -> Path:
    return output / "rows" / name.replace(":", "-")


def _train(rows: Mapping[str, Recipe], data: str | None, output: Path) -> None:
    """Every fold that is not finished, with an estimate that follows the measured times."""
    from tfderm.training.estimate import training_seconds

    open_folds = [
        (name, fold)
        for name, recipe in rows.items()
        for fold in range(recipe.folds)
        if not (_folder(output, name) / f"fold-{fold}" / "metrics.json").is_file()
    ]
    if not open_folds:
        return
    recipe = next(iter(rows.values()))
    corpus = datasets.load(data or recipe.data)
    records = datasets.select(corpus, recipe).records
    seconds = {name: training_seconds(rows[name], corpus, records) for name in dict.fromkeys(n for n, _ in open_folds)}
    expected = [seconds[name] for name, _ in open_folds]
    spent = 0.0
    for index, (name, fold) in enumerate(open_folds):
        done = sum(expected[:index])
        to_go = sum(expected[index:]) * (spent / done if done else 1)
        print(
            f"[{index + 1}/{len(open_folds)}] {name}, fold {fold}; about {max(1, round(to_go / 60))} min to go",
            file=sys.stderr,
            flush=True,
        )
        started = time.monotonic()
        run_fold(rows[name], fold, data=data, output=_folder(output, name))
        spent += time.monotonic() - started


def _aligned(pooled: Mapping[str, Predictions], own: str) -> dict[str, Any]:
    """The other rows' predictions in the order of the paper's own method."""
    aligned = {}
    for name, predictions in pooled.items():
        if name != own:
            place = {image: index for index, image in enumerate(predictions.images)}
            aligned[name] = predictions.y_pred[[place[image] for image in pooled[own].images]]
    return aligned


def _markdown(result: Mapping[str, Any], metrics: Mapping[str, Metric]) -> str:
    synthetic = " Synthetic: rendered images, no statement about patients." if result["synthetic"] else ""
    parts = [
        f"# {result['own_method']}: the paper's tables and figures",
        f"Data: {result['data']['name']}, {result['num_images']} photographs of {result['num_groups']} patients or "
        f"lesions, {result['num_folds']} folds by patient.{synthetic} The paper's figures are on its own data.",
    ]
    for title, table in result["tables"].items():
        parts += [f"## {title}", text_table(*_rows(result, metrics, table), markdown=True)]
    parts.append(
        "Mean ± standard deviation over the folds. Difference: the paper's own method minus the row, on all held-out "
        "photographs together, with a 95 % interval over resampled patients; it does not contain the variation from "
        "training anew."
    )
    parts += [f"## {f['title']}\n\n![{f['caption']}](figures/{f['file']})\n\n{f['caption']}" for f in result["figures"]]
    return "\n\n".join(parts) + "\n"


def _rows(result, metrics, table) -> tuple[list[str], list[list[str]]]:
    header = ["method", "pixels"]
    for metric in metrics.values():
        header += [metric.title, "paper", "difference", "the paper's method is"]
    lines = []
    for method, name in table.items():
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
