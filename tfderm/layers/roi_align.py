"""ROIAlign over one feature map or a pyramid (He et al., Mask R-CNN, ICCV 2017; Lin et al., FPN, CVPR 2017, eq. 1)."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("tfderm")
class ROIAlign(keras.layers.Layer):
    """Average bilinear samples of a feature map in the bins of a box: a map of fixed size for a box of any size.

    As `torchvision.ops.roi_align` with `aligned=True`: a box coordinate times the scale, less one half, is a position
    on the grid of cell centres; each of the `output_size` x `output_size` bins averages `sampling_ratio` x
    `sampling_ratio` evenly spaced samples; a sample farther than one cell outside the map counts as 0, one less far
    takes the border's value.

    Over a pyramid each box is read from one map (FPN, equation 1): with scale 2^-k for level k, that of
    k = floor(`canonical_level` + log2(sqrt(width * height) / `canonical_size`)), clipped to the levels there are.

    Args:
        output_size: bins along each side.
        spatial_scale: cells per pixel, one number, or for a pyramid one power of two per map, in the maps' order.
        sampling_ratio: samples along each side of a bin.
        canonical_size: side in pixels of the box that belongs to `canonical_level`; 224, ImageNet's, in the paper.
        canonical_level: 4 in the paper.

    Call arguments:
        feature_maps: float tensor (B, H, W, C), or a list of them with the same C.
        boxes: (B, R, 4) x1, y1, x2, y2 in pixels of the image.

    Returns:
        (B, R, output_size, output_size, C). No gradient flows to the boxes.

    Raises:
        ValueError: an argument is not positive, or there are not as many scales as maps.

    Example:
        >>> features = ROIAlign(output_size=7, spatial_scale=(1 / 4, 1 / 8))([map_4, map_8], boxes)
    """

    def __init__(
        self, output_size=7, spatial_scale=1.0, sampling_ratio=2, canonical_size=224, canonical_level=4, **kwargs
    ):
        super().__init__(**kwargs)
        scales = tuple(spatial_scale) if isinstance(spatial_scale, Sequence) else (spatial_scale,)
        if output_size < 1 or sampling_ratio < 1 or canonical_size <= 0 or not scales or min(scales) <= 0:
            raise ValueError(
                "`output_size`, `sampling_ratio`, `canonical_size` and `spatial_scale` must be positive. Received: "
                f"output_size={output_size}, sampling_ratio={sampling_ratio}, canonical_size={canonical_size}, "
                f"spatial_scale={spatial_scale}"
            )
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.canonical_size = canonical_size
        self.canonical_level = canonical_level
        self._scales = scales

    def call(self, feature_maps, boxes):
        maps = list(feature_maps) if isinstance(feature_maps, list | tuple) else [feature_maps]
        if len(maps) != len(self._scales):
            raise ValueError(f"{len(self._scales)} scales need as many maps. Received: {len(maps)} maps")
        boxes = ops.stop_gradient(ops.cast(boxes, self.compute_dtype))
        heights, widths, channels = [m.shape[1] for m in maps], [m.shape[2] for m in maps], maps[0].shape[3]
        cells = [height * width for height, width in zip(heights, widths, strict=True)]
        starts = np.cumsum([0, *cells[:-1]])
        # All maps as one table of cells, so that one gather serves every level.
        table = ops.concatenate([ops.reshape(m, (-1, n, channels)) for m, n in zip(maps, cells, strict=True)], axis=1)
        batch = ops.shape(table)[0]
        table = ops.reshape(table, (-1, channels))

        level = self.level(boxes)
        height, width, start = (ops.take(np.array(v, "int32"), level) for v in (heights, widths, starts))
        boxes = boxes * ops.take(np.array(self._scales, "float32"), level)[..., None] - 0.5
        y = self._axis(boxes[..., 1], boxes[..., 3], height)
        x = self._axis(boxes[..., 0], boxes[..., 2], width)
        image = ops.arange(batch, dtype="int32")[:, None] * sum(cells)
        start = (start + image)[..., None, None]
        total = 0.0
        for row, row_weight in y:
            for column, column_weight in x:
                index = start + row[..., :, None] * width[..., None, None] + column[..., None, :]
                weight = row_weight[..., :, None] * column_weight[..., None, :]
                values = ops.take(table, ops.reshape(index, (-1,)), axis=0)
                total = total + values * ops.reshape(weight, (-1, 1))
        shape = (-1, boxes.shape[1], self.output_size, self.sampling_ratio, self.output_size, self.sampling_ratio)
        return ops.mean(ops.reshape(total, (*shape, channels)), axis=(3, 5))

    def level(self, boxes):
        """Index of the map that each box (..., 4) is read from, int32."""
        if len(self._scales) == 1:
            return ops.zeros_like(boxes[..., 0], dtype="int32")
        levels = [round(-math.log2(scale)) for scale in self._scales]
        size = ops.sqrt(ops.maximum((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]), 1e-6))
        level = ops.floor(self.canonical_level + ops.log2(size / self.canonical_size) + 1e-6)
        return ops.cast(ops.clip(level, min(levels), max(levels)), "int32") - min(levels)

    def _axis(self, low, high, cells):
        """Along one axis: the two neighbours of every sample, each as (index, weight), both (B, R, samples)."""
        samples = self.output_size * self.sampling_ratio
        steps = (np.arange(samples, dtype="float32") + 0.5) / samples
        position = low[..., None] + (high - low)[..., None] * steps
        last = ops.cast(cells[..., None] - 1, position.dtype)
        inside = ops.cast((position >= -1) & (position <= last + 1), position.dtype)
        position = ops.clip(position, 0.0, last)
        below = ops.floor(position)
        fraction = position - below
        above = ops.minimum(below + 1, last)
        return (
            (ops.cast(below, "int32"), (1 - fraction) * inside),
            (ops.cast(above, "int32"), fraction * inside),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "output_size": self.output_size,
            "spatial_scale": self.spatial_scale,
            "sampling_ratio": self.sampling_ratio,
            "canonical_size": self.canonical_size,
            "canonical_level": self.canonical_level,
        }
