"""Losses of the published systems."""

from tfderm.losses.component_loss import ComponentLoss
from tfderm.losses.location_focal_loss import LocationFocalLoss
from tfderm.losses.pair_loss import PairLoss
from tfderm.losses.severity_loss import SeverityLoss

__all__ = ["ComponentLoss", "LocationFocalLoss", "PairLoss", "SeverityLoss"]
