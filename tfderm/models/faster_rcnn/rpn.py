"""Region proposal network: is there a lesion near this anchor, and where exactly (Ren et al., 2015, section 3.1)."""

import keras
import numpy as np
from keras import ops

from tfderm.losses.pair_loss import smooth_l1
from tfderm.models.faster_rcnn import box_coder
from tfderm.models.faster_rcnn.anchors import pyramid_anchors
from tfderm.models.faster_rcnn.boxes import clip_to_image, gather, iou
from tfderm.models.faster_rcnn.matcher import POSITIVE, match
from tfderm.models.faster_rcnn.nms import non_maximum_suppression
from tfderm.models.faster_rcnn.sampler import sample

FOREGROUND_IOU, BACKGROUND_IOU = 0.7, 0.3
NUM_SAMPLES, POSITIVE_FRACTION = 256, 0.5
# Where smooth L1 turns from square to linear: sigma = 3 of the authors' code is 1 / sigma^2.
BETA = 1 / 9
_SMALLEST_SIDE = 1e-3


@keras.saving.register_keras_serializable("tfderm")
class RPNHead(keras.layers.Layer):
    """A 3x3 convolution and two pointwise ones, shared by all levels.

    Args:
        num_anchors: anchors per cell.
        kernel_regularizer: applied to every convolution kernel.

    Call arguments:
        feature_maps: list of tensors (B, H_k, W_k, C).

    Returns:
        Logits (B, N) and deltas (B, N, 4) of all anchors.
    """

    def __init__(self, num_anchors, kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.num_anchors = num_anchors
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        def convolution(name, filters, kernel_size, activation=None):
            return keras.layers.Conv2D(
                filters,
                kernel_size,
                padding="same",
                activation=activation,
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
                kernel_regularizer=self.kernel_regularizer,
                dtype=self.dtype_policy,
                name=name,
            )

        shape = input_shape[0]
        self.shared = convolution("shared", shape[-1], 3, "relu")
        self.logits = convolution("logits", self.num_anchors, 1)
        self.deltas = convolution("deltas", 4 * self.num_anchors, 1)
        for layer in (self.shared, self.logits, self.deltas):
            layer.build(shape)

    def call(self, feature_maps):
        logits, deltas = [], []
        for feature_map in feature_maps:
            count = feature_map.shape[1] * feature_map.shape[2] * self.num_anchors
            hidden = self.shared(feature_map)
            logits.append(ops.reshape(self.logits(hidden), (-1, count)))
            deltas.append(ops.reshape(self.deltas(hidden), (-1, count, 4)))
        return ops.concatenate(logits, axis=1), ops.concatenate(deltas, axis=1)

    def get_config(self):
        return {
            **super().get_config(),
            "num_anchors": self.num_anchors,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


@keras.saving.register_keras_serializable("tfderm")
class Proposals(keras.layers.Layer):
    """The best boxes of the region proposal network, less near duplicates.

    Args:
        image_size: height, width in pixels.
        strides: pixels per cell of each level.
        anchor_sizes: side of the square anchor of each level, in pixels.
        per_level: boxes of each level that enter non-maximum suppression, which runs level by level.
        num_proposals: P, boxes of all levels that leave it.
        iou_threshold: of the suppression.

    Call arguments:
        logits: (B, N).
        deltas: (B, N, 4).

    Returns:
        Proposals (B, P, 4) within the image, best first, and valid (B, P). No gradient flows through them.
    """

    def __init__(
        self, image_size, strides, anchor_sizes, per_level=256, num_proposals=128, iou_threshold=0.7, **kwargs
    ):
        super().__init__(**kwargs)
        self.image_size = tuple(image_size)
        self.strides = tuple(strides)
        self.anchor_sizes = tuple(anchor_sizes)
        self.anchors = pyramid_anchors(self.image_size, self.strides, self.anchor_sizes)
        self.per_level = per_level
        self.num_proposals = num_proposals
        self.iou_threshold = iou_threshold

    def call(self, logits, deltas):
        logits, deltas = ops.stop_gradient(logits), ops.stop_gradient(deltas)
        boxes, scores, start = [], [], 0
        for anchors in self.anchors:
            end = start + len(anchors)
            score, index = ops.top_k(logits[:, start:end], min(self.per_level, len(anchors)))
            references = ops.take(anchors, index, axis=0)
            box = box_coder.decode(gather(deltas[:, start:end], index), references, box_coder.RPN_WEIGHTS)
            box = clip_to_image(box, self.image_size)
            valid = ops.all(box[..., 2:] - box[..., :2] >= _SMALLEST_SIDE, axis=-1)
            keep = non_maximum_suppression(box, score, valid, self.iou_threshold)
            boxes.append(box)
            scores.append(ops.where(keep, score, -np.inf))
            start = end
        boxes, scores = ops.concatenate(boxes, axis=1), ops.concatenate(scores, axis=1)
        scores, index = ops.top_k(scores, min(self.num_proposals, scores.shape[1]))
        return gather(boxes, index), scores > -np.inf

    def get_config(self):
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "strides": self.strides,
            "anchor_sizes": self.anchor_sizes,
            "per_level": self.per_level,
            "num_proposals": self.num_proposals,
            "iou_threshold": self.iou_threshold,
        }


def rpn_losses(logits, deltas, anchors, boxes, valid, seed):
    """Objectness and box loss over a random minibatch of anchors per image.

    Cross-entropy over the sampled anchors, and smooth L1 (turning at `BETA`) summed over the positive ones; both
    divided by the number of sampled anchors.

    Args:
        logits: (B, N).
        deltas: (B, N, 4).
        anchors: (N, 4).
        boxes: true boxes (B, M, 4) x1, y1, x2, y2.
        valid: (B, M).
        seed: a `keras.random.SeedGenerator`.

    Returns:
        Two scalars.
    """
    index, labels = match(iou(anchors, boxes), valid, FOREGROUND_IOU, BACKGROUND_IOU, allow_low_quality=True)
    sampled, used = sample(labels, NUM_SAMPLES, POSITIVE_FRACTION, seed)
    logits, deltas = gather(logits, sampled), gather(deltas, sampled)
    positive = (gather(labels, sampled) == POSITIVE) & used
    targets = box_coder.encode(
        gather(boxes, gather(index, sampled)), ops.take(anchors, sampled, axis=0), box_coder.RPN_WEIGHTS
    )
    return candidate_losses(logits, deltas, positive, used, targets, BETA)


def candidate_losses(logits, deltas, positive, used, targets, beta):
    """Cross-entropy over used candidates and smooth L1 over positive ones, each divided by the number used.

    Args:
        logits: (B, S).
        deltas: (B, S, 4).
        positive: (B, S) bool.
        used: (B, S) bool.
        targets: (B, S, 4) deltas of the matched true boxes; without meaning where not positive.
        beta: where smooth L1 turns from square to linear.
    """
    logits, deltas = ops.cast(logits, "float32"), ops.cast(deltas, "float32")
    count = ops.maximum(ops.sum(ops.cast(used, logits.dtype)), 1.0)
    labels = ops.cast(positive, logits.dtype)
    entropy = ops.maximum(logits, 0.0) - logits * labels + ops.log1p(ops.exp(-ops.abs(logits)))
    # Masked before the loss, not after: a padded target must not reach a gradient.
    difference = ops.where(positive[..., None], deltas - targets, 0.0)
    distance = beta * smooth_l1(difference / beta)
    return ops.sum(ops.where(used, entropy, 0.0)) / count, ops.sum(distance) / count
