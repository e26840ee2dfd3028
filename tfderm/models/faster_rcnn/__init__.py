"""Faster R-CNN with a feature pyramid and ROIAlign, in `keras.ops`, with static shapes throughout.

Ren et al., Faster R-CNN, NeurIPS 2015; Lin et al., FPN, CVPR 2017; He et al., Mask R-CNN (ROIAlign), ICCV 2017.

Shapes in these files:

- B images of a batch; N anchors of all levels, level by level, row by row, cell by cell; P proposals; S sampled
  candidates; M true boxes, padded; D detections, padded; C channels.
- boxes inside the network: x1, y1, x2, y2 in pixels of the input image, float32; in targets and in the model's
  outputs: x, y, width, height.
- valid: bool, False where an entry is padding.

Since numbers of boxes vary and shapes do not, every list of boxes is padded and comes with its mask.
"""

from tfderm.models.faster_rcnn.model import faster_rcnn
from tfderm.models.faster_rcnn.training import FasterRCNNTraining

__all__ = ["FasterRCNNTraining", "faster_rcnn"]
