"""Detection head: is this proposal a lesion, and where exactly (Girshick, Fast R-CNN, ICCV 2015, section 2)."""

import keras
from keras import ops

from tfderm.models.faster_rcnn import box_coder
from tfderm.models.faster_rcnn.boxes import clip_to_image, gather, iou, to_xywh
from tfderm.models.faster_rcnn.matcher import POSITIVE, match
from tfderm.models.faster_rcnn.nms import non_maximum_suppression
from tfderm.models.faster_rcnn.rpn import candidate_losses
from tfderm.models.faster_rcnn.sampler import sample

FOREGROUND_IOU = 0.5
POSITIVE_FRACTION = 0.25
BETA = 1.0
PADDING = -1.0
_SMALLEST_SIDE = 1e-3


@keras.saving.register_keras_serializable("tfderm")
class ROIHead(keras.layers.Layer):
    """Two hidden fully connected layers, then a logit and box deltas. One class, "lesion", so one logit.

    Args:
        units: of each hidden layer; the FPN paper's is 1024.
        kernel_regularizer: applied to every kernel.

    Call arguments:
        features: (B, R, bins, bins, C) of `ROIAlign`.

    Returns:
        Logits (B, R) and deltas (B, R, 4).
    """

    def __init__(self, units=1024, kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        def dense(name, units, initializer, activation=None):
            return keras.layers.Dense(
                units,
                activation=activation,
                kernel_initializer=initializer,
                kernel_regularizer=self.kernel_regularizer,
                dtype=self.dtype_policy,
                name=name,
            )

        inputs = input_shape[2] * input_shape[3] * input_shape[4]
        self.hidden1 = dense("hidden1", self.units, "he_normal", "relu")
        self.hidden2 = dense("hidden2", self.units, "he_normal", "relu")
        self.logits = dense("logits", 1, keras.initializers.RandomNormal(stddev=0.01))
        self.deltas = dense("deltas", 4, keras.initializers.RandomNormal(stddev=0.001))
        for layer, size in zip(
            (self.hidden1, self.hidden2, self.logits, self.deltas), (inputs, *3 * (self.units,)), strict=True
        ):
            layer.build((None, None, size))

    def call(self, features):
        shape = features.shape
        hidden = ops.reshape(features, (-1, shape[1], shape[2] * shape[3] * shape[4]))
        hidden = self.hidden2(self.hidden1(hidden))
        return self.logits(hidden)[..., 0], self.deltas(hidden)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


@keras.saving.register_keras_serializable("tfderm")
class Detections(keras.layers.Layer):
    """What the model answers: the refined proposals, less duplicates, best first.

    Args:
        image_size: height, width in pixels.
        max_detections: D at most.
        min_score: detections below are left out.
        iou_threshold: of the non-maximum suppression.

    Call arguments:
        logits: (B, P).
        deltas: (B, P, 4).
        proposals: (B, P, 4).
        valid: (B, P).

    Returns:
        Boxes (B, D, 4) x, y, width, height in pixels within the image, and scores (B, D) in 0..1; both -1 for padding.
    """

    def __init__(self, image_size, max_detections=50, min_score=0.01, iou_threshold=0.5, **kwargs):
        super().__init__(**kwargs)
        self.image_size = tuple(image_size)
        self.max_detections = max_detections
        self.min_score = min_score
        self.iou_threshold = iou_threshold

    def call(self, logits, deltas, proposals, valid):
        boxes = clip_to_image(box_coder.decode(deltas, proposals, box_coder.ROI_WEIGHTS), self.image_size)
        scores = ops.sigmoid(logits)
        valid = valid & (scores >= self.min_score)
        valid = valid & ops.all(boxes[..., 2:] - boxes[..., :2] >= _SMALLEST_SIDE, axis=-1)
        keep = non_maximum_suppression(boxes, scores, valid, self.iou_threshold)
        scores = ops.where(keep, scores, PADDING)
        scores, index = ops.top_k(scores, min(self.max_detections, scores.shape[1]))
        return ops.where(scores[..., None] >= 0, to_xywh(gather(boxes, index)), PADDING), scores

    def get_config(self):
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "max_detections": self.max_detections,
            "min_score": self.min_score,
            "iou_threshold": self.iou_threshold,
        }


def sample_proposals(proposals, proposals_valid, boxes, valid, num_samples, seed):
    """Choose the candidates that the head learns from: proposals and the true boxes themselves.

    Args:
        proposals: (B, P, 4).
        proposals_valid: (B, P).
        boxes: true boxes (B, M, 4) x1, y1, x2, y2.
        valid: (B, M).
        num_samples: candidates per image, a quarter of them positive at most.
        seed: a `keras.random.SeedGenerator`.

    Returns:
        Candidates (B, S, 4), positive (B, S), used (B, S), and deltas of the matched true boxes (B, S, 4).
    """
    candidates = ops.concatenate([proposals, boxes], axis=1)
    present = ops.concatenate([proposals_valid, valid], axis=1)
    index, labels = match(iou(candidates, boxes), valid, FOREGROUND_IOU, FOREGROUND_IOU)
    labels = ops.where(present, labels, -1)
    sampled, used = sample(labels, num_samples, POSITIVE_FRACTION, seed)
    candidates = gather(candidates, sampled)
    positive = (gather(labels, sampled) == POSITIVE) & used
    targets = box_coder.encode(gather(boxes, gather(index, sampled)), candidates, box_coder.ROI_WEIGHTS)
    return candidates, positive, used, targets


def roi_losses(logits, deltas, positive, used, targets):
    """Class and box loss of the sampled candidates (Fast R-CNN, equations 1 to 3), divided by their number."""
    return candidate_losses(logits, deltas, positive, used, targets, BETA)
