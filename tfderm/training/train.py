"""`train`: Recipe -> Run."""

import hashlib
import json
import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

import tfderm
from tfderm import datasets, models
from tfderm.contract import ImageInput, MetadataColumn
from tfderm.datasets import blind
from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.leaks import refuse_telling
from tfderm.datasets.selection import component_grades
from tfderm.errors import InputError
from tfderm.files import atomic_path, cache, locked, write_csv, write_json
from tfderm.pipeline.auxiliary import AuxiliaryTarget, auxiliary_targets
from tfderm.pipeline.input_pipeline import InputPipeline
from tfderm.pipeline.metadata import metadata_columns
from tfderm.pipeline.splits import check_splits, check_unseen, growth, known_splits, make_splits, write_splits
from tfderm.recipe import Recipe
from tfderm.run import Run
from tfderm.training.environment import describe_environment
from tfderm.training.fit import fit
from tfderm.training.network import (
    build_model,
    component_names,
    contract_of,
    freeze_all_but_the_last,
    map_strides,
)
from tfderm.training.objective import taught_classes, trained_model


def train(
    recipe: Recipe,
    *,
    data: str | None = None,
    output: Path | str,
    resume: bool = False,
    initial: Path | None = None,
    keep_splits: bool = True,
) -> Run:
    """Train a recipe and write the run folder.

    Args:
        recipe: what to train.
        data: source of data as `tfderm.datasets.load` takes it; by default the recipe's.
        output: the run folder. A new run needs a folder that holds no run.
        resume: continue the run in `output` from its last finished epoch.
        initial: a run whose weights to start from, instead of the recipe's pretraining; tensors of equal name and shape
            are taken.
        keep_splits: where `initial` is of the same folds of this data before it grew, its patients keep their splits.

    Returns:
        The finished run.

    Raises:
        InputError: unusable data, for the recipe or its pretraining, a photograph of a blind test in it, or `output`
            holds a run and `resume` is False, or another recipe's run, or one that began from other weights than
            `initial`, or `initial` was trained on patients who are held out here or in a blind test.
        CheckFailed: a loss is not a number.
        Interrupted: stopped by the user; `resume` continues.
    """
    output = Path(output)
    source = data or recipe.data
    if not source:
        raise InputError(f"Recipe {recipe.name} has no data of its own: give --data MANIFEST, a folder or a known set.")
    if resume:
        recipe = _as_begun(recipe, Run.open(output).recipe)
        run = _resumable(output, recipe, initial)
        if (output / "model.keras").is_file():
            return run
    elif (output / "recipe.json").exists():
        raise InputError(f"{output} holds a run already: continue it with --resume, or choose another folder.")

    corpus = datasets.load(source)
    recipe = datasets.resolved(recipe, corpus)
    selection = datasets.select(corpus, recipe, training=True)
    if selection.left_out:
        print(selection.summary(), file=sys.stderr)
    if resume:
        splits = run.splits
        if run.environment["data"]["fingerprint"] != corpus.fingerprint:
            raise InputError(f"{source} has changed since the run in {output} began; start a new run.")
    else:
        kept = known_splits(initial, corpus, selection.records, recipe) if keep_splits else {}
        splits = make_splits(selection.records, recipe, kept)
        if kept:
            print(growth(selection.records, splits, kept, initial), file=sys.stderr)
    check_splits(selection.records, splits)
    part = {
        name: [record for record in selection.records if splits[record.image] == name]
        for name in ("train", "validation", "test")
    }
    if resume:
        initial = run.initial
    elif initial is None and recipe.pretraining is not None:
        initial = pretrained_run(recipe)
    _check_beginning(recipe, initial)
    keras.utils.set_random_seed(recipe.seed)
    begun = run if resume and run.checkpoint.is_file() else Run.open(initial) if initial else None
    metadata = _metadata(recipe, selection.records, part["train"], begun)
    model = build_model(recipe, recipe.precision, begun.contract.image if begun else None, metadata)
    if recipe.fine_tuning == "head":
        freeze_all_but_the_last(model, len(recipe.labels))
    auxiliary = auxiliary_targets(part["train"], recipe.auxiliary)
    learner = trained_model(model, recipe, auxiliary)
    if resume:
        if not run.checkpoint.is_file():  # stopped before its first epoch ended
            _start_from(model, recipe, part["train"], initial)
    else:
        _check_grades(model, part["train"], source)
        _start_from(model, recipe, part["train"], initial)
        check_unseen(initial, corpus, part["test"])
        run = _write_run(output, recipe, model, metadata, corpus, source, selection, splits, initial)
    print(
        f"{recipe.name}: {', '.join(f'{len(records)} {name}' for name, records in part.items())} images, "
        f"{_count(learner.trainable_variables):,} of {_count(learner.variables):,} parameters learn, "
        f"{keras.backend.backend()} backend",
        file=sys.stderr,
    )
    strides, components, answers = map_strides(model), component_names(model), taught_classes(learner, recipe)
    if strides and not any(record.boxes for record in part["train"]):
        print(
            "no training photograph has lesion boxes: nothing tells the location maps where lesions are; "
            "`tfderm detect` writes boxes",
            file=sys.stderr,
        )
    if recipe.auxiliary:
        print(_auxiliary_summary(recipe, auxiliary), file=sys.stderr)
    fit(
        learner,
        recipe,
        InputPipeline(corpus, part["train"], recipe, strides, True, components, auxiliary, answers, metadata),
        InputPipeline(corpus, part["validation"], recipe, strides, False, components, auxiliary, answers, metadata),
        run,
    )
    with atomic_path(output / "model.keras") as temporary:
        finished = _in_float32(model, recipe, run.contract.image, metadata)
        for layer in finished.layers:
            layer.trainable = True
        finished.save(temporary)
    shutil.rmtree(run.checkpoint.parent, ignore_errors=True)
    return run


