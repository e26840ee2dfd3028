"""MODEL_CARD.md of a bundle."""

from collections.abc import Mapping
from typing import Any

from tfderm.contract import ModelContract
from tfderm.export.parity import table


def model_card(
    contract: ModelContract, scheme: Mapping[str, Any], parity: Mapping[str, Any], metrics: Mapping[str, Any] | None
) -> str:
    """The card as Markdown: intended use, data, metrics, parity, licence.

    Args:
        contract: of the model.
        scheme: content of scheme.json.
        parity: content of parity.json.
        metrics: content of the run's metrics.json, None where the run was not evaluated.
    """
    training = contract.training
    synthetic = bool(training.get("synthetic"))
    height, width = contract.image.image_size
    label = " (synthetic images)" if parity["synthetic"] else ""
    lines = [
        f"# {contract.recipe}, {scheme['scheme']}",
        "",
        "## Intended use",
        "",
        contract.intended_use,
        "",
        "## Input and outputs",
        "",
        f"- `{contract.image.name}`: {width}x{height} {contract.image.channels} {contract.image.dtype}, "
        f"resize {contract.image.resize}, {_seen(contract.image.crop)}; normalisation is inside the model.",
    ]
    for column in contract.metadata:
        lines.append(f"- of the patient, where known: {column.name} ({column.seen}).")
    for output in contract.outputs:
        low, high = output.range
        unit = f" {output.unit}" if output.unit else ""
        lines.append(f"- `{output.name}`: {output.kind}, shape {list(output.shape)}, {low:g} to {high:g}{unit}.")
    if contract.labels:
        names = (f"{label_} ({contract.label_names.get(label_, label_)})" for label_ in contract.labels)
        lines.append(f"- Labels: {', '.join(names)}.")
    lines += [
        "",
        "## Data",
        "",
        f"Trained on {training.get('data', 'unknown data')}: "
        + ("**synthetic images; says nothing about patients.**" if synthetic else "photographs."),
        "",
        *(f"- {key}: {value}" for key, value in training.items()),
        "",
        f"## Metrics{label}",
        "",
        *_metrics(metrics),
        "",
        f"## Keras against this file, {parity['num_images']} images of the {parity['split']} split{label}",
        "",
        table(parity),
        "",
        *_uncertainty(contract),
        f"Operators left in float: {len(scheme['float_ops'])}.{_share(scheme)} How the file was made: `scheme.json`.",
        "",
        "## Licence",
        "",
        contract.licence,
        "",
    ]
    return "\n".join(lines)


def _uncertainty(contract: ModelContract) -> list[str]:
    """What one score and one change are worth; nothing where it was not measured."""
    if not contract.uncertainty:
        return []
    if contract.task == "classification":
        return _selective(contract.uncertainty)
    if contract.task == "multilabel":
        return _labels(contract.uncertainty)
    interval, measured = contract.uncertainty["interval"], contract.uncertainty["measured_on"]
    label = " (synthetic images)" if measured["synthetic"] else ""
    lines = [
        f"## Uncertainty{label}",
        "",
        f"Measured on {measured['num_images']} images of {measured['num_groups']} patients of the validation split.",
        "",
        f"- {interval['level']:.0%} of true scores lie within: "
        + ", ".join(f"±{width:.1f} where it says {band}" for band, width in interval["half_widths"].items())
        + ".",
    ]
    if change := contract.uncertainty.get("change"):
        lines.append(
            f"- A change between two visits above {change['value']:.1f} points is hardly the model's own error "
            f"({change['level']:.0%}, {change['num_pairs']} pairs of visits)."
        )
    return [*lines, ""]


def _selective(measured: Mapping[str, Any]) -> list[str]:
    """When a classifier answers, which classes are possible, and which photographs it turns away."""
    images, abstention = measured["measured_on"], measured["abstention"]
    label = " (synthetic images)" if images["synthetic"] else ""
    lines = [
        f"## When it answers{label}",
        "",
        f"Chosen by {images['num_images']} images of {images['num_groups']} patients or lesions of the validation "
        "split, so that what is stated here is a little too good; an evaluation measures it on other images.",
        "",
        f"- Probabilities are calibrated: temperature {measured['temperature']:.3g}.",
    ]
    if abstention["threshold"] is None:
        lines.append(
            f"- It does not say when it is sure: at no confidence are {abstention['wanted_accuracy']:.0%} of its "
            f"answers to {abstention['smallest']} or more of these images right."
        )
    else:
        lines.append(
            f"- Sure from {abstention['threshold']:.1%} on, for {abstention['wanted_accuracy']:.0%} right answers: "
            f"{_percent(abstention['coverage'])} of these images, of which {_percent(abstention['accuracy'])} right."
        )
    if sets := measured.get("sets"):
        counts = ", ".join(f"{name} {count}" for name, count in sets["counts"].items())
        lines.append(
            f"- {sets['level']:.0%} of its sets of classes hold the true one (images behind the thresholds: {counts}). "
            "An empty set: unlike the images of any class."
        )
    return [*lines, *_turned_away(measured["suitability"]), ""]


def _labels(measured: Mapping[str, Any]) -> list[str]:
    """From which probability on each label is there, and which photographs are turned away."""
    images, labels = measured["measured_on"], measured["labels"]
    label = " (synthetic images)" if images["synthetic"] else ""
    return [
        f"## When a label is there{label}",
        "",
        f"From the probability of the largest F1 on {images['num_images']} images of {images['num_groups']} patients "
        "or lesions of the validation split; 50 % where none of them shows the label.",
        "",
        *(
            f"- {name}: from {threshold:.1%} on ({labels['counts'][name]} of the images show it)."
            for name, threshold in labels["thresholds"].items()
        ),
        *_turned_away(measured["suitability"]),
        "",
    ]


def _turned_away(suitability: Mapping[str, Any]) -> list[str]:
    reasons = ", ".join(check["words"] for check in suitability["checks"])
    return [
        f"- Turned away: {reasons}; {suitability['share']:.1%} of suitable photographs are, at most.",
        *(f"- Not checked: {name}; {why}." for name, why in suitability["left_out"].items()),
    ]


def _percent(interval: Mapping[str, float]) -> str:
    return "{value:.1%} ({low:.1%} to {high:.1%})".format(**interval)


def _share(scheme: Mapping[str, Any]) -> str:
    share = scheme["int8_macs_share"]
    return "" if share is None else f" Share of multiply-accumulates in int8: {share:.0%}."


def _metrics(metrics: Mapping[str, Any] | None) -> list[str]:
    if metrics is None:
        return ["Not evaluated yet: run `tfderm evaluate` on the run and export again."]
    rows = ["| metric | value |", "|---|---|"]
    for name, value in metrics.items():
        if isinstance(value, Mapping) and "value" in value:
            rows.append(
                f"| {name} | {_number(value['value'])} ({_number(value.get('low'))} to {_number(value.get('high'))}) |"
            )
        elif isinstance(value, (int, float, str)):
            rows.append(f"| {name} | {_number(value)} |")
    return rows


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _seen(crop: float | None) -> str:
    if crop is None:
        return "the whole photograph, stretched"
    return f"{crop:.1%} of the sides of its largest centred part of that shape"
