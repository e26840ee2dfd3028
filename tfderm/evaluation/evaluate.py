"""`evaluate`: predict a split with a run's model and with trivial baselines, and write what came out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfderm.contract import ModelContract
from tfderm.datasets.blind import blind_test_of
from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.selection import true_values
from tfderm.errors import InputError
from tfderm.evaluation.area_of_interest import area_report
from tfderm.evaluation.components import component_report
from tfderm.evaluation.detection import detection_predictions
from tfderm.evaluation.location import location_report
from tfderm.evaluation.missing import missing_report
from tfderm.evaluation.predictions import Predictions, write_predictions
from tfderm.evaluation.scores import score
from tfderm.evaluation.selective import Calibration, selective_report
from tfderm.evaluation.subgroups import subgroup_report
from tfderm.evaluation.thresholds import threshold_report
from tfderm.files import atomic_folder, write_json
from tfderm.pipeline import ImageStore
from tfderm.pipeline.splits import SPLITS
from tfderm.recipe import Recipe
from tfderm.run import Run

# Pixels per batch of predictions: sixteen images of 200x256, two of 800x1024.
_BATCH_PIXELS = 2**21
# Longest side of the images that colour baselines are fitted on; colour shares hardly change with size.
_BASELINE_SIDE = 256


@dataclass(frozen=True)
class Evaluated:
    """What figures are drawn from: the photographs beside the predictions, row by row."""

    run: Run
    corpus: Corpus
    records: Sequence[Record]
    predictions: Predictions
    model: Any


def evaluate(
    run: Run | Path | str, *, data: str | None = None, split: str = "test", missing: Sequence[float] = (1.0,)
) -> dict[str, Any]:
    """Evaluate a run beside trivial baselines; writes `metrics.json`, `predictions.csv` and `figures/` into it.

    Args:
        run: a finished run or its folder.
        data: other data than the run's own, as `tfderm.datasets.load` takes it. All of its images are used, unless it
            is the run's own data in another place (equal fingerprint), which is used like the run's own.
        split: "train", "validation" or "test" of the run's own data.
        missing: shares of the metadata to withhold, 0..1, where the model reads metadata; `missing` in `metrics.json`
            has its figures without them.

    Returns:
        The content of `metrics.json`: every metric as {value, low, high, undefined} for the model, each baseline, and
        the paired difference model - baseline, with 95 % intervals over resampled patients (or lesions); `blind_test`
        is the name of the registered one that `data` is, where it is one.

    Raises:
        InputError: the run is not trained, its data has changed, or other data holds a patient the run learned from.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    if split not in SPLITS:
        raise InputError(f"`split` must be one of {', '.join(SPLITS)}. Received: split={split!r}")
    model_path = run.model_path
    own, of_split, corpus, records, split = choose_records(run, data, split)
    source = data or run.environment["data"]["source"]
    blind_test = blind_test_of(corpus, records) if data else None

    from tfderm import models

    model = models.load(model_path)
    details: dict[str, Any] = {}
    if run.recipe.task == "detection":
        predictions, details = detection_predictions(run, model, own, of_split, corpus, records)
    else:
        names = [output.name for output in run.contract.outputs if output.kind != "area_of_interest"]
        outputs = predict_outputs(model, corpus, records, run.contract, names)
        predictions = Predictions(
            task=run.recipe.task,
            images=[record.image for record in records],
            groups=[record.group or record.image for record in records],
            y_true=true_values(records, run.recipe),
            y_pred=_answers(run, records, outputs),
            baselines=_baseline_predictions(run.recipe, own, of_split["train"], corpus, records),
            components={
                output.name: _finite(run, records, outputs[output.name])[:, 0].clip(*output.range)
                for output in run.contract.outputs_of_kind("component")
            },
            labels=run.recipe.labels,
        )
        if explained := component_report(predictions, of_split["train"], records, run.recipe.seed):
            details["components"] = explained
        maps = {output.stride: outputs[output.name] for output in run.contract.outputs_of_kind("location_map")}
        if located := location_report(maps, corpus, records, run.recipe.image, run.recipe.seed):
            details["location"] = located
        for output in run.contract.outputs_of_kind("transform"):
            details["area_of_interest"] = area_report(outputs[output.name], records, run.recipe.image, run.recipe.seed)
        if run.contract.metadata:
            details["missing"] = missing_report(run, model, corpus, records, predictions, missing)
        if run.recipe.classes and split != "validation" and (validation := of_split["validation"]):
            probabilities = predict_outputs(model, own, validation, run.contract, names)
            calibration = Calibration(
                "validation", true_values(validation, run.recipe), _answers(run, validation, probabilities)
            )
            if run.recipe.task == "multilabel":
                details["thresholds"] = threshold_report(predictions, calibration, run.recipe.seed)
            else:
                details["selective"] = selective_report(
                    predictions, calibration, run.recipe.wanted_accuracy, run.recipe.seed
                )
    result = {
        "recipe": run.recipe.name,
        "task": run.recipe.task,
        "split": split,
        "synthetic": corpus.synthetic,
        "data": {
            "name": corpus.name,
            "source": str(source),
            "synthetic": corpus.synthetic,
            "licence": corpus.licence,
            "fingerprint": corpus.fingerprint,
        },
        "claim": dict(run.recipe.claim),
        **score(predictions, seed=run.recipe.seed),
        "subgroups": subgroup_report(
            predictions, records, ImageStore(corpus, records, run.recipe.image), run.recipe.seed
        ),
        **details,
    }
    if blind_test:
        result["blind_test"] = blind_test
    if corpus.synthetic:
        result["note"] = "synthetic data: rendered images, no statement about patients"
    from tfderm.evaluation.figures import draw_figures

    with atomic_folder(run.figures) as folder:
        result["figures"] = draw_figures(Evaluated(run, corpus, records, predictions, model), result, folder)
    write_predictions(run.path / "predictions.csv", predictions, records)
    write_json(run.path / "metrics.json", result)
    return result


