"""A skin disease from its photograph, the patient's age, sex and site, and the values of a blood report.

Crinieri et al., "Recognition of Skin Diseases and Exanthema with Deep Learning Techniques" (paper 4), section 6, plans
such a model and says no more of it: the parser's results as metadata beside the images. It joins them as paper 5 does.

    tfderm labs attach photographs.csv --reports reports.csv --window 60 -o manifest.csv
    tfderm train hybrid --data manifest.csv -o runs/hybrid
    tfderm reproduce hybrid

`lab_*` are all columns that `labs attach` has added and that can be learned from; those that a network reads stand in
its contract, with units. `--set "metadata=('age','lab_c_reactive_protein')"` chooses others. `demographics`, `blood`
and `image` read less; `concatenation` joins otherwise.
"""

from dataclasses import replace

from tfderm.recipe import Recipe
from tfderm.recipes import metanet

_DEMOGRAPHICS, _BLOOD = ("age", "sex", "site"), ("lab_*",)

RECIPE = replace(
    metanet.RECIPE,
    name="hybrid",
    paper="Crinieri et al., Recognition of Skin Diseases and Exanthema with Deep Learning Techniques, section 6",
    image_size=(72, 96),
    data="synthetic:inflammatory",
    metadata=(*_DEMOGRAPHICS, *_BLOOD),
    batch_size=16,
    epochs=8,
    images_per_class=0,
    pretraining=None,
    claim={},
)

VARIANTS = {
    "image": metanet.image_alone(RECIPE, "hybrid:image"),
    "demographics": replace(RECIPE, name="hybrid:demographics", metadata=_DEMOGRAPHICS),
    "blood": replace(RECIPE, name="hybrid:blood", metadata=_BLOOD),
    "concatenation": metanet.concatenation(RECIPE, "hybrid:concatenation"),
}

TABLES = {
    "Fusion": {"image alone": "image", "concatenation": "concatenation", "multiplication": ""},
    "Beside the image": {"nothing": "image", "age, sex, site": "demographics", "blood": "blood", "all": ""},
}

EFFECTS = {
    "blood, not the image alone": ("blood", "image"),
    "all, not the image alone": ("", "image"),
    "blood beside age, sex and site": ("", "demographics"),
}


def quick(recipe: Recipe, data: str | None) -> Recipe:
    """Two folds, and half of the epochs."""
    return replace(recipe, folds=2, epochs=4)
