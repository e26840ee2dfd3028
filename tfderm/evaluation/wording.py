"""The numbers of `metrics.json` in words: one way of writing them for terminal, report and the folds' summary."""

from collections.abc import Mapping, Sequence
from typing import Any

from tfderm.evaluation.area_of_interest import area_sentence
from tfderm.evaluation.components import COMPONENT_ERROR, COMPOSED_DIFFERENCE
from tfderm.evaluation.location import CORRELATION
from tfderm.evaluation.scores import LEVEL, Metric, task_metrics

PREDICTOR_TITLES = {
    "constant": "constant predictor (median of the training scores)",
    "majority": "majority class",
    "shares": "share of the training images that show the label",
    "median_box": "median box (that of the training lesions, in every image)",
    "colour_histogram": "colour-histogram regression",
}

_SHARE = task_metrics("classification")["accuracy"]


def format_value(metric: Metric, value: float | None, signed: bool = False) -> str:
    """ "5.88", "77.9 %" or "0.530"; signed, as a difference, "-0.17" or "+1.2 pp" (percentage points)."""
    if value is None:
        return "no value"
    sign = "+" if signed else ""
    if metric.unit == "%":
        return f"{100 * value:{sign}.1f} {'pp' if signed else '%'}"
    return f"{value:{sign}.2f}" if metric.unit == "points" else f"{value:{sign}.3f}"


def format_interval(metric: Metric, interval: Mapping[str, Any] | None, signed: bool = False) -> str:
    """ "5.88 (5.01 to 6.90)"; the unit stands once, after the value."""
    if interval is None or interval["value"] is None:
        return "no value"
    value = format_value(metric, interval["value"], signed)
    if interval["low"] is None:
        return value
    low, high = (format_value(metric, interval[end], signed).split()[0] for end in ("low", "high"))
    return f"{value} ({low} to {high})"


def verdict(metric: Metric, difference: Mapping[str, Any]) -> str:
    """ "better", "worse" or "not distinguishable": does the interval of model - baseline exclude 0, on which side."""
    if difference["low"] is None or difference["low"] <= 0 <= difference["high"]:
        return "not distinguishable"
    return "better" if (difference["high"] < 0) == metric.lower_is_better else "worse"


def metric_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per metric of a scored result.

    Returns:
        `name`, `title` with its unit, `model`, `baselines` (name -> text), `better` (name of the better baseline),
        `difference` from it, `verdict`, and `claim`, the paper's figure, or "" where it gives none.
    """
    rows = []
    for name, metric in task_metrics(result["task"], len(result.get("labels", ()))).items():
        better = result["better_baseline"][name]
        difference = result["differences"][better][name] if better else None
        claim = result["claim"].get(name)
        rows.append(
            {
                "name": name,
                "title": f"{metric.title} (PASI points)" if metric.unit == "points" else metric.title,
                "model": format_interval(metric, result["model"][name]),
                "baselines": {
                    key: format_interval(metric, values[name]) for key, values in result["baselines"].items()
                },
                "better": better,
                "difference": format_interval(metric, difference, signed=True),
                "verdict": verdict(metric, difference) if difference else "",
                "claim": "" if claim is None else format_value(metric, claim),
            }
        )
    return rows


def headline(result: Mapping[str, Any]) -> list[str]:
    """What the two leading metrics say, in sentences."""
    kind = "synthetic images" if result["synthetic"] else "photographs"
    part = f"blind test {result['blind_test']}" if result.get("blind_test") else f"split: {result['split']}"
    sentences = [
        f"Measured on {result['num_images']} {kind} ({part}) of {result['num_groups']} patients or "
        f"lesions; in brackets {100 * LEVEL:.0f} % intervals."
    ]
    for row in metric_rows(result)[:2]:
        text = f"{row['title']}: {row['model']}."
        if row["better"]:
            relation = {
                "better": "better than",
                "worse": "worse than",
                "not distinguishable": "not distinguishable from",
            }[row["verdict"]]
            text += (
                f" That is {relation} the better trivial baseline, the {PREDICTOR_TITLES[row['better']]} "
                f"(difference {row['difference']})."
            )
        sentences.append(text)
    relative = result.get("mae_relative_to_constant")
    if relative and relative["low"] is not None:
        value, low, high = (f"{100 * (relative[key] - 1):+.0f}" for key in ("value", "low", "high"))
        sentences.append(f"Against the constant predictor the error changes by {value} % ({low} to {high}).")
    more = (component_sentence(result), location_sentence(result), area_sentence(result))
    return sentences + [sentence for sentence in more if sentence]


def location_sentence(result: Mapping[str, Any]) -> str:
    """Whether the finest location map follows the lesions' shape; "" where that was not measured."""
    located = result.get("location")
    if not located:
        return ""
    stride, row = next(iter(located["strides"].items()))
    relation = {
        "better": "more closely than the maps of boxes they were trained on",
        "worse": "less closely than the maps of boxes they were trained on",
        "not distinguishable": "about as closely as the maps of boxes they were trained on",
    }[verdict(CORRELATION, row["difference"])]
    return (
        f"Location maps (stride {stride}) follow the lesion masks of {located['num_images']} images {relation}: "
        f"correlation {format_interval(CORRELATION, row['model'])} against "
        f"{format_interval(CORRELATION, row['target'])}, difference "
        f"{format_interval(CORRELATION, row['difference'], signed=True)}."
    )


