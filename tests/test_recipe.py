"""Recipes: JSON round trip, settings from the command line, refusals. Every registered recipe takes part."""

from dataclasses import replace

import pytest

from tfderm.errors import InputError
from tfderm.recipe import Recipe
from tfderm.recipes import get_recipe, list_recipes


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_survives_json_and_knows_its_name(name):
    recipe = get_recipe(name)
    assert recipe.name == name and recipe.paper
    # A variant of our own has no figure in the paper, nor has the model that paper 4 only plans.
    assert recipe.claim or ":" in name or name == "hybrid"
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_settings_reach_fields_options_and_augmentation():
    recipe = get_recipe("psenet").with_settings(
        ["epochs=3", "image_size=(64,80)", "model_options.width=0.5", "augmentation.zoom=0", "loss_weights.pair=0",
         "pairs=all"]
    )  # fmt: skip
    assert (recipe.epochs, recipe.image_size, recipe.pairs) == (3, (64, 80), "all")
    assert recipe.model_options == {"width": 0.5} and recipe.augmentation.zoom == 0
    assert recipe.loss_weights == {"location": 1.0, "pair": 0, "regression": 0.2}
    assert recipe.augmentation.horizontal_flip is get_recipe("psenet").augmentation.horizontal_flip


def test_a_list_may_be_written_with_round_or_square_brackets():
    for text in ("(4,8)", "[4,8]"):
        assert get_recipe("cnd").with_settings([f"model_options.filters={text}"]).model_options == {"filters": [4, 8]}
    assert get_recipe("psenet").with_settings(["image_size=[64,80]"]).image_size == (64, 80)


@pytest.mark.parametrize(
    "setting, message",
    [
        ("epochs", "key=value"),
        ("epoch=3", "key one of"),
        ("epochs=many", "expected int, received str"),
        ("augmentation.spin=3", "no field 'spin'"),
        ("pairs=some", "must be one of random, all, none"),
        ("batch_size=0", "at least 1"),
        ("batch_size=3", "even with random pairs"),
        ("fold=5", "below `folds`"),
        ("learning_rate=-1", "positive"),
        ("wanted_accuracy=1.1", "above 0, at most 1"),
    ],
)
def test_bad_settings_are_refused(setting, message):
    with pytest.raises(InputError, match=message):
        get_recipe("psenet").with_settings([setting])


def test_labels_go_with_classes():
    with pytest.raises(InputError, match="`labels` go with classes"):
        replace(get_recipe("psenet"), labels=("mild", "severe"))


def test_a_number_per_class_goes_with_balanced_classes():
    with pytest.raises(InputError, match="`images_per_class` goes with `class_balance`"):
        replace(get_recipe("nine_class"), class_balance=False)


def test_batches_decide_the_epochs_that_hold_them():
    assert get_recipe("psoriasis_eczema").num_epochs(steps=39) == 257  # 10,000 batches of the paper
    assert get_recipe("cnd").num_epochs(steps=39) == get_recipe("cnd").epochs


def test_auxiliary_columns_go_with_classification():
    with pytest.raises(InputError, match="`auxiliary` goes with task"):
        replace(get_recipe("psenet"), auxiliary=("age",))


def test_settings_reach_the_pretraining_or_take_it_away():
    recipe = get_recipe("cnd").with_settings(["pretraining.epochs=2", "pretraining.data=drawn/manifest.csv"])
    assert (recipe.pretraining.epochs, recipe.pretraining.data) == (2, "drawn/manifest.csv")
    assert replace(recipe, pretraining=None) == get_recipe("cnd").with_settings(["pretraining=None"])
    with pytest.raises(InputError, match="expected int, received NoneType"):
        get_recipe("cnd").with_settings(["epochs=None"])


def test_unknown_recipes_list_the_known():
    for name in ("psnet", "psenet:huge"):
        with pytest.raises(
            InputError, match=f"No recipe '{name}'. There are: cnd, cnd:pretraining, cnd:inception_v3, "
        ):
            get_recipe(name)


def test_a_recipe_of_another_release_is_refused():
    with pytest.raises(InputError, match="unknown field momentum"):
        Recipe.from_json({**get_recipe("cnd").to_json(), "momentum": 0.9})
