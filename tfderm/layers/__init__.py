"""Keras layers of the published systems, one public layer per file."""

from tfderm.layers.score_refine import ScoreRefine

__all__ = ["ScoreRefine"]
