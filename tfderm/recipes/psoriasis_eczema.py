"""Psoriasis or eczema, from the part of a large photograph that a spatial transformer looks at.

Lunding Jensen and Knudsen Brun, "Differentiating Between Psoriasis and Eczema" (paper 2). Claims on 200 private
photographs of Aarhus University Hospital: accuracy 67.3 %, about 90 % of those it is 95 % certain of.

    tfderm train psoriasis_eczema --data my_photographs/manifest.csv -o runs/psoriasis-eczema
    tfderm train psoriasis_eczema:demo -o runs/demo-stn     # narrow, 216x324, synthetic photographs
    tfderm reproduce psoriasis_eczema --quick

The classes come from the data, so any two or more may be told apart so. `affine` is the transformer as the paper
describes it; the recipe itself points with an attention, which cannot run away from the photograph (docs/fidelity.md).
`whole` and `centred` are its rivals without a transformer: the whole photograph made small, and its middle part.
"""

from dataclasses import replace

from tfderm.recipe import Augmentation, Recipe

RECIPE = Recipe(
    name="psoriasis_eczema",
    paper="Lunding Jensen and Knudsen Brun, Differentiating Between Psoriasis and Eczema",
    task="classification",
    model="stn_vgg",
    image_size=(630, 945),
    data="synthetic:psoriasis_eczema",
    augmentation=Augmentation(horizontal_flip=True, vertical_flip=True, brightness=0.05, contrast=0.1, saturation=0.1),
    batch_size=15,
    batches=10_000,
    learning_rate=1e-5,
    class_balance=True,
    claim={"accuracy": 0.673},
)

_SMALL = replace(
    RECIPE,
    image_size=(216, 324),
    model_options={"output_size": [72, 108], "width": 0.25},
    batches=0,
    epochs=20,
    learning_rate=2e-3,
    learning_rate_schedule="cosine",
)

VARIANTS = {
    "affine": replace(RECIPE, name="psoriasis_eczema:affine", model_options={"localization": "affine"}),
    "whole": replace(RECIPE, name="psoriasis_eczema:whole", model_options={"localization": None}, claim={}),
    "centred": replace(
        RECIPE,
        name="psoriasis_eczema:centred",
        image_size=(210, 315),
        crop=1 / 3,
        model_options={"localization": None},
        claim={},
    ),
    "demo": replace(_SMALL, name="psoriasis_eczema:demo"),
}

TABLES = {
    "Section 6, and what it is worth": {
        "whole photograph, made small": "whole",
        "middle part of the photograph": "centred",
        "spatial transformer, affine (paper)": "affine",
        "spatial transformer, attention (ours)": "",
    },
}

EFFECTS = {
    "spatial transformer, not the whole photograph": ("", "whole"),
    "spatial transformer, not the middle part": ("", "centred"),
    "attention, not an affine transform": ("", "affine"),
}


def quick(recipe: Recipe, data: str | None) -> Recipe:
    """About a third of every side and a quarter of every layer; other data than drawn eczema begins from that."""
    small = replace(
        _SMALL,
        name=recipe.name,
        image_size=tuple(_SMALL.model_options["output_size"]) if recipe.crop else _SMALL.image_size,
        crop=recipe.crop,
        model_options={**recipe.model_options, **_SMALL.model_options},
        claim=recipe.claim,
        folds=2,
    )
    if data is None:
        return small
    pretraining = replace(small, name=f"{recipe.name}:pretraining", claim={}, labels=(), batches=400)
    return replace(small, pretraining=pretraining)
