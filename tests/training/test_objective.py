"""Which outputs of what is trained learn the class."""

from dataclasses import replace

import pytest

from tfderm.recipes import get_recipe
from tfderm.training.objective import taught_classes, trained_model
from tfderm.training.train import build_model


@pytest.mark.parametrize(
    "name, size, options, taught",
    [
        ("psenet:demo", (64, 80), {"width": 0.125}, []),
        ("lesion_detector:demo", (32, 40), {"width": 0.125}, []),
        ("cnd", (32, 32), {"filters": (8, 16)}, ["probabilities"]),
        ("psoriasis_eczema:demo", (64, 96), {"width": 0.125, "output_size": (32, 48)}, ["probabilities", "glimpse"]),
        ("nine_class:multilabel", (32, 32), {}, ["probabilities"]),
    ],
)
def test_only_a_classifier_teaches_classes(name, size, options, taught):
    recipe = get_recipe(name)
    recipe = replace(recipe, image_size=size, weights="", labels=("Acne", "Wheal") if recipe.classes else ())
    recipe = replace(recipe, model_options={**recipe.model_options, **options})
    learner = trained_model(build_model(recipe, "float32"), recipe)
    assert taught_classes(learner, recipe) == taught
