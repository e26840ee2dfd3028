"""How long a training will take on this machine."""

import time
from collections.abc import Sequence
from dataclasses import replace

import keras

from tfderm.datasets.corpus import Corpus, Record
from tfderm.pipeline.input_pipeline import InputPipeline
from tfderm.pipeline.metadata import metadata_columns
from tfderm.recipe import Recipe
from tfderm.training.fit import create_variables
from tfderm.training.network import build_model, component_names, map_strides
from tfderm.training.objective import compile_model, taught_classes, trained_model


def training_seconds(recipe: Recipe, records: Sequence[Record], step_seconds: float) -> float:
    """Seconds of all epochs of one fold, without validation.

    Args:
        recipe: what would be trained.
        records: photographs of all folds, as `datasets.select` gives them.
        step_seconds: of `measured_step`, for a whole network that learns; the last layer alone needs no backward pass,
            which is two thirds of the arithmetic.
    """
    share = (1 - 1 / recipe.folds) * (1 - recipe.validation_fraction)
    images = recipe.images_per_class * len(recipe.labels) or int(len(records) * share)
    steps = max(1, images // recipe.batch_size)
    return step_seconds * steps * recipe.num_epochs(steps) / (3 if recipe.fine_tuning == "head" else 1)


def measured_step(recipe: Recipe, corpus: Corpus, records: Sequence[Record]) -> float:
    """Seconds of one training step of the whole network, from fresh weights, after another that traces it.

    Args:
        recipe: what would be trained.
        corpus: where the files lie.
        records: photographs of all folds, as `datasets.select` gives them.
    """
    recipe = replace(recipe, weights="", fine_tuning="full")
    keras.utils.clear_session()
    metadata = metadata_columns(records, recipe.metadata)
    model = build_model(recipe, recipe.precision, metadata=metadata)
    learner = trained_model(model, recipe)
    compile_model(learner, recipe, steps_per_epoch=2)
    batch_records = records[: recipe.batch_size]
    strides, components, answers = map_strides(model), component_names(model), taught_classes(learner, recipe)
    pipeline = InputPipeline(
        corpus, batch_records, recipe, strides, True, components, answers=answers, metadata=metadata
    )
    create_variables(learner, pipeline)
    batch = next(iter(pipeline.dataset()))
    learner.train_on_batch(*batch)
    started = time.perf_counter()
    learner.train_on_batch(*batch)
    return time.perf_counter() - started
