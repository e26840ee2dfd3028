"""What the detector learns with: its layers up to the proposals, and the losses of its two stages."""

import keras
import numpy as np
from keras import ops

from tfderm.models.faster_rcnn.boxes import from_xywh
from tfderm.models.faster_rcnn.roi_head import roi_losses, sample_proposals
from tfderm.models.faster_rcnn.rpn import rpn_losses

LOSSES = ("rpn_class", "rpn_box", "roi_class", "roi_box")


class FasterRCNNTraining(keras.Model):
    """Train a `faster_rcnn` model in place with `fit`, on any backend.

    The loss is the sum of four terms (Ren et al., equation 1, for both stages) and of the weight decay. Which
    candidates are sampled follows from `seed`, whose state is one of the model's variables.

    Args:
        detector: a `faster_rcnn` model; shares its variables with this one.
        seed: of the sampling.
        num_samples: proposals per image that the head learns from.

    Call arguments:
        image: (B, height, width, 3) uint8 RGB. Targets for `fit` are a dictionary: boxes (B, M, 4) float32 x, y, width,
            height in pixels, padded to M; valid (B, M), 0 for padding, else 1.
    """

    def __init__(self, detector, seed=0, num_samples=64, **kwargs):
        super().__init__(**kwargs)
        layer = detector.get_layer
        logits, deltas = layer("rpn_head").output
        proposals, valid = layer("proposals").output
        self.forward = keras.Model(
            detector.input,
            {
                "maps": list(layer("rpn_head").input)[:-1],
                "logits": logits,
                "deltas": deltas,
                "proposals": proposals,
                "valid": valid,
            },
        )
        self.roi_align = layer("roi_align")
        self.roi_head = layer("roi_head")
        self.num_samples = num_samples
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.anchors = np.concatenate(layer("proposals").anchors)
        self.terms = [keras.metrics.Mean(name=f"{name}_loss") for name in LOSSES]

    def call(self, image, training=None):
        return self.forward(image, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        boxes, valid = from_xywh(ops.cast(y["boxes"], "float32")), ops.cast(y["valid"], "bool")
        anchors = ops.convert_to_tensor(self.anchors)
        losses = rpn_losses(y_pred["logits"], y_pred["deltas"], anchors, boxes, valid, self.seed_generator)
        candidates, *targets = sample_proposals(
            y_pred["proposals"], y_pred["valid"], boxes, valid, self.num_samples, self.seed_generator
        )
        logits, deltas = self.roi_head(self.roi_align(y_pred["maps"], candidates))
        losses = (*losses, *roi_losses(logits, deltas, *targets))
        for term, loss in zip(self.terms, losses, strict=True):
            term.update_state(loss)
        return sum(losses) + sum(self.losses)
