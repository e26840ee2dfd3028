"""One self-contained HTML page about a run: what it scored, beside what, on what, and how its bundles compare."""

import base64
import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfderm.errors import InputError
from tfderm.evaluation.missing import missing_rows, missing_sentence
from tfderm.evaluation.scores import EXTREME, task_metrics
from tfderm.evaluation.wording import (
    PREDICTOR_TITLES,
    component_rows,
    format_interval,
    headline,
    metric_rows,
    selective_sentences,
    threshold_rows,
    threshold_sentence,
)
from tfderm.files import read_json, write_text
from tfderm.run import Run

_TEMPLATE = Path(__file__).with_name("report.html")
_LEFT_OUT_LISTED = 20


def write_report(run: Run | Path | str, bundles: Sequence[Any] = ()) -> Path:
    """Write `report.html` into an evaluated run: no other file, script or address is needed to read it.

    Args:
        run: a run after `evaluate`, or its folder.
        bundles: bundles or their folders; without any, those in the run's `bundles/`.

    Returns:
        Path of the report.

    Raises:
        InputError: the run was not evaluated, or a bundle's folder does not exist.
    """
    import jinja2

    run = run if isinstance(run, Run) else Run.open(run)
    if not (run.path / "metrics.json").is_file():
        raise InputError(f"{run.path} was not evaluated: no metrics.json. Run `tfderm evaluate {run.path}` first.")
    folders = [Path(getattr(bundle, "path", bundle)) for bundle in bundles]
    folders = folders or sorted(path.parent for path in (run.path / "bundles").glob("*/contract.json"))
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is not a bundle; give a folder that `tfderm export` wrote.")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["number"] = _number
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    path = run.path / "report.html"
    write_text(path, template.render(_content(run, folders)))
    return path


def _content(run: Run, folders: Sequence[Path]) -> dict[str, Any]:
    result = read_json(run.path / "metrics.json")
    return {
        "recipe": run.recipe,
        "result": result,
        "contract": run.contract,
        "environment": run.environment,
        "headline": headline(result),
        "metrics": metric_rows(result),
        "baselines": {name: PREDICTOR_TITLES[name] for name in result["baselines"]},
        "details": _details(result),
        "components": component_rows(result),
        "intervals": result.get("prediction_intervals"),
        "selective": selective_sentences(result),
        "thresholds": threshold_rows(result),
        "threshold_sentence": threshold_sentence(result),
        "withheld": missing_rows(result),
        "withheld_sentence": missing_sentence(result),
        "set_classes": result.get("selective", {}).get("sets", {}).get("classes", {}),
        "subgroups": _subgroups(result),
        "figures": [{**figure, "data": _inline(run.figures / figure["file"])} for figure in result["figures"]],
        "bundles": [_bundle(folder) for folder in folders],
        "left_out": _left_out(run),
        "recipe_fields": {key: value for key, value in run.recipe.to_json().items() if key not in ("paper", "claim")},
    }


def _details(result: dict[str, Any]) -> dict[str, Any]:
    """The table by score range, or by class."""
    table = task_metrics(result["task"], len(result.get("labels", ())))
    if result["task"] == "severity":
        metric, title = table["mae"], "Mean absolute error by range of the true score (PASI points)"
        rows = [(row["range"], row) for row in result["ranges"]]
        rows.append((f"all up to {EXTREME}, without the extremes", result["without_extremes"]))
        first, counted = "range", "images"
        note = (
            "5, 10 and 15 belong to the range above them; the last line leaves out scores larger than "
            f"{EXTREME}, as the paper does."
        )
    elif result["task"] == "detection":
        metric, title = table["recall"], "Recall by size of the lesion (side, as a share of the image's)"
        rows, first, counted = [(row["range"], row) for row in result["sides"]], "size", "lesions"
        point, figures = result["operating_point"], result["pycocotools"]
        average = ", ".join(f"{key} {_number(figures[key])}" for key in ("ap", "ap50", "ap75"))
        note = (
            f"Boxes count from confidence {point['confidence']:.3g} on ({point['rule']}). By pycocotools, over all "
            f"confidences: {average}."
        )
    elif result["task"] == "multilabel":
        first, counted = "label", "images that show it"
        metric, title = table["mean_average_precision"], "Average precision by label"
        rows, note = list(result["label_average_precisions"].items()), ""
    else:
        first, counted = "class", "images"
        metric, title = table["mean_class_recall"], "Recall by class"
        rows, note = list(result["class_recalls"].items()), ""
    return {
        "title": title,
        "first": first,
        "counted": counted,
        "note": note,
        "rows": [
            {
                "label": label,
                "n": row["n"],
                "model": format_interval(metric, row["model"]),
                "baselines": [format_interval(metric, row["baselines"].get(name)) for name in result["baselines"]],
            }
            for label, row in rows
        ],
    }


def _subgroups(result: dict[str, Any]) -> dict[str, Any]:
    """The table of sub-groups: per attribute (value, images, patients, the leading metric or "too few to say")."""
    report = result["subgroups"]
    metric = task_metrics(result["task"], len(result.get("labels", ())))[report["metric"]]
    return {
        "title": f"{metric.title} (PASI points)" if metric.unit == "points" else metric.title,
        "smallest": report["smallest"],
        "ita_agreement": report["ita_agreement"],
        "attributes": {
            attribute: [
                (
                    row["value"],
                    row["n"],
                    row["num_groups"],
                    format_interval(metric, row["metric"]) if row["metric"] else "too few to say",
                )
                for row in rows
            ]
            for attribute, rows in report["attributes"].items()
        },
    }


def _number(value: Any) -> str:
    """Four significant digits; text and None as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _inline(path: Path) -> str:
    try:
        return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    except OSError:
        raise InputError(f"{path} does not exist; run `tfderm evaluate` again.") from None


def _bundle(folder: Path) -> dict[str, Any]:
    """What the folder's scheme.json, parity.json and benchmark.json say; None for one that is absent."""
    scheme, parity, benchmark = (
        read_json(folder / name) if (folder / name).is_file() else None
        for name in ("scheme.json", "parity.json", "benchmark.json")
    )
    return {
        "name": (parity or {}).get("scheme", folder.name),
        "int8_macs_share": (scheme or {}).get("int8_macs_share"),
        "parity": parity,
        "benchmark": benchmark,
    }


def _left_out(run: Run) -> dict[str, Any]:
    path = run.path / "left_out.csv"
    rows = []
    if path.is_file():
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    reasons = Counter(row["reason"].partition(":")[0] for row in rows)
    rows.sort(key=lambda row: reasons[row["reason"].partition(":")[0]])  # A rare reason tells more than a common one.
    return {
        "count": len(rows),
        "reasons": reasons.most_common(),
        "listed": [(row["image"], row["reason"]) for row in rows[:_LEFT_OUT_LISTED]],
    }