def pretrained_run(recipe: Recipe) -> Path:
    """The finished run of a recipe's pretraining, trained into `$TFDERM_CACHE` where it is not there yet.

    It is of the same network, and computes in the same precision, as the recipe. Processes that ask for it at once wait
    for the one that trains it.
    """
    if not recipe.pretraining.data:
        raise InputError(
            f"{recipe.pretraining.name}, which {recipe.name} starts from, has no data of its own: give "
            "--set pretraining.data=SRC, or start without it, --set pretraining=None."
        )
    options = recipe.model_options if recipe.model == recipe.pretraining.model else {}
    first = replace(
        recipe.pretraining,
        precision=recipe.precision,
        model_options={**options, **recipe.pretraining.model_options},
    )
    content = json.dumps([first.to_json(), tfderm.__version__], sort_keys=True)
    folder = cache() / f"{first.name.replace(':', '-')}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    with locked(folder.with_suffix(".lock")):
        if not (folder / "model.keras").is_file():
            print(f"{recipe.name} starts from {first.name}: training it into {folder}, once", file=sys.stderr)
            train(first, output=folder, resume=(folder / "recipe.json").is_file())
            keras.utils.clear_session()
    return folder


def _auxiliary_summary(recipe: Recipe, targets: Sequence[AuxiliaryTarget]) -> str:
    learned = ", ".join(f"{target.column} ({target.num_classes} classes)" for target in targets)
    missing = [column for column in recipe.auxiliary if column not in {target.column for target in targets}]
    absent = f"; not {', '.join(missing)}: the training photographs do not differ in it, or lack it" if missing else ""
    return f"learns beside the label: {learned or 'nothing'}{absent}"


def _metadata(
    recipe: Recipe, records: Sequence[Record], training: Sequence[Record], begun: Run | None
) -> tuple[MetadataColumn, ...]:
    """What the model reads beside the image; a model that begins from another reads it as that one does."""
    refuse_telling(records, recipe.metadata)
    if begun and tuple(column.name for column in begun.contract.metadata) == recipe.metadata:
        return begun.contract.metadata
    return metadata_columns(training, recipe.metadata)


def _check_beginning(recipe: Recipe, initial: Path | None) -> None:
    """Raise `InputError` where a run to start from is not finished, or contradicts the recipe."""
    if initial is not None:
        _ = Run.open(initial).model_path
        blind.refuse_run(initial)
    if recipe.weights and (Path(recipe.weights).parent / "recipe.json").is_file():
        raise InputError(
            f"`weights` {recipe.weights} is the network of a run, whose patients must be known: start from it with "
            f"--from {Path(recipe.weights).parent} --set weights=."
        )
    if recipe.weights and initial is not None:
        raise InputError(
            f"`weights` {recipe.weights} and --from {initial} are two beginnings; take one away (--set weights=)."
        )
    if recipe.fine_tuning == "scratch" and initial is not None:
        raise InputError(f"{recipe.name} is trained from scratch (`fine_tuning`); leave out --from {initial}.")
    frozen = recipe.fine_tuning == "head" or recipe.model_options.get("frozen_stages")
    if frozen and initial is None and not recipe.weights:
        raise InputError(
            "`fine_tuning` 'head' and `frozen_stages` would learn on random features that stay so; give "
            "--set weights=imagenet, a file of weights, or --from RUN."
        )


