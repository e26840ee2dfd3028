"""How long a training will take on this machine."""

import time
from collections.abc import Sequence

import keras

from tfderm.datasets.corpus import Corpus, Record
from tfderm.pipeline.input_pipeline import InputPipeline
from tfderm.recipe import Recipe
from tfderm.training.fit import create_variables
from tfderm.training.objective import compile_model
from tfderm.training.train import build_model, component_names, map_strides


def training_seconds(recipe: Recipe, corpus: Corpus, records: Sequence[Record]) -> float:
    """Estimate from one step, after another that traces it: seconds of all epochs of one fold, without validation.

    Args:
        recipe: what would be trained.
        corpus: where the files lie.
        records: photographs of all folds, as `datasets.select` gives them.
    """
    share = (1 - 1 / recipe.folds) * (1 - recipe.validation_fraction)
    steps = max(1, int(len(records) * share) // recipe.batch_size)
    keras.utils.clear_session()
    model = build_model(recipe, recipe.precision)
    compile_model(model, recipe, steps)
    batch_records = records[: recipe.batch_size]
    pipeline = InputPipeline(corpus, batch_records, recipe, map_strides(model), True, component_names(model))
    create_variables(model, pipeline)
    batch = next(iter(pipeline.dataset()))
    model.train_on_batch(*batch)
    started = time.perf_counter()
    model.train_on_batch(*batch)
    return (time.perf_counter() - started) * steps * recipe.epochs
