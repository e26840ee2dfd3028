"""CND: nevus, benign keratosis or melanoma from a dermoscopy image, by a small convolutional network.

Crinieri, Terzi, Ruggeri et al., "Recognition of Skin Diseases and Exanthema with Deep Learning Techniques", 2021.
Claims on images of the ISIC archive (5,000 nevi, 2,000 pigmented benign keratoses, 1,000 melanomas): test accuracy
75 %, loss 0.53.

    tfderm train cnd --data $TFDERM_DATA/ham10000 -o runs/cnd
    tfderm cross-validate cnd --data $TFDERM_DATA/ham10000 -o runs/cnd-folds

`--set precision=mixed_bfloat16` is faster on a GPU and on a CPU with AMX.
"""

from tfderm.recipe import Augmentation, Recipe

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
    epochs=24,
    learning_rate=2e-3,
    learning_rate_schedule="cosine",
    weight_decay=1e-4,
    class_balance=True,
    auxiliary=("site", "sex", "age"),
    claim={"accuracy": 0.75, "loss": 0.53},
)

VARIANTS: dict[str, Recipe] = {}
