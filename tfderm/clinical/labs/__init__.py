"""Blood reports -> tidy results with LOINC codes, UCUM units, evidence and confidence."""

from tfderm.clinical.labs.parse import parse
from tfderm.clinical.labs.results import MARKED_BELOW, Report, Result, UnreadLine

__all__ = ["MARKED_BELOW", "Report", "Result", "UnreadLine", "parse"]
