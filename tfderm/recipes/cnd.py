"""CND: nevus, benign keratosis or melanoma from a dermoscopy image, by a small convolutional network.

Crinieri, Terzi, Ruggeri et al., "Recognition of Skin Diseases and Exanthema with Deep Learning Techniques", 2021.
Claims on images of the ISIC archive (5,000 nevi, 2,000 pigmented benign keratoses, 1,000 melanomas): test accuracy
75 %, loss 0.53.

    tfderm train cnd --data $TFDERM_DATA/ham10000 -o runs/cnd
    tfderm cross-validate cnd --data $TFDERM_DATA/ham10000 -o runs/cnd-folds

The first run trains `cnd:pretraining` on drawn images and keeps it; `--set pretraining=None epochs=24
learning_rate=2e-3` starts afresh. `--set precision=mixed_bfloat16` is faster on a GPU and on a CPU with AMX.
"""

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

VARIANTS = {"pretraining": _PRETRAINING}
