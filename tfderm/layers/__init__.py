"""Keras layers of the published systems, one public layer per file."""

from tfderm.layers.colour_histogram import ColourHistogram
from tfderm.layers.feature_distance import FeatureDistance
from tfderm.layers.labels_present import LabelsPresent
from tfderm.layers.metadata_concatenation import MetadataConcatenation
from tfderm.layers.metadata_encoding import MetadataEncoding
from tfderm.layers.metadata_gate import MetadataGate
from tfderm.layers.mirrored_views import AverageOverViews, MirroredViews
from tfderm.layers.outside_limits import OutsideLimits
from tfderm.layers.photograph_measures import PhotographMeasures
from tfderm.layers.placed_on_image import PlacedOnImage
from tfderm.layers.roi_align import ROIAlign
from tfderm.layers.score_refine import ScoreRefine
from tfderm.layers.selective_answer import SelectiveAnswer
from tfderm.layers.severity_interval import SeverityInterval
from tfderm.layers.spatial_transformer import SpatialTransformer

__all__ = [
    "AverageOverViews",
    "ColourHistogram",
    "FeatureDistance",
    "LabelsPresent",
    "MetadataConcatenation",
    "MetadataEncoding",
    "MetadataGate",
    "MirroredViews",
    "OutsideLimits",
    "PhotographMeasures",
    "PlacedOnImage",
    "ROIAlign",
    "ScoreRefine",
    "SelectiveAnswer",
    "SeverityInterval",
    "SpatialTransformer",
]
