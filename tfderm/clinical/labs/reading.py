"""The items of one result -> value, unit, range and flag, with every doubt that arose on the way."""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tfderm.clinical.labs.analytes import ALIKE, EXTENDED, UNSURE, Analyte, Candidate
from tfderm.clinical.labs.documents import Word
from tfderm.clinical.labs.fields import PREVIOUS, REFERENCE, Item, scan
from tfderm.clinical.labs.layout import role_of
from tfderm.clinical.labs.numbers import values
from tfderm.clinical.labs.records import Record
from tfderm.clinical.labs.selection import items_of, results_among, unit_after
from tfderm.clinical.labs.units import misread

_COMMON_UNITS = (
    "10*3/uL", "10*9/L", "10*3/mm3", "/uL", "/mm3", "10*6/uL", "10*12/L", "10*6/mm3", "g/dL", "g/L", "mg/dL", "mg/L",
    "ug/dL", "ug/L", "ng/mL", "ng/dL", "ng/L", "pg/mL", "pg", "fL", "%", "mmol/L", "umol/L", "nmol/L", "pmol/L",
    "meq/L", "U/L", "[IU]/L", "m[IU]/L", "u[IU]/mL", "m[IU]/mL", "[IU]/mL", "k[IU]/L", "kU/L", "U/mL", "mm/h", "s",
    "L/L", "mL/min/{1.73_m2}", "mmol/mol", "mL/min", "mosm/kg", "{INR}",
)  # fmt: skip

_PUNCTUATION = ".,:;()[]{}|/\\•·='\""
_OFTEN_UNNAMED = ("mmol/L", "umol/L", "nmol/L", "pmol/L", "g/L", "/uL", "L/L")


@dataclass
class Reading:
    """A value with what belongs to it, before anything is judged; numbers in the printed unit.

    `rest` are the signs beside it which are not understood.
    """

    analyte: Analyte
    value: float
    comparator: str | None
    unit: str | None
    unit_printed: str | None
    low: float | None
    high: float | None
    flag: Item | None
    value_item: Item
    unit_item: Item | None
    words: tuple[Word, ...]
    name: tuple[Word, ...]
    rest: tuple[Item, ...]
    doubts: list[str] = field(default_factory=list)

    @property
    def derived_flag(self) -> str | None:
        """H above the range, L below it; None within it, without one, or where a bound leaves it open."""
        if self.high is not None and self.value > self.high and self.comparator != "<":
            return "H"
        if self.low is not None and self.value < self.low and self.comparator != ">":
            return "L"
        return None

    def agrees_with(self, other: "Reading") -> bool | None:
        """Whether both are the same quantity within 2 %; None where they are of different ones, or lack a unit."""
        if self.analyte != other.analyte or self.unit is None or other.unit is None:
            return None
        mine, its = (self.analyte.canonical(each.value, each.unit) for each in (self, other))
        if mine is None or its is None:
            return None
        return abs(mine - its) <= 0.02 * max(abs(mine), abs(its))


def read(record: Record, decimal: str | None, sex: str | None, recognised: bool) -> list[Reading]:
    """The values of a record: none where it holds no number, two where share and absolute count stand in one line."""
    items = [item for item in items_of(record) if item.label != PREVIOUS]
    roles = [(item, role_of(item, record.columns)) for item in items]
    kept = [(item, role) for item, role in roles if role != "previous"]
    chosen, doubts = results_among(kept)
    is_older = any(role == "previous" and item.kind in ("number", "bound") for item, role in roles)
    if not chosen and record.columns and not is_older:
        kept = [(item, None) for item in items]
        chosen, doubts = results_among(kept)
        doubts = [*doubts, "columns unlike their header"]
    readings = []
    for place, value in enumerate(chosen):
        following = chosen[place + 1] if place + 1 < len(chosen) else None
        share = _share(kept, value if place else None, following)
        if reading := _reading(record, value, share, decimal, sex, recognised):
            reading.doubts += [*record.doubts, *doubts]
            readings.append(reading)
    if len(readings) > 1 and len({reading.analyte.name for reading in readings}) < len(readings):
        first, *others = readings
        if not all(first.agrees_with(other) for other in others):
            first.doubts.append("several numbers")
        return [first]
    return readings


def take_minuses_for_low(readings: Sequence[Reading]) -> None:
    """Give a report's readings the flag L whose minus stands where other readings have a plus.

    Only where each of these minuses stands beside a value below its range: others mean that there is no flag.
    """
    pluses = [reading.flag for reading in readings if reading.flag and set(reading.flag.text) == {"+"}]
    minuses = [
        (reading, item)
        for reading in readings
        for item in reading.rest
        if reading.flag is None and set(item.text) <= set("-–−") and any(_above(item, plus) for plus in pluses)
    ]
    if all(reading.derived_flag == "L" for reading, _ in minuses):
        for reading, item in minuses:
            reading.flag = replace(item, kind="flag", meaning="L")
            reading.words = tuple(sorted((*reading.words, *item.words), key=lambda word: (word.top, word.left)))


