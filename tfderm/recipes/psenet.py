"""PSENet: psoriasis severity from one photograph.

Li, Wu, Zhao et al., "PSENet: Psoriasis Severity Evaluation Network", AAAI 2020. Claims, on the authors' private data
(5,205 photographs of 1,787 patients, five folds by patient): MAE 2.21, pair accuracy 77.87 %.

    tfderm train psenet --data my_photographs/manifest.csv -o runs/psenet
    tfderm train psenet:demo -o runs/demo          # narrow, 200x256, synthetic photographs, minutes on two cores

No public weights fit the backbone. It can be pre-trained on any photographs with class labels, here named with `--set`:

    tfderm train psenet:pretraining --data photographs -o runs/pretraining --set "labels=('psoriasis','eczema')"
    tfderm train psenet --data my_photographs/manifest.csv --from runs/pretraining -o runs/psenet

Table 1 compares with `resnet50` and `inception_bn` (GoogLeNet-v2), each with and without the siamese structure, which
begin from ImageNet as in the paper with `--set weights=imagenet`, or with a file of weights in its place; table 2
takes away the score refine module (`fp`, `fp_siamese`) and the siamese structure (`single`). `phone` is ours: depthwise
convolutions and a narrow first stage, where the arithmetic is.

`components` is `demo` with a prediction of erythema, induration, desquamation and area beside the score, for data whose
manifest has those columns, in some rows at least; `--set model_options.components=True` adds it to any variant with
this network.
"""

from dataclasses import replace

from tfderm.recipe import Augmentation, Recipe

RECIPE = Recipe(
    name="psenet",
    paper="Li et al., PSENet: Psoriasis Severity Evaluation Network, AAAI 2020",
    task="severity",
    model="psenet",
    image_size=(800, 1024),
    data="synthetic:psoriasis",
    augmentation=Augmentation(horizontal_flip=True, vertical_flip=True, brightness=0.05, contrast=0.1),
    batch_size=16,
    epochs=30,
    learning_rate=1e-4,
    weight_decay=2e-4,
    pairs="random",
    loss_weights={"location": 1.0, "pair": 0.2, "regression": 0.2},
    claim={"mae": 2.21, "pair_accuracy": 0.7787},
)


def _row(name, mae, pair_accuracy, pairs, **changes):
    """A row of the paper's tables 1 and 2, which trains as PSENet does unless `changes` say otherwise."""
    claim = {"mae": mae, "pair_accuracy": pair_accuracy}
    return replace(RECIPE, name=f"psenet:{name}", pairs=pairs, claim=claim, **changes)


def _network(backbone):
    return {"model": "severity_regressor", "model_options": {"backbone": backbone}}


_FEATURE_PYRAMID = {"model_options": {"head": "fp"}}

VARIANTS = {
    "resnet50": _row("resnet50", 3.50, 0.6936, "none", **_network("resnet50")),
    "resnet50_siamese": _row("resnet50_siamese", 3.30, 0.7008, "random", **_network("resnet50")),
    "inception_bn": _row("inception_bn", 3.92, 0.7036, "none", **_network("inception_bn")),
    "inception_bn_siamese": _row("inception_bn_siamese", 3.25, 0.7072, "random", **_network("inception_bn")),
    "fp": _row("fp", 3.27, 0.7132, "none", **_FEATURE_PYRAMID),
    "fp_siamese": _row("fp_siamese", 3.03, 0.7376, "random", **_FEATURE_PYRAMID),
    "single": _row("single", 2.76, 0.7696, "none"),
    "phone": replace(RECIPE, name="psenet:phone", model_options={"mobile": True}, claim={}),
    "all_pairs": replace(RECIPE, name="psenet:all_pairs", pairs="all", claim={}),
    "pretraining": replace(
        RECIPE,
        name="psenet:pretraining",
        task="classification",
        model="psenet_classifier",
        data="",
        labels=("nv", "mel", "bkl", "bcc", "akiec", "vasc", "df"),
        pairs="none",
        loss_weights={},
        class_balance=True,
        learning_rate=1e-3,
        learning_rate_schedule="cosine",
        claim={},
    ),
    "demo": replace(
        RECIPE,
        name="psenet:demo",
        image_size=(200, 256),
        model_options={"width": 0.25},
        pairs="all",
        epochs=18,
        learning_rate=2e-3,
        learning_rate_schedule="cosine",
    ),
}
VARIANTS["components"] = replace(
    VARIANTS["demo"],
    name="psenet:components",
    model_options={**VARIANTS["demo"].model_options, "components": True},
    loss_weights={**RECIPE.loss_weights, "components": 0.2},
    claim={},
)

# Rows of the paper's tables: what it calls the method -> variant, "" for the recipe itself.
TABLES = {
    "Table 1, comparison with baselines": {
        "ResNet-50": "resnet50",
        "ResNet-50, siamese": "resnet50_siamese",
        "GoogLeNet-v2": "inception_bn",
        "GoogLeNet-v2, siamese": "inception_bn_siamese",
        "PSENet": "",
    },
    "Table 2, ablation": {
        "PSENet, fp": "fp",
        "PSENet, srm": "single",
        "PSENet, fp, siamese": "fp_siamese",
        "PSENet, srm, siamese": "",
        "ours: srm, all pairs of a batch": "all_pairs",
    },
}

# What the tables ask: a change of method -> a row with it and the row that differs in nothing else.
EFFECTS = {
    "srm instead of fp": ("single", "fp"),
    "srm instead of fp, both siamese": ("", "fp_siamese"),
    "siamese, srm": ("", "single"),
    "siamese, fp": ("fp_siamese", "fp"),
    "siamese, ResNet-50": ("resnet50_siamese", "resnet50"),
    "siamese, GoogLeNet-v2": ("inception_bn_siamese", "inception_bn"),
    "ours: all pairs of a batch, srm": ("all_pairs", "single"),
}

_QUICK = {
    "psenet": [
        "image_size=(160,208)", "model_options.width=0.25", "batch_size=8", "epochs=12", "learning_rate=5e-3",
    ],
    "severity_regressor": ["image_size=(48,64)", "epochs=5", "learning_rate=5e-4"],
}  # fmt: skip


def quick(recipe: Recipe, data: str | None) -> Recipe:
    """Small enough for minutes on two cores: a narrow network, or few pixels for those that have no width.

    The batches are small because PSENet begins on a plateau that it leaves after some number of updates
    (docs/fidelity.md).
    """
    return recipe.with_settings(["folds=3", "learning_rate_schedule=cosine", *_QUICK[recipe.model]])
