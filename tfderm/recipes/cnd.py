"""CND: nevus, benign keratosis or melanoma from a dermoscopy image, by a small convolutional network.

Crinieri, Terzi, Ruggeri et al., "Recognition of Skin Diseases and Exanthema with Deep Learning Techniques", 2021.
Claims on images of the ISIC archive (5,000 nevi, 2,000 pigmented benign keratoses, 1,000 melanomas): test accuracy
75 %, loss 0.53.

    tfderm train cnd --data $TFDERM_DATA/ham10000 -o runs/cnd
    tfderm cross-validate cnd --data $TFDERM_DATA/ham10000 -o runs/cnd-folds

`inception_v3` is CND-InceptionV3, which begins from ImageNet; `inception_v3_as_published` overfits as the paper's did,
`inception_v3_two_stage` learns other skin images in between, named with `--set pretraining.data=SRC`.

The first run trains `cnd:pretraining` on drawn images and keeps it; `--set pretraining=None epochs=24
learning_rate=2e-3` starts afresh. `--set precision=mixed_bfloat16` is faster on a GPU and on a CPU with AMX.
"""

from dataclasses import replace

from tfderm.clinical.taxonomy import SPEAKS_FOR
from tfderm.recipe import Augmentation, Recipe

_STRUCTURES = (
    "network", "negative_network", "globules", "milia_like_cysts", "comedo_like_openings", "radial_streaks",
    "parallel_lines", "blotch", "veil", "peppering", "vessels", "scales", "cerebriform", "white_lines",
)  # fmt: skip
_PRETRAINING = Recipe(
    name="cnd:pretraining",
    paper="none: structures of dermoscopy (Kittler et al., J Am Acad Dermatol, 2016), drawn",
    task="classification",
    model="cnd",
    model_options={"colour_histogram": False},
    image_size=(200, 200),
    labels=(*_STRUCTURES, "none"),
    data="synthetic:dermoscopy",
    augmentation=Augmentation(
        horizontal_flip=True, vertical_flip=True, rotation=180.0, brightness=0.05, contrast=0.1, saturation=0.1
    ),
    batch_size=32,
    epochs=10,
    learning_rate=2e-3,
    learning_rate_schedule="cosine",
    weight_decay=1e-4,
    auxiliary=(*_STRUCTURES, "extent", "border", "waviness", "elongation", "colours", "hairs"),
    folds=50,
    validation_fraction=0.02,
)

RECIPE = Recipe(
    name="cnd",
    paper="Crinieri et al., Recognition of Skin Diseases and Exanthema with Deep Learning Techniques, 2021",
    task="classification",
    model="cnd",
    model_options={"filters": [32, 64, 128, 256]},
    image_size=(200, 200),
    labels=("nv", "bkl", "mel"),
    label_names={"nv": "nevus", "bkl": "benign keratosis", "mel": "melanoma"},
    label_aliases={"nevus": "nv", "pigmented benign keratosis": "bkl", "benign keratosis": "bkl", "melanoma": "mel"},
    ignored_labels=("akiec", "bcc", "df", "vasc"),
    augmentation=Augmentation(
        horizontal_flip=True,
        vertical_flip=True,
        rotation=180.0,
        zoom=0.1,
        brightness=0.05,
        contrast=0.1,
        saturation=0.1,
    ),
    batch_size=32,
    epochs=12,
    learning_rate=1e-3,
    learning_rate_schedule="cosine",
    weight_decay=1e-4,
    class_balance=True,
    auxiliary=("site", "sex", "age"),
    pretraining=_PRETRAINING,
    claim={"accuracy": 0.75, "loss": 0.53},
)

_INCEPTION = replace(
    RECIPE,
    name="cnd:inception_v3",
    model="inception_v3",
    model_options={"frozen_stages": 2},
    epochs=30,
    patience=5,
    select_best=True,
    learning_rate=1e-4,
    auxiliary=(),
    weights="imagenet",
    pretraining=None,
    claim={"accuracy": 0.17, "loss": 23.5, "validation_accuracy": 0.60},
)

_FIRST_STAGE = replace(
    _INCEPTION,
    name="cnd:inception_v3_first_stage",
    model_options={"frozen_stages": 0},
    labels=(),
    label_names={},
    label_aliases={},
    ignored_labels=(),
    claim={},
)

VARIANTS = {
    "pretraining": _PRETRAINING,
    "inception_v3": _INCEPTION,
    "inception_v3_two_stage": replace(
        _INCEPTION,
        name="cnd:inception_v3_two_stage",
        weights="",
        pretraining=_FIRST_STAGE,
        claim={},
    ),
    "inception_v3_as_published": replace(
        _INCEPTION,
        name="cnd:inception_v3_as_published",
        model_options={},
        augmentation=Augmentation(),
        patience=0,
        select_best=False,
        learning_rate_schedule="constant",
        weight_decay=0.0,
        class_balance=False,
    ),
}

TABLES = {
    "Table 1": {
        "CND-InceptionV3, as published": "inception_v3_as_published",
        "CND-InceptionV3, mended": "inception_v3",
        "CND-InceptionV3, mended, other skin images first": "inception_v3_two_stage",
        "CND": "",
    },
}

EFFECTS = {
    "mended, not as published": ("inception_v3", "inception_v3_as_published"),
    "other skin images first": ("inception_v3_two_stage", "inception_v3"),
}


def quick(recipe: Recipe, data: str | None) -> Recipe:
    """Few pixels, images an epoch and folds; what begins from ImageNet begins from drawn lesions instead.

    Without data it tells drawn structures apart by what they speak for, and CND, which learns those, begins afresh. CND
    costs a twentieth of Inception-v3 and sees more images.
    """
    small = replace(
        recipe,
        image_size=(100, 100),
        folds=2,
        epochs=8,
        images_per_class=300 if recipe.class_balance else 0,
        batches=0 if recipe.class_balance else 225,
        patience=min(recipe.patience, 3),
        data="synthetic:dermoscopy:5000",
        label_aliases={**recipe.label_aliases, **SPEAKS_FOR},
        ignored_labels=(*recipe.ignored_labels, "none", *(name for name in _STRUCTURES if name not in SPEAKS_FOR)),
    )
    if recipe.model == "cnd":
        first = replace(_PRETRAINING, image_size=small.image_size, data="synthetic:dermoscopy:5000")
        longer = replace(small, epochs=16, images_per_class=900, learning_rate=2e-3)
        return replace(longer, pretraining=first if data else None)
    drawn = replace(
        _FIRST_STAGE,
        image_size=small.image_size,
        folds=2,
        epochs=4,
        patience=0,
        weights="",
        data="synthetic:morphology",
    )
    other = replace(drawn, name="cnd:inception_v3_second_stage", pretraining=drawn, data="synthetic:psoriasis_eczema")
    return replace(small, weights="", pretraining=other if recipe.pretraining else drawn)