def _above(item: Item, other: Item) -> bool:
    return item.left < other.right and other.left < item.right


def _share(kept, first: Item | None, following: Item | None) -> list[tuple[Item, str | None]]:
    """The items from one value up to the next; the first value's begin where the record does."""
    items = [item for item, _ in kept]
    start = items.index(first) if first else 0
    end = items.index(following) if following else len(items)
    return list(kept[start:end])


def _reading(record, value: Item, share, decimal, sex, recognised) -> Reading | None:
    doubts: list[str] = []
    unit_item = _unit(value, share)
    in_name = None
    if unit_item is None:
        in_name = next((i for i in scan([[record.name]]) if i.kind == "unit" and "{" not in i.units[0][:1]), None)
    printed = unit_item or in_name
    options = printed.units if printed else ()
    candidate, unit = _analyte(record.candidates, options)
    if unit and recognised and (other := _other_prefix(value, unit, candidate.analyte, decimal)):
        unit = other
        doubts.append("unit misread")
    if unit is None and recognised and (guessed := _misread_unit(value, share, record.candidates, decimal)):
        candidate, unit, unit_item = guessed
        printed = unit_item
        doubts.append("unit misread")
    if candidate is None:
        candidate = record.candidates[0]
        unit = options[0] if options else None
        doubts.append("unexpected unit")
    if unit is None:
        doubts += _without_unit(record.candidates, candidate)
    if candidate.fit == UNSURE:
        doubts.append("name not wholly understood")
    elif candidate.fit == ALIKE:
        doubts.append("name misspelt")
    number, hesitant = _number(value, candidate.analyte, unit, decimal)
    if hesitant:
        doubts.append("decimal or thousands separator")
    low, high, range_items = _range(value, share, number, decimal, sex, doubts)
    if unit is None and low is None and high is None and not _is_conceivable(value, record.candidates, decimal):
        return None
    flag = _flag(share, doubts)
    comparator = None if value.kind == "number" else "<" if value.meaning == "at most" else ">"
    used = [value, *(item for item in (unit_item, flag) if item), *range_items]
    return Reading(
        analyte=candidate.analyte,
        value=number,
        comparator=comparator,
        unit=unit,
        unit_printed=printed.text if printed else None,
        low=low,
        high=high,
        flag=flag,
        value_item=value,
        unit_item=unit_item,
        words=_in_order(record, {id(word) for item in used for word in item.words}),
        name=record.name,
        rest=tuple(item for item, role in share if _is_rest(item, role, value, recognised)),
        doubts=doubts,
    )


def _is_rest(item: Item, role: str | None, value: Item, recognised: bool) -> bool:
    """Whether something short may be a flag: whatever a scan shows, in stored text a sign after the value."""
    if item.kind != "text" or len(item.text) > 2:
        return False
    is_sign = not any(character.isalnum() or character in _PUNCTUATION for character in item.text)
    return recognised or (is_sign and item.left > value.left and role not in ("previous", "other"))


def _is_conceivable(value: Item, candidates: Sequence[Candidate], decimal: str | None) -> bool:
    """Whether a number without a unit could be a result in one of the usual units, rather than a code or an address."""
    return any(
        candidate.analyte.is_pure_number
        or any(
            candidate.analyte.possible(option, unit)
            for unit in (candidate.analyte.unit, *_OFTEN_UNNAMED)
            for option in values(value.numbers[0], decimal)
        )
        for candidate in candidates
    )


def _in_order(record: Record, used: set[int]) -> tuple[Word, ...]:
    return tuple(word for line in record.lines for word in line.words if id(word) in used)


def _unit(value: Item, share) -> Item | None:
    """The unit beside the value: after it, in the unit column, else anywhere, as in the range's column."""
    units = [(item, role) for item, role in share if item.kind == "unit"]
    if not units:
        return None
    after = unit_after(value, share)
    in_column = next((item for item, role in units if role == "unit"), None)
    same_cell = next((item for item, _ in units if item.cell == value.cell and item.left >= value.left), None)
    return after if after and after.cell == value.cell else in_column or after or same_cell or units[0][0]


def _analyte(candidates: Sequence[Candidate], options: Sequence[str]) -> tuple[Candidate | None, str | None]:
    """The best candidate that may have one of the unit's readings."""
    for candidate in candidates:
        for unit in options:
            if candidate.analyte.measured_in(unit):
                return candidate, unit
    return (None, None) if options else (next((c for c in candidates if c.fit != EXTENDED), None), None)


def _misread_unit(value: Item, share, candidates, decimal) -> tuple[Candidate, str, Item] | None:
    """A unit in other text beside the value, read with its usual mistakes, in which the value is possible."""
    options = values(value.numbers[0], decimal)
    for item, role in share:
        if item is value or item.kind not in ("text", "skipped", "number", "unit") or role in ("name", "flag", "range"):
            continue
        for candidate in candidates:
            expected = [
                unit
                for unit in _COMMON_UNITS
                if candidate.analyte.measured_in(unit) and any(candidate.analyte.possible(o, unit) for o in options)
            ]
            if unit := misread(item.text, expected):
                return candidate, unit, item
    return None