def selective_sentences(result: Mapping[str, Any]) -> list[str]:
    """How well the model knows when it is right; empty for other tasks."""
    report = result.get("selective")
    if not report:
        return []
    cut_off, sets = report["cut_off"], report["sets"]
    error = {key: format_interval(_SHARE, value) for key, value in report["calibration_error"].items()}
    sentences = [
        f"Calibration error {error['before']}, after temperature scaling ({report['temperature']:.2f}, fitted on the "
        f"{report['chosen_on']['split']} split) {error['after']}."
    ]
    wanted = f"{100 * cut_off['wanted_accuracy']:g} %"
    if cut_off["threshold"] is None:
        sentences.append(
            f"No cut-off: at no confidence are {wanted} of the answers to at least {cut_off['smallest']} images of the "
            f"{report['chosen_on']['split']} split right, so that the model cannot say when it is sure."
        )
    else:
        sentences.append(
            f"Answering from a confidence of {100 * cut_off['threshold']:.1f} % on, chosen on the "
            f"{report['chosen_on']['split']} split for {wanted} right answers, it answers "
            f"{format_interval(_SHARE, cut_off['coverage'])} of these images and is right on "
            f"{format_interval(_SHARE, cut_off['accuracy'])} of those; on all images on "
            f"{format_interval(_SHARE, report['curve'][-1]['accuracy'])}."
        )
    level = f"{100 * sets['level']:g} %"
    if "too_few" in sets:
        return [*sentences, f"Sets of classes at {level}: too few to say: {sets['too_few']}"]
    return [
        *sentences,
        f"Sets of classes that aim to hold the true one for {level} hold it for {100 * sets['coverage']:.1f} % "
        f"(mean of {sets['repeats']} halvings of these images by patient or lesion; {sets['size']:.2f} classes a set, "
        f"{100 * sets['single']:.1f} % with one, {100 * sets['empty']:.1f} % empty).",
    ]


def threshold_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per label of images that may show several: `label`, `images` that show it, the `threshold` of its
    probability, and `precision`, `recall` and `f1` in words; empty for other tasks.
    """
    return [
        {"label": label, "images": row["n"], "threshold": f"{100 * row['threshold']:.1f} %"}
        | {name: format_interval(_SHARE, row[name]) for name in ("precision", "recall", "f1")}
        for label, row in result.get("thresholds", {}).get("labels", {}).items()
    ]


def threshold_sentence(result: Mapping[str, Any]) -> str:
    """How the labels' thresholds were chosen and how often all labels are right; "" for other tasks."""
    report = result.get("thresholds")
    if not report:
        return ""
    chosen = report["chosen_on"]
    guessed = f" Without one to choose by, 50 %: {', '.join(report['guessed'])}." if report["guessed"] else ""
    return (
        "A label is said to be there from a probability of its own on, that of the largest F1 on the "
        f"{chosen['num_images']} images of the {chosen['split']} split.{guessed} Every label is told right on "
        f"{format_interval(_SHARE, report['exact'])} of these images."
    )


def threshold_table(result: Mapping[str, Any]) -> str:
    """Thresholds with what they give, for a terminal; "" for other tasks."""
    header = ["label", "images that show it", "from", "precision", "recall", "F1"]
    rows = [list(row.values()) for row in threshold_rows(result)]
    return text_table(header, rows) if rows else ""


def component_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per predicted severity component: `name`, graded `images`, and the error of `model`, `constant` and their
    `difference` in words, with its `verdict`; empty where the model predicts none.
    """
    rows = []
    for name, row in result.get("components", {}).get("grades", {}).items():
        model, constant, difference = (row[key] for key in ("model", "constant", "difference"))
        rows.append(
            {
                "name": name,
                "images": row["num_images"],
                "model": format_interval(COMPONENT_ERROR, model),
                "constant": format_interval(COMPONENT_ERROR, constant),
                "difference": format_interval(COMPONENT_ERROR, difference, signed=True),
                "verdict": verdict(COMPONENT_ERROR, difference) if difference else "",
            }
        )
    return rows


def component_table(result: Mapping[str, Any]) -> str:
    """Errors of the severity components for a terminal; "" where the model predicts none."""
    header = ["mean absolute error, grades", "graded images", "model", "constant (training median)", "difference"]
    rows = [
        [row[key] for key in ("name", "images", "model", "constant", "difference")] for row in component_rows(result)
    ]
    return text_table(header, rows) if rows else ""


def component_sentence(result: Mapping[str, Any]) -> str:
    """Whether the predicted components agree with the predicted score; "" where the model predicts none."""
    if "components" not in result:
        return ""
    difference = format_interval(COMPOSED_DIFFERENCE, result["components"]["composed"]["difference"])
    return (
        "(E + I + D) × A of the predicted components differs from the predicted score by "
        f"{difference} points in the mean of absolute differences."
    )


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], markdown: bool = False) -> str:
    """Columns padded to equal width, for a terminal or as Markdown."""
    widths = [max(len(str(line[column])) for line in (header, *rows)) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [str(cell).ljust(width) for cell, width in zip(cells, widths, strict=True)]
        return f"| {' | '.join(padded)} |" if markdown else "  ".join(padded).rstrip()

    rule = line(["-" * width for width in widths])
    return "\n".join([line(header), rule, *map(line, rows)])


def metrics_table(result: Mapping[str, Any], markdown: bool = False) -> str:
    """The model beside its baselines, one line per metric."""
    baselines = list(result["baselines"])
    header = ["metric", "model", *(name.replace("_", " ") for name in baselines), "model - better baseline", "paper*"]
    rows = [
        [row["title"], row["model"], *(row["baselines"][name] for name in baselines), row["difference"], row["claim"]]
        for row in metric_rows(result)
    ]
    if not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    return text_table(header, rows, markdown)
