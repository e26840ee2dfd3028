"""PSENet: psoriasis severity from one photograph.

Li, Wu, Zhao et al., "PSENet: Psoriasis Severity Evaluation Network", AAAI 2020. Claims, on the authors' private data
(5,205 photographs of 1,787 patients, five folds by patient): MAE 2.21, pair accuracy 77.87 %.

    tfderm train psenet --data my_photographs/manifest.csv -o runs/psenet
    tfderm train psenet:demo -o runs/demo          # narrow, 200x256, synthetic photographs, minutes on two cores
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

VARIANTS = {
    "all_pairs": replace(RECIPE, name="psenet:all_pairs", pairs="all"),
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