def _other_prefix(value: Item, unit: str, analyte: Analyte, decimal: str | None) -> str | None:
    """The one unit that differs in its prefix from a misread one in which the value is impossible."""
    options = values(value.numbers[0], decimal)
    if any(analyte.possible(option, unit) for option in options):
        return None
    alike = [
        other
        for other in _COMMON_UNITS
        if other != unit and _without_prefix(other) == _without_prefix(unit) and analyte.measured_in(other)
    ]
    possible = [other for other in alike if any(analyte.possible(option, other) for option in options)]
    return possible[0] if len(possible) == 1 else None


def _without_prefix(unit: str) -> str:
    return re.sub(r"^(?:10\*\d+|[munpkf](?=g|mol|U|\[))", "", unit)


def _without_unit(candidates: Sequence[Candidate], chosen: Candidate) -> list[str]:
    if chosen.analyte.is_pure_number:
        return []
    others = [c for c in candidates if c.fit == chosen.fit and c.analyte != chosen.analyte]
    return ["no unit", "name of several analytes"] if others else ["no unit"]


def _number(value: Item, analyte: Analyte, unit: str | None, decimal: str | None) -> tuple[float, bool]:
    options = values(value.numbers[0], decimal)
    if len(options) == 1:
        return options[0], False
    possible = [option for option in options if unit is not None and analyte.possible(option, unit)]
    if len(possible) == 1:
        # Possible by the body and likely by the report's other numbers: no doubt; otherwise some.
        return possible[0], possible[0] != options[0] and decimal is not None
    return options[0], decimal is None


def _range(value, share, number, decimal, sex, doubts) -> tuple[float | None, float | None, list[Item]]:
    """Lowest and highest normal value, and the items that say so."""
    ends = {
        role: item for item, role in share if role in ("low", "high") and item.kind == "number" and item is not value
    }
    if ends:
        low, high = (_near(ends[end], number, decimal) if end in ends else None for end in ("low", "high"))
        return low, high, list(ends.values())
    ranges = [(item, role) for item, role in share if item.kind in ("range", "bound") and item is not value]
    if ranges and _is_next(ranges[0][0], value, share):
        ranges = [ranges[0], *((item, role) for item, role in ranges[1:] if item.sex)]
    elif any(role == "range" or item.label == REFERENCE for item, role in ranges):
        ranges = [(item, role) for item, role in ranges if role == "range" or item.label == REFERENCE or item.sex]
    found = [item for item, _ in ranges]
    if any(item.sex for item in found):
        found = [item for item in found if item.sex == sex] if sex else []
    if not found:
        return None, None, []
    first = found[0]
    if first.kind == "bound":
        limit = _near(first, number, decimal)
        return (None, limit, [first]) if first.meaning == "at most" else (limit, None, [first])
    lows, highs = (values(number, decimal) for number in first.numbers)
    # Both ends are written alike: 4.000-10.000 is no range from four to ten thousand.
    both = zip(lows, highs, strict=True) if len(lows) == len(highs) else itertools.product(lows, highs)
    pairs = [(low, high) for low, high in both if low <= high]
    if not pairs:
        doubts.append("range upside down")
        return None, None, [first]
    return *_nearest(pairs, number), [first]


def _is_next(limits: Item, value: Item, share) -> bool:
    """Whether a range follows a value with nothing but unit and flag between them."""
    items = [item for item, _ in share]
    start, end = items.index(value), items.index(limits)
    return start < end and all(item.kind in ("unit", "flag") for item in items[start + 1 : end])


def _near(item: Item, number: float, decimal: str | None) -> float:
    return _nearest([(option, option) for option in values(item.numbers[0], decimal)], number)[0]


def _nearest(pairs: Sequence[tuple[float, float]], number: float) -> tuple[float, float]:
    """The first range that a number is at most ten times outside of, else the nearest."""
    small = 1e-9

    def distance(pair: tuple[float, float]) -> float:
        return max(pair[0] / max(number, small), number / max(pair[1], small), 10.0)

    return min(pairs, key=distance)


def _flag(share, doubts: list[str]) -> Item | None:
    """The flag among the items; below a title that is not a flag's only H or L alone in its column counts."""
    cells = Counter(item.cell for item, _ in share)
    flags = [
        (item, role)
        for item, role in share
        if item.kind == "flag"
        and role != "previous"
        and (role != "other" or (cells[item.cell] == 1 and item.meaning in ("H", "L")))
    ]
    in_column = [item for item, role in flags if role == "flag"] or [item for item, _ in flags]
    for wanted in (("H", "L"), ("normal", "odd")):
        found = [item for item in in_column if item.meaning in wanted]
        if found:
            if len({item.meaning for item in found} & {"H", "L"}) > 1:
                doubts.append("two flags")
            return found[0]
    return None
