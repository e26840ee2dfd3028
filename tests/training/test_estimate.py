"""How long a training will take, from the time of one step."""

import pytest

from tfderm.datasets.corpus import Record
from tfderm.recipes import get_recipe
from tfderm.training.estimate import training_seconds

RECORDS = [Record(f"{number}.png") for number in range(1000)]


@pytest.mark.parametrize("name, share", [("resnet18", 1), ("resnet18_scratch", 1), ("resnet18_head", 1 / 3)])
def test_seconds_are_those_of_all_steps_of_all_epochs(name, share):
    recipe = get_recipe(f"nine_class:{name}").with_settings(
        ["labels=('Acne','Wheal')", "epochs=3", "batch_size=10", "images_per_class=100"]
    )
    assert training_seconds(recipe, RECORDS, 0.5) == pytest.approx(3 * 20 * 0.5 * share)


def test_without_a_number_of_images_an_epoch_is_the_training_split():
    recipe = get_recipe("nine_class:resnet18").with_settings(
        [
            "labels=('Acne','Wheal')",
            "epochs=1",
            "batch_size=10",
            "images_per_class=0",
            "folds=5",
            "validation_fraction=0.1",
        ]
    )
    assert training_seconds(recipe, RECORDS, 1.0) == pytest.approx(72)
