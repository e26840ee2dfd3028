"""A skin lesion's diagnosis from its photograph and what is known of the patient, joined by multiplication.

Li, Zhuang, Wang, Zhang and Zheng, "Fusing Metadata and Dermoscopy Images for Skin Disease Diagnosis" (paper 5, slides).
Claims on ISIC 2018, five folds: mean class recall 87.64 % (SENet154; image alone 85.44 %, concatenation 86.46 %),
89.09 % (PNASNet-5).

    tfderm train metanet --data $TFDERM_DATA/ham10000 -o runs/metanet
    tfderm reproduce metanet --data $TFDERM_DATA/ham10000
    tfderm cross-validate metanet:senet154 --data $TFDERM_DATA/ham10000 -o runs/metanet-senet154

The recipe itself is ResNet18 on small images, which two CPU cores train; `senet154`, `densenet161` and the other
backbones of the slides begin from ImageNet's weights and need a GPU, each with `_image` and `_concatenation` beside it.
Photographs are divided by patient, or by lesion where no patient is known. The classes come from the data.
"""

from dataclasses import replace

from tfderm.recipe import Augmentation, Recipe

_COLUMNS = ("age", "sex", "site")

_PRETRAINING = Recipe(
    name="metanet:pretraining",
    paper="none: structures of dermoscopy (Kittler et al., J Am Acad Dermatol, 2016), drawn",
    task="classification",
    model="resnet18",
    image_size=(48, 64),
    data="synthetic:dermoscopy:5000",
    augmentation=Augmentation(horizontal_flip=True, vertical_flip=True, rotation=180.0, brightness=0.05, contrast=0.1),
    batch_size=32,
    epochs=4,
    learning_rate=1e-3,
    learning_rate_schedule="cosine",
    class_balance=True,
)

RECIPE = Recipe(
    name="metanet",
    paper="Li et al., Fusing Metadata and Dermoscopy Images for Skin Disease Diagnosis, ISBI 2020",
    task="classification",
    model="metanet",
    model_options={"backbone": "resnet18", "units": 64},
    image_size=(48, 64),
    data="synthetic:pigmented",
    metadata=_COLUMNS,
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
    epochs=5,
    learning_rate=5e-4,
    learning_rate_schedule="cosine",
    weight_decay=1e-4,
    class_balance=True,
    images_per_class=330,
    pretraining=_PRETRAINING,
    claim={"mean_class_recall": 0.8764},
)


def image_alone(recipe: Recipe, name: str, **changes) -> Recipe:
    """The recipe without metadata and fusion."""
    backbone = recipe.model_options["backbone"]
    return replace(recipe, name=name, model=backbone, model_options={}, metadata=(), **changes)


def concatenation(recipe: Recipe, name: str, **changes) -> Recipe:
    """The recipe with the paper's rival fusion."""
    options = {**recipe.model_options, "fusion": "concatenation"}
    return replace(recipe, name=name, model_options=options, **changes)


VARIANTS = {
    "image": image_alone(RECIPE, "metanet:image", claim={"mean_class_recall": 0.8544}),
    "concatenation": concatenation(RECIPE, "metanet:concatenation", claim={"mean_class_recall": 0.8646}),
}

# The metadata ablation, SENet154; its rows of nothing and of all are the recipe and `image`.
_ABLATION = {
    ("age",): 0.8584,
    ("sex",): 0.8404,
    ("site",): 0.8706,
    ("age", "sex"): 0.8416,
    ("sex", "site"): 0.8591,
    ("age", "site"): 0.8770,
}
for _columns, _recall in _ABLATION.items():
    _variant = "_".join(_columns)
    VARIANTS[_variant] = replace(
        RECIPE, name=f"metanet:{_variant}", metadata=_columns, claim={"mean_class_recall": _recall}
    )

# Slides, "Work better with metadata! Work well with different backbone!": mean class recall and its standard deviation
# over five folds of image alone, concatenation and multiplication; None where the slides' text has lost it.
BACKBONES = {
    "alexnet": ((0.7468, 0.0092), (0.7655, 0.0125), None),
    "vgg19": ((0.8160, 0.0167), (0.8235, 0.0168), None),
    "resnet50": ((0.8250, 0.0131), (0.8298, 0.0135), None),
    "densenet161": ((0.8459, 0.0142), (0.8585, 0.0092), None),
    "senet154": ((0.8544, 0.0109), (0.8646, 0.0069), (0.8764, 0.0052)),
    "pnasnet5large": ((0.8790, 0.0132), (0.8725, 0.0073), (0.8909, 0.0067)),
}
# Slides, "Work well on rare disease categories!": recall of image alone, concatenation and multiplication.
RECALLS = {
    "nv": (0.9531, 0.9538, 0.9342),
    "mel": (0.8424, 0.7654, 0.7826),
    "bkl": (0.8131, 0.8447, 0.8564),
    "bcc": (0.9058, 0.9199, 0.9202),
    "akiec": (0.8345, 0.8084, 0.8023),
    "vasc": (0.9923, 0.9922, 0.9936),
    "df": (0.6356, 0.7678, 0.8455),
}

for _backbone, _recalls in BACKBONES.items():
    _large = replace(
        RECIPE,
        name=f"metanet:{_backbone}",
        model_options={"backbone": _backbone},
        image_size=(331, 331) if _backbone == "pnasnet5large" else (224, 224),
        epochs=60,
        patience=8,
        select_best=True,
        optimizer="sgd",
        learning_rate=3e-4,
        images_per_class=0,
        weights="imagenet",
        pretraining=None,
    )
    _claims = [{"mean_class_recall": pair[0]} if pair else {} for pair in _recalls]
    VARIANTS |= {
        _backbone: replace(_large, claim=_claims[2]),
        f"{_backbone}_image": image_alone(_large, f"metanet:{_backbone}_image", claim=_claims[0]),
        f"{_backbone}_concatenation": concatenation(_large, f"metanet:{_backbone}_concatenation", claim=_claims[1]),
    }

TABLES = {
    "Fusion": {"image alone": "image", "concatenation": "concatenation", "multiplication": ""},
    "Metadata": {
        "nothing": "image",
        "age": "age",
        "sex": "sex",
        "site": "site",
        "age, sex": "age_sex",
        "sex, site": "sex_site",
        "age, site": "age_site",
        "age, sex, site": "",
    },
}

EFFECTS = {
    "multiplication, not the image alone": ("", "image"),
    "concatenation, not the image alone": ("concatenation", "image"),
    "multiplication, not concatenation": ("", "concatenation"),
}


def quick(recipe: Recipe, data: str | None) -> Recipe:
    """Two folds, and half of the images."""
    return replace(recipe, folds=2, epochs=3, images_per_class=200)
