"""Losses of the published systems."""

from tfderm.losses.location_focal_loss import LocationFocalLoss
from tfderm.losses.pair_loss import PairLoss
from tfderm.losses.severity_loss import SeverityLoss

__all__ = ["LocationFocalLoss", "PairLoss", "SeverityLoss"]
