"""The detector as it runs after training: pixels to lesion boxes."""

import keras

from tfderm.layers import ROIAlign
from tfderm.models.backbones.psenet import scaled
from tfderm.models.backbones.residual import STRIDES, residual_backbone
from tfderm.models.faster_rcnn.anchors import ASPECT_RATIOS
from tfderm.models.faster_rcnn.fpn import feature_pyramid
from tfderm.models.faster_rcnn.roi_head import Detections, ROIHead
from tfderm.models.faster_rcnn.rpn import Proposals, RPNHead
from tfderm.models.normalization import image_input, normalize

# The pyramid adds one coarser map to the backbone's, for proposals alone.
_RPN_STRIDES = (*STRIDES, 64)


def faster_rcnn(
    image_size=(400, 512),
    width=0.5,
    anchor_sizes=(16, 32, 64, 128, 256),
    proposals_per_level=256,
    num_proposals=128,
    max_detections=50,
    weight_decay=0.0,
):
    """Faster R-CNN of one class, "lesion": residual backbone, feature pyramid, proposals, ROIAlign, two-layer head.

    Args:
        image_size: height, width in pixels.
        width: multiplies all channel counts; 1.0 has the widths of ResNet-18 and FPN.
        anchor_sizes: side in pixels of the square anchor at strides 4, 8, 16, 32, 64.
        proposals_per_level: proposals of each level that enter non-maximum suppression.
        num_proposals: proposals of all levels that the head looks at.
        max_detections: D, boxes per image in the answer.
        weight_decay: coefficient of the gradient weight_decay * w on every kernel, added to the loss as L2.

    Returns:
        Functional model: `image` (B, height, width, 3) uint8 RGB to `boxes` (B, D, 4) float32 x, y, width, height in
        pixels, best first, and `scores` (B, D) in 0..1; both are -1 where there are fewer than D boxes. What it
        learns with is `FasterRCNNTraining`.
    """
    regularizer = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    image = image_input(image_size)
    pyramid = feature_pyramid(
        residual_backbone(normalize(image), width, kernel_regularizer=regularizer), scaled(256, width), regularizer
    )
    # Whatever handles coordinates stays in float32: bfloat16 has no pixel 257.
    logits, deltas = RPNHead(len(ASPECT_RATIOS), regularizer, name="rpn_head")(pyramid)
    proposals, valid = Proposals(
        image_size,
        _RPN_STRIDES,
        anchor_sizes,
        per_level=proposals_per_level,
        num_proposals=num_proposals,
        dtype="float32",
        name="proposals",
    )(logits, deltas)
    scale = tuple(1 / stride for stride in STRIDES)
    features = ROIAlign(output_size=7, spatial_scale=scale, dtype="float32", name="roi_align")(pyramid[:-1], proposals)
    roi_logits, roi_deltas = ROIHead(scaled(1024, width), regularizer, name="roi_head")(features)
    boxes, scores = Detections(image_size, max_detections=max_detections, dtype="float32", name="detections")(
        roi_logits, roi_deltas, proposals, valid
    )
    return keras.Model(image, {"boxes": boxes, "scores": scores}, name="faster_rcnn")