def _count(variables: Sequence[keras.Variable]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)


def _check_grades(model: keras.Model, records: Sequence[Record], source: str) -> None:
    """Raise `InputError` where a component that the model predicts has no grade to learn from."""
    missing = [name for name in component_names(model) if np.isnan(component_grades(records, name)).all()]
    if missing:
        raise InputError(
            f"{source}: no training photograph has a grade in the column {', '.join(missing)}, and the model is to "
            "predict it; fill in the grades you have, or train without model_options.components."
        )


def _in_float32(
    model: keras.Model, recipe: Recipe, image: ImageInput, metadata: Sequence[MetadataColumn]
) -> keras.Model:
    """The trained model as evaluation and export take it."""
    if recipe.precision == "float32" and recipe.first_layer_rate == 1:
        return model  # Otherwise the file would ask for this package's optimizer.
    twin = build_model(recipe, "float32", image, metadata)
    twin.set_weights(model.get_weights())
    return twin


def _as_begun(recipe: Recipe, begun: Recipe) -> Recipe:
    """The recipe with what it leaves to the data as the run found it there."""
    metadata = begun.metadata if recipe.has_open_metadata else recipe.metadata
    return replace(recipe, labels=recipe.labels or begun.labels, metadata=metadata)


def _resumable(output: Path, recipe: Recipe, initial: Path | None) -> Run:
    run = Run.open(output)
    if initial is not None and initial.resolve() != run.initial:
        raise InputError(f"{output} began from {run.initial or 'fresh weights'}, not from {initial}; start a new run.")
    if run.recipe != Recipe.from_json(recipe.to_json()):
        changed = [key for key, value in recipe.to_json().items() if run.recipe.to_json()[key] != value]
        raise InputError(f"{output} was trained with another {', '.join(changed)}; resume with its own settings.")
    return run


def _write_run(output, recipe, model, metadata, corpus: Corpus, source, selection, splits, initial) -> Run:
    """Write what is known before training; `recipe.json` last, because it makes the folder a run."""
    data = {
        "source": str(source) if ":" in str(source) else str(Path(source).resolve()),
        "name": corpus.name,
        "synthetic": corpus.synthetic,
        "licence": corpus.licence,
        "fingerprint": corpus.fingerprint,
        "root": str(corpus.root.resolve()),
        "num_images": len(selection.records),
        "num_left_out": len(selection.left_out),
    }
    environment = describe_environment()
    contract = contract_of(recipe, model, corpus, initial, metadata)
    if initial is not None:
        before = Run.open(initial)
        environment["initial"] = {"run": str(initial.resolve()), "recipe": before.recipe.name}
        environment["initial"]["data"] = before.environment["data"]["name"]
        environment["initial"]["fingerprints"] = _fingerprints(before)
    write_json(output / "environment.json", {**environment, "data": data})
    write_splits(output / "splits.csv", selection.records, splits)
    left_out = [{"image": image, "reason": reason} for image, reason in selection.left_out]
    write_csv(output / "left_out.csv", ["image", "reason"], left_out)
    write_json(output / "contract.json", contract.to_json())
    write_json(output / "recipe.json", recipe.to_json())
    return Run(output)


def _fingerprints(run: Run) -> list[str]:
    """Of the data that a run and those it began from learned from, for when their folders are gone."""
    earlier = (run.environment.get("initial") or {}).get("fingerprints", [])
    return [run.environment["data"]["fingerprint"], *earlier]


def _start_from(model: keras.Model, recipe: Recipe, records: Sequence[Record], initial: Path | None) -> None:
    """Initial weights: those of another run where names and shapes agree, else fresh ones.

    A severity or component that is not taken starts at the training median.
    """
    taken = set()
    if initial is not None:
        donor = {variable.path: variable for variable in models.load(Run.open(initial).model_path).variables}
        for variable in model.variables:
            source = donor.get(variable.path)
            if source is not None and tuple(source.shape) == tuple(variable.shape):
                variable.assign(source)
                taken.add(variable.path)
        if not taken:
            raise InputError(
                f"{initial} shares no tensor with model {recipe.model}; start from a run of the same network."
            )
        print(f"took {len(taken)} of {len(model.variables)} tensors from {initial}", file=sys.stderr)
    if recipe.task == "severity":
        medians = {"severity": np.median([record.severity for record in records])}
        medians |= {name: np.nanmedian(component_grades(records, name)) for name in component_names(model)}
        for name, median in medians.items():
            bias = model.get_layer(name).bias
            if bias.path not in taken:
                bias.assign([median])
