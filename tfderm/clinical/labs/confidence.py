"""How sure a reading is: doubts that can be checked, and what each costs."""

from collections.abc import Sequence
from dataclasses import dataclass

from tfderm.clinical.labs.ocr import differs
from tfderm.clinical.labs.reading import Reading
from tfderm.clinical.labs.records import SENTENCE

STORED, RECOGNISED = 0.99, 0.97
"""Confidence without a doubt: of stored text, and of text recognised from pixels."""
_COSTS = {
    "name misspelt": 0.97,
    "flag unlike the range": 0.94,
    "unit misread": 0.96,
    "flag may be lost": 0.85,
    "unit unlike the other enzymes'": 0.85,
    "recognised with little certainty": 0.85,
    "decimal or thousands separator": 0.8,
    "range upside down": 0.8,
    "columns unlike their header": 0.8,
    "two flags": 0.8,
    "no unit": 0.7,
    "name amid other text": 0.7,
    SENTENCE: 0.7,
    "name not wholly understood": 0.7,
    "read differently the second time": 0.6,
    "far outside the range": 0.6,
    "flag contradicts the range": 0.6,
    "several numbers": 0.6,
    "name of several analytes": 0.5,
    "unexpected unit": 0.5,
    "another result of this analyte differs": 0.5,
    "impossible in a living patient": 0.3,
}
_LITTLE = 0.3
_FAR = 4.0


@dataclass(frozen=True)
class Judged:
    reading: Reading
    page: int
    derived_flag: str | None
    confidence: float
    doubts: tuple[str, ...]


def judge(readings: Sequence[tuple[int, Reading, bool]]) -> list[Judged]:
    """Derived flag, doubts and confidence of every reading of a report.

    Args:
        readings: page number, reading, and whether the page was recognised from pixels.
    """
    judged = []
    flagged = any(reading.flag and reading.flag.meaning in ("H", "L") for _, reading, _ in readings)
    flagged |= sum(bool(reading.rest and reading.derived_flag) for _, reading, _ in readings) > 1
    for page, reading, recognised in readings:
        derived = reading.derived_flag
        doubts = dict.fromkeys(reading.doubts)
        doubts |= dict.fromkeys(_of_value(reading, derived, recognised))
        doubts |= dict.fromkeys(_of_recognition(reading) if recognised else ())
        if derived and reading.flag is None and (reading.rest or (recognised and flagged)):
            doubts["flag may be lost"] = None
        if recognised and reading.unit == "U/L" and any(other.unit == "[IU]/L" for _, other, _ in readings):
            # A thin I is easily lost, and no laboratory prints both.
            doubts["unit unlike the other enzymes'"] = None
        if any(reading.agrees_with(other) is False for _, other, _ in readings if other is not reading):
            doubts["another result of this analyte differs"] = None
        confidence = RECOGNISED if recognised else STORED
        for doubt in doubts:
            confidence *= _COSTS[doubt]
        judged.append(Judged(reading, page, derived, round(confidence, 3), tuple(doubts)))
    return judged


def _of_value(reading: Reading, derived: str | None, recognised: bool) -> list[str]:
    doubts = []
    if (
        reading.unit
        and "unexpected unit" not in reading.doubts
        and not reading.analyte.possible(reading.value, reading.unit)
    ):
        doubts.append("impossible in a living patient")
    printed = reading.flag.meaning if reading.flag else None
    ranged = reading.low is not None or reading.high is not None
    if ranged and printed != "odd":
        opposite = {printed, derived} == {"H", "L"}
        unlike = printed is not None and (printed in ("H", "L") and derived is None or printed == "normal" and derived)
        if opposite or (unlike and recognised):
            doubts.append("flag contradicts the range")
        elif unlike:
            doubts.append("flag unlike the range")
    if ranged and recognised and printed != derived and _times_outside(reading) > _FAR:
        doubts.append("far outside the range")
    return doubts


def _times_outside(reading: Reading) -> float:
    small = 1e-9
    above = reading.value / max(reading.high, small) if reading.high is not None else 0.0
    below = reading.low / max(reading.value, small) if reading.low is not None else 0.0
    return max(above, below)


def _of_recognition(reading: Reading) -> list[str]:
    doubts = []
    words = reading.value_item.words
    if any(word.certainty is not None and word.certainty < _LITTLE for word in words):
        doubts.append("recognised with little certainty")
    if any(map(differs, (*words, *(reading.unit_item.words if reading.unit_item else ())))):
        doubts.append("read differently the second time")
    return doubts
