"""Keras layers of the published systems, one public layer per file."""

from tfderm.layers.colour_histogram import ColourHistogram
from tfderm.layers.roi_align import ROIAlign
from tfderm.layers.score_refine import ScoreRefine
from tfderm.layers.severity_interval import SeverityInterval

__all__ = ["ColourHistogram", "ROIAlign", "ScoreRefine", "SeverityInterval"]
