"""Lesion detector: boxes round skin lesions, which stand in for PSENet's location targets where nobody drew any.

Li, Wu, Zhao et al., "PSENet: Psoriasis Severity Evaluation Network", AAAI 2020, use "a variant of Ren et al.
(2015) with ROI-Align (He et al. 2017)", trained on 86,000 private images; for psoriasis recall 81.67 %, precision
94.23 %.
Ours: Faster R-CNN with a feature pyramid and ROIAlign on a small residual backbone, one class, from scratch.

    tfderm train lesion_detector:demo -o runs/detector      # narrow, 200x256, 5,000 synthetic photographs
    tfderm evaluate runs/detector
    tfderm detect runs/detector --data my_photographs/manifest.csv -o my_photographs/boxes.json
    tfderm train lesion_detector:close_up --data $TFDERM_DATA/pad_ufes_20 -o runs/detector-pad
"""

from dataclasses import replace

from tfderm.recipe import Augmentation, Recipe

RECIPE = Recipe(
    name="lesion_detector",
    paper="Li et al., PSENet: Psoriasis Severity Evaluation Network, AAAI 2020 (its lesion detector)",
    task="detection",
    model="faster_rcnn",
    image_size=(400, 512),
    model_options={"width": 0.5, "anchor_sizes": [16, 32, 64, 128, 256]},
    data="synthetic:psoriasis:800",
    # No rotation: the upright rectangle round a rotated box is larger than the lesion in it.
    augmentation=Augmentation(horizontal_flip=True, vertical_flip=True, zoom=0.15, brightness=0.05, contrast=0.1),
    batch_size=8,
    epochs=12,
    learning_rate=1e-3,
    learning_rate_schedule="cosine",
    weight_decay=1e-4,
    claim={"recall": 0.8167, "precision": 0.9423},
)

VARIANTS = {
    "demo": replace(
        RECIPE,
        name="lesion_detector:demo",
        image_size=(200, 256),
        model_options={"width": 0.25, "anchor_sizes": [8, 16, 32, 64, 128]},
    ),
    "close_up": replace(
        RECIPE,
        name="lesion_detector:close_up",
        image_size=(192, 256),
        model_options={"width": 0.25, "anchor_sizes": [16, 32, 64, 128, 192]},
        data="",
        epochs=24,
    ),
}
