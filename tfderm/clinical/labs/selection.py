"""The items of a record in the light of the headers above them, and which of them are results."""

from collections.abc import Sequence
from dataclasses import replace

from tfderm.clinical.labs.fields import REFERENCE, RESULT, Item
from tfderm.clinical.labs.layout import Column, column_of, role_of
from tfderm.clinical.labs.records import Record


def items_of(record: Record) -> list[Item]:
    """A record's items, with the units that headers give them.

    What reads as a range or a bound, but stands below titles of other things, is taken as the parts it has.
    """
    found: list[Item] = []
    for item in record.items():
        parts = [replace(item, words=(word,), text=word.text) for word in item.words]
        roles = [role_of(part, record.columns) for part in parts]
        if item.kind == "range" and len(parts) > 1 and {roles[0], roles[-1]} <= {"result", "previous"}:
            ends = zip((parts[0], parts[-1]), item.numbers, strict=True)
            found += [replace(part, kind="number", numbers=(number,)) for part, number in ends]
        elif (
            item.kind == "bound" and len(parts) == 2 and roles[0] == "flag" != roles[1] and parts[0].text in ("<", ">")
        ):
            sign, limit = parts
            found.append(replace(sign, kind="flag", numbers=(), meaning="H" if sign.text == ">" else "L"))
            found.append(replace(limit, kind="number", meaning=None))
        else:
            found.append(item)
    return _with_units(found, record.columns)


def _with_units(items: Sequence[Item], columns: Sequence[Column]) -> list[Item]:
    """The items, with the unit that is a column's title after the numbers below it which have none."""
    found = []
    for place, item in enumerate(items):
        found.append(item)
        following = next((other.kind for other in items[place + 1 :] if other.kind != "flag"), None)
        if item.kind == "number" and following != "unit":
            column = column_of(item, columns)
            if column and column.unit:
                found.append(replace(column.unit, cell=item.cell))
    return found


def results_among(kept: Sequence[tuple[Item, str | None]]) -> tuple[list[Item], list[str]]:
    """The items that are results: one as a rule, several where each has a unit of its own."""
    numbers = [(item, role) for item, role in kept if item.kind == "number" and item.label != REFERENCE]
    numbers = _without_scale(numbers, [item.numbers for item, _ in kept if item.kind == "range"])
    if not numbers and sum(item.kind in ("bound", "range") and item.sex is None for item, _ in kept) > 2:
        return [], []  # A list of categories.
    for wanted in (
        [item for item, _ in numbers if item.label == RESULT],
        [item for item, role in numbers if role == "result"],
        [item for item, role in kept if item.kind == "bound" and role == "result" and item.label != REFERENCE],
        [item for item, role in numbers if role not in ("other", "unknown", "low", "high", "range", "name")],
        [item for item, role in numbers if role not in ("other", "unknown", "low", "high")],
    ):
        if wanted:
            break
    else:
        bounds = [item for item, role in kept if item.kind == "bound" and role != "range" and item.label != REFERENCE]
        ranged = [item for item, _ in kept if item.kind == "range"]
        if bounds and (len(bounds) > 1 or ranged or _followed_by_unit(bounds[0], kept)):
            return bounds[:1], []
        return [], []
    if len(wanted) == 1:
        among_ranges = [item for item, role in numbers if role == "range"]
        if wanted[0] in among_ranges:
            return wanted, ["columns unlike their header"]
        return wanted, ["several numbers"] if among_ranges else []
    with_unit = [item for item in wanted if _followed_by_unit(item, kept)]
    units = {item.units for item in (unit_after(item, kept) for item in with_unit) if item}
    if len(with_unit) == len(units) > 1:
        return with_unit, []
    if len(with_unit) == 1:
        return with_unit, ["several numbers"]
    return wanted[:1], ["several numbers"]


def _without_scale(numbers: list[tuple[Item, str | None]], ranges: Sequence[tuple[str, ...]]) -> list:
    """The numbers without the two ends of a range that are printed again below its drawing."""
    written = [item.numbers[0] for item, _ in numbers]
    ends = {end for limits in ranges if set(limits) <= set(written) for end in limits}
    rest = [(item, role) for item, role in numbers if item.numbers[0] not in ends]
    return rest or numbers


def unit_after(value: Item, kept: Sequence[tuple[Item, str | None]]) -> Item | None:
    """The unit behind a value, with at most flags between them."""
    items = [item for item, _ in kept]
    for item in items[items.index(value) + 1 :]:
        if item.kind == "unit":
            return item
        if item.kind != "flag":
            return None
    return None


def _followed_by_unit(value: Item, kept: Sequence[tuple[Item, str | None]]) -> bool:
    return unit_after(value, kept) is not None
