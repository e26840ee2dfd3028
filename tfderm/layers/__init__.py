"""Keras layers of the published systems, one public layer per file."""

from tfderm.layers.colour_histogram import ColourHistogram
from tfderm.layers.mirrored_views import AverageOverViews, MirroredViews
from tfderm.layers.roi_align import ROIAlign
from tfderm.layers.score_refine import ScoreRefine
from tfderm.layers.severity_interval import SeverityInterval
from tfderm.layers.spatial_transformer import SpatialTransformer

__all__ = [
    "AverageOverViews",
    "ColourHistogram",
    "MirroredViews",
    "ROIAlign",
    "ScoreRefine",
    "SeverityInterval",
    "SpatialTransformer",
]
