"""Nine kinds of skin lesion from a smartphone photograph.

Mishra, Yamasaki and Imaizumi, "Supervised classification of dermatological diseases via Deep learning" (paper 3).
Claims on 530 private photographs, balanced: top-1 accuracy 82.30 % (ResNet152).

    tfderm train nine_class:resnet18 --data my_photographs/manifest.csv -o runs/nine
    tfderm train nine_class:resnet18_head --data my_photographs/manifest.csv -o runs/nine-head
    tfderm reproduce nine_class --quick

The classes come from the data: the paper's nine (Acne, Alopecia, Crust, Erythema, Leukoderma, Pigmented Maculae,
Pustule, Ulcer, Wheal), normal skin beside them, or a user's own. Each is balanced to 4,600 augmented training images in
an epoch, the paper's number; with few photographs fewer are enough, as `--set images_per_class=500`.

The networks begin from ImageNet's weights, which are fetched or must be in a cache; `--set weights=FILE` takes them
from a file, `--from RUN` from a run on other photographs. `_head` variants teach the last layer alone, `_scratch`
variants begin from random weights. `multilabel` tells any number of labels on one photograph (in the manifest with
semicolons between), each from a probability of its own on.
"""

from dataclasses import replace

from tfderm.recipe import Augmentation, Recipe

RECIPE = Recipe(
    name="nine_class",
    paper="Mishra, Yamasaki and Imaizumi, Supervised classification of dermatological diseases via Deep learning",
    task="classification",
    model="resnet152",
    image_size=(224, 224),
    data="synthetic:morphology",
    augmentation=Augmentation(
        horizontal_flip=True,
        vertical_flip=True,
        rotation=20.0,
        zoom=0.15,
        brightness=0.08,
        contrast=0.15,
        saturation=0.1,
    ),
    batch_size=16,
    epochs=30,
    patience=5,
    optimizer="sgd",
    learning_rate=1e-3,
    learning_rate_schedule="cosine",
    weight_decay=1e-4,
    class_balance=True,
    images_per_class=4600,
    weights="imagenet",
    select_best=True,
    claim={"accuracy": 0.8230, "validation_accuracy": 0.8438, "minutes": 840.70},
)

# Tables 2 and 3: test accuracy, validation accuracy, minutes of training.
_CLAIMS = {
    "resnet18": (0.7713, 0.7739, 140.50),
    "resnet50": (0.7881, 0.7819, 374.11),
    "resnet152": (0.8230, 0.8438, 840.70),
    "densenet161": (0.7968, 0.8219, 837.75),
}
# Section 3: what no network exceeded.
_HEAD_CLAIM, _SCRATCH_CLAIM = {"validation_accuracy": 0.68}, {"validation_accuracy": 0.45}

VARIANTS = {}
for _network, (_test, _validation, _minutes) in _CLAIMS.items():
    _full = replace(
        RECIPE,
        name=f"nine_class:{_network}",
        model=_network,
        claim={"accuracy": _test, "validation_accuracy": _validation, "minutes": _minutes},
    )
    VARIANTS |= {
        _network: _full,
        f"{_network}_head": replace(_full, name=f"nine_class:{_network}_head", fine_tuning="head", claim=_HEAD_CLAIM),
        f"{_network}_scratch": replace(
            _full, name=f"nine_class:{_network}_scratch", fine_tuning="scratch", weights="", claim=_SCRATCH_CLAIM
        ),
    }

VARIANTS["multilabel"] = replace(
    RECIPE, name="nine_class:multilabel", task="multilabel", data="synthetic:morphologies", claim={}
)

TABLES = {
    "Tables 2 and 3, the whole network": {
        "ResNet18": "resnet18",
        "ResNet50": "resnet50",
        "DenseNet161": "densenet161",
        "ResNet152": "",
    },
    "Section 3.2, the last layer alone": {
        "ResNet18, head": "resnet18_head",
        "ResNet50, head": "resnet50_head",
        "DenseNet161, head": "densenet161_head",
        "ResNet152, head": "resnet152_head",
        "ResNet152": "",
    },
    "Section 3.1, from scratch": {
        "ResNet18, scratch": "resnet18_scratch",
        "ResNet50, scratch": "resnet50_scratch",
        "DenseNet161, scratch": "densenet161_scratch",
        "ResNet152, scratch": "resnet152_scratch",
        "ResNet152": "",
    },
}

EFFECTS = {
    f"{what}, {title}": (full, f"{network}_{variant}")
    for network, full, title in (
        ("resnet18", "resnet18", "ResNet18"),
        ("resnet50", "resnet50", "ResNet50"),
        ("densenet161", "densenet161", "DenseNet161"),
        ("resnet152", "", "ResNet152"),
    )
    for what, variant in (("whole network, not the last layer alone", "head"), ("weights to begin from", "scratch"))
}

PHOTOGRAPHS = {
    "Acne": (4215, 446, 74),
    "Alopecia": (4119, 441, 65),
    "Crust": (4147, 402, 53),
    "Erythema": (4299, 406, 59),
    "Leukoderma": (4300, 403, 58),
    "Pigmented Maculae": (4300, 310, 58),
    "Pustule": (4046, 386, 55),
    "Ulcer": (4514, 395, 58),
    "Wheal": (4120, 385, 50),
}

# Table 4: true class -> predicted class -> %; what is absent is 0.
CONFUSION = {
    "Acne": {"Acne": 83.8, "Erythema": 10.8, "Pigmented Maculae": 2.7, "Ulcer": 2.7},
    "Alopecia": {"Alopecia": 90.8, "Crust": 6.2, "Erythema": 3.0},
    "Crust": {"Crust": 60.4, "Erythema": 3.8, "Pigmented Maculae": 30.2, "Ulcer": 5.7},
    "Erythema": {"Crust": 7.0, "Erythema": 80.0, "Pigmented Maculae": 13.0},
    "Leukoderma": {"Leukoderma": 93.0, "Pigmented Maculae": 3.5, "Wheal": 3.5},
    "Pigmented Maculae": {"Acne": 3.6, "Pigmented Maculae": 96.4},
    "Pustule": {"Acne": 14.5, "Alopecia": 11.0, "Erythema": 9.0, "Pustule": 65.5},
    "Ulcer": {"Crust": 6.9, "Ulcer": 93.1},
    "Wheal": {"Erythema": 28.0, "Wheal": 72.0},
}


def quick(recipe: Recipe, data: str | None) -> Recipe:
    """Few pixels, images and folds; rows that begin from ImageNet begin from drawn dermoscopy instead.

    A hundred steps of SGD would teach a network of 152 layers next to nothing: it is Adam.
    """
    small = recipe.with_settings(
        ["image_size=(48,48)", "folds=2", "epochs=3", "patience=0", "images_per_class=100", "optimizer=adam",
         "batch_size=32"]
    )  # fmt: skip
    if recipe.fine_tuning == "scratch":
        return small
    pretraining = replace(
        small,
        name="nine_class:pretraining",
        fine_tuning="full",
        weights="",
        labels=(),
        data="synthetic:dermoscopy:1500",
        claim={},
    )
    return replace(small, weights="", pretraining=pretraining)