def choose_records(
    run: Run, data: str | None, split: str
) -> tuple[Corpus, dict[str, list[Record]], Corpus, list[Record], str]:
    """(Own corpus, its records by split, corpus to evaluate, its records, name of the split). Raises as `evaluate`."""
    from tfderm import datasets

    recorded = run.environment["data"]
    other = datasets.load(data) if data else None
    own = other if other and other.fingerprint == recorded["fingerprint"] else datasets.load(recorded["source"])
    if own.fingerprint != recorded["fingerprint"]:
        raise InputError(
            f"{recorded['source']} has changed since {run.path} was trained (fingerprint {own.fingerprint[:12]}, "
            f"expected {recorded['fingerprint'][:12]}); restore it, or train again."
        )
    splits = run.splits
    of_split = {
        name: [record for record in datasets.select(own, run.recipe).records if splits.get(record.image) == name]
        for name in SPLITS
    }
    for name in {"train", split}:
        if missing := sum(value == name for value in splits.values()) - len(of_split[name]):
            raise InputError(
                f"{recorded['source']}: {missing} images of the {name} split of {run.path} cannot be read any more; "
                "see `tfderm data check` and restore them."
            )
    if other is None or other is own:
        if not of_split[split]:
            raise InputError(f"{run.path}: the {split} split holds no image.")
        return own, of_split, own, of_split[split], split
    records = list(datasets.select(other, run.recipe).records)
    learned = {record.group for record in of_split["train"]} - {""}
    leaks = [record for record in records if record.group in learned]
    if leaks:
        groups = sorted({record.group for record in leaks})
        more = f" and {len(groups) - 3} more" if len(groups) > 3 else ""
        raise InputError(
            f"Leak: {len(leaks)} images of {data} belong to {', '.join(groups[:3])}{more} in the training split of "
            f"{run.path} (first: {leaks[0].image}); leave them out, or rename them if they are other people."
        )
    return own, of_split, other, records, "all"


def predict_outputs(
    model: Any,
    corpus: Corpus,
    records: Sequence[Record],
    contract: ModelContract,
    names: Sequence[str],
    withheld: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """The outputs `names` of a model for all records, in their order: name -> (N, ...) float32.

    `withheld` (N, number of metadata columns) bool is what the model shall do without; None for nothing.
    """
    from tqdm import tqdm

    from tfderm import models
    from tfderm.pipeline import input_batches

    batch_size = max(1, min(16, _BATCH_PIXELS // math.prod(contract.image.image_size)))
    outputs: dict[str, list[np.ndarray]] = {name: [] for name in names}
    total = math.ceil(len(records) / batch_size)
    batches = input_batches(corpus, records, contract, batch_size, withheld)
    for inputs in tqdm(batches, "predicting", total, delay=1, leave=False, disable=None):
        answer = models.predict(model, inputs)
        for name in names:
            outputs[name].append(np.asarray(answer[name], dtype=np.float32))
    return {name: np.concatenate(parts) for name, parts in outputs.items()}


def _answers(run: Run, records: Sequence[Record], outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """(N,) scores clipped to the contract's range as every client does, or (N, num_classes) probabilities."""
    kind = "severity" if run.recipe.task == "severity" else "probabilities"
    output = run.contract.output(kind)
    values = _finite(run, records, outputs[output.name])
    return np.clip(values[:, 0], *output.range) if kind == "severity" else values


def _finite(run: Run, records: Sequence[Record], values: np.ndarray) -> np.ndarray:
    """(N, ...) predictions as float64. Raises `InputError` where one is not finite."""
    failed = ~np.isfinite(values).all(axis=1)
    if failed.any():
        image = records[int(np.argmax(failed))].image
        raise InputError(f"{run.path}: the prediction for {image} is not a finite number; train again.")
    return values.astype(np.float64)


def _baseline_predictions(
    recipe: Recipe, own: Corpus, training: Sequence[Record], corpus: Corpus, records: Sequence[Record]
) -> dict[str, np.ndarray]:
    """Predictions for `records` of the trivial baselines fitted on the run's own training split."""
    from tfderm.evaluation import baselines

    scale = min(1.0, _BASELINE_SIDE / max(recipe.image_size))
    target = replace(recipe.image, image_size=tuple(round(side * scale) for side in recipe.image_size))
    if recipe.task == "severity":
        candidates = {"constant": baselines.ConstantSeverity(), "colour_histogram": baselines.ColourHistogramSeverity()}
    elif recipe.task == "multilabel":
        candidates = {"shares": baselines.LabelShares(), "colour_histogram": baselines.ColourHistogramLabels()}
    else:
        candidates = {"majority": baselines.MajorityClass(), "colour_histogram": baselines.ColourHistogramClassifier()}
    y, groups = true_values(training, recipe), [record.group or record.image for record in training]
    predictions = {}
    for name, baseline in candidates.items():
        baseline.fit(ImageStore(own, training, target), y, groups)
        images = ImageStore(corpus, records, target)
        if recipe.task == "severity":
            predictions[name] = baseline.predict(images)
        else:
            shares = baseline.predict_proba(images)
            absent = len(recipe.labels) - shares.shape[1]  # The last classes, where the training split lacks them.
            predictions[name] = np.pad(shares, ((0, 0), (0, absent)))
    return predictions
