"""What parsing gives: results, lines that could not be read, and the report they are from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

MARKED_BELOW = 0.9
"""A result with a lower confidence is marked: somebody should look at the report."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Result:
    """One measured value, as the report prints it.

    Args:
        analyte: English name of the table's row.
        loinc: code, for the kind of quantity that the unit says; None where the table has none.
        value: number before the unit.
        comparator: "<" or ">" where the report prints a bound instead of a value.
        unit: UCUM; None where none is printed.
        unit_printed: the same as printed.
        reference_low, reference_high: in `unit`; None where not printed, or where the range depends on a sex that the
            report does not state.
        flag: H or L as printed; None where none is, where it says normal, or gives no direction (`*`, "abnormal").
        flag_printed: the same as printed.
        derived_flag: H or L from value and range; None within it or without a range.
        converted_value, converted_unit: in the unit asked for, else the table's for this analyte; None without a unit.
        page: from 1.
        box: left, top, right, bottom of the evidence in points from the upper left corner (pixels of an image; text
            counts 6 a character and 12 a line).
        evidence: the printed words this was read from.
        confidence: 0..1; below `MARKED_BELOW` the value is marked, and `doubts` says why.
    """

    analyte: str
    loinc: str | None
    value: float
    comparator: str | None
    unit: str | None
    unit_printed: str | None
    reference_low: float | None
    reference_high: float | None
    flag: str | None
    flag_printed: str | None
    derived_flag: str | None
    converted_value: float | None
    converted_unit: str | None
    page: int
    box: Box
    evidence: str
    confidence: float
    doubts: tuple[str, ...] = ()

    @property
    def marked(self) -> bool:
        return self.confidence < MARKED_BELOW

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "box": [round(edge, 1) for edge in self.box], "doubts": list(self.doubts)}


@dataclass(frozen=True)
class UnreadLine:
    """A line no result was read from; `text` hides every word that might identify somebody."""

    page: int
    box: Box
    text: str
    reason: str

    def to_json(self) -> Mapping[str, Any]:
        return {**asdict(self), "box": [round(edge, 1) for edge in self.box]}


@dataclass(frozen=True)
class Report:
    """A parsed report. It holds no name, number, birth date or address of anybody.

    Args:
        results: in reading order.
        unread: lines without a result, in reading order.
        pages: their number.
        recognised_pages: those read from pixels.
        collected: day the specimen was taken (else received, tested, reported); None where no date is labelled, or
            where it may be two days, which `collected_candidates` then holds.
    """

    results: tuple[Result, ...]
    unread: tuple[UnreadLine, ...]
    pages: int
    recognised_pages: tuple[int, ...] = ()
    collected: date | None = None
    collected_candidates: tuple[date, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "pages": self.pages,
            "recognised_pages": list(self.recognised_pages),
            "collected": self.collected and self.collected.isoformat(),
            "collected_candidates": [day.isoformat() for day in self.collected_candidates],
            "results": [result.to_json() for result in self.results],
            "unread": [line.to_json() for line in self.unread],
        }
