"""Words of a page -> lines and columns, what headers say of them, and the names of analytes in a line."""

import csv
import functools
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from tfderm.clinical.labs import analytes, dates
from tfderm.clinical.labs.analytes import ALIKE, UNSURE, Candidate
from tfderm.clinical.labs.documents import Word
from tfderm.clinical.labs.fields import UNIT_TAILS, Item, scan
from tfderm.clinical.labs.units import readings

_TELLING = {"result", "range", "unit"}
_BULLET = re.compile(r"(?:[•●○▪■□►▶✓✔✗→»·*†‡#-]+|\d{1,3}[.)]|[a-z][.)])$")
_UNIT_LIKE = re.compile(r"(?:[mµμunpkf]|mc)?(?:g|mol|l|iu|ui|u|eq)/", re.IGNORECASE)
_DOSE = re.compile(r"(?:m|mc|µ)g[.,;]?")
# A time after a load or a stimulus is part of a test's name.
_TIMED = re.compile(r"\d+ ?(?:min|minuti|minutes|h|hr|hours?|or[ae])\b")
_NAME_LABEL = re.compile(r"(?:test|esame|analyte|analisi|name|component|parameter|parametro)\s*[:=]$", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """Words of one height, in columns."""

    cells: tuple[tuple[Word, ...], ...]

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(word for cell in self.cells for word in cell)

    @property
    def top(self) -> float:
        return min(word.top for word in self.words)

    @property
    def bottom(self) -> float:
        return max(word.bottom for word in self.words)

    @property
    def text(self) -> str:
        return "  ".join(" ".join(word.text for word in cell) for cell in self.cells)

    def between(self, left: float, right: float) -> "Line | None":
        """The part whose words' centres lie there."""
        cells = tuple(tuple(word for word in cell if left <= word.center < right) for cell in self.cells)
        cells = tuple(cell for cell in cells if cell)
        return Line(cells) if cells else None

    def without(self, words: Sequence[Word]) -> "Line | None":
        taken = set(map(id, words))
        cells = tuple(tuple(word for word in cell if id(word) not in taken) for cell in self.cells)
        cells = tuple(cell for cell in cells if cell)
        return Line(cells) if cells else None


@dataclass(frozen=True)
class Column:
    """What a header says of the words below it; role "other" where it is nothing of a result, "unknown" where the word
    is not understood. A unit as title is that of results below it."""

    role: str
    left: float
    right: float
    unit: Item | None = None


def lines_of(words: Sequence[Word]) -> list[Line]:
    """Lines from top to bottom; a gap wider than the line is high begins a new column."""
    rows: list[list[Word]] = []
    bands: list[tuple[float, float]] = []
    for word in sorted(words, key=lambda w: (w.middle, w.left)):
        best = None
        for index in range(len(rows) - 1, max(-1, len(rows) - 4), -1):
            top, bottom = bands[index]
            shared = min(bottom, word.bottom) - max(top, word.top)
            if shared > 0.5 * min(word.height, bottom - top):
                best = index
                break
        if best is None:
            rows.append([word])
            bands.append((word.top, word.bottom))
        else:
            rows[best].append(word)
            top, bottom = bands[best]
            number = len(rows[best])
            bands[best] = (top + (word.top - top) / number, bottom + (word.bottom - bottom) / number)
    return [_line(row) for row in rows]


def _line(words: list[Word]) -> Line:
    words = sorted(words, key=lambda w: w.left)
    height = sorted(word.height for word in words)[len(words) // 2]
    cells: list[list[Word]] = [[]]
    for word in words:
        if cells[-1] and word.left - max(w.right for w in cells[-1]) > 1.0 * height:
            cells.append([])
        cells[-1].append(word)
    return Line(tuple(map(tuple, cells)))


def columns_of(line: Line) -> tuple[Column, ...]:
    """The columns that a header line announces; empty where the line is none."""
    if any(word.text.endswith(":") for cell in line.cells for word in cell[:-1]):
        return ()
    found: list[Column] = []
    understood = total = 0
    days: list[tuple[int, str]] = []
    plain: list[int] = []
    for cell in line.cells:
        words = [(token, word) for word in cell for token in (_header_tokens(word.text) or ("",))]
        total += len(words)
        if len(cell) == 1 and (units := readings(cell[0].text)):
            unit = Item("unit", cell[0].text, cell, 0, units=units)
            found.append(Column("result", unit.left, unit.right, unit))
            understood += len(words)
            continue
        index = 0
        while index < len(words):
            for number in range(min(4, len(words) - index), 0, -1):
                phrase = tuple(token for token, _ in words[index : index + number])
                role = header_phrases().get(phrase)
                if role:
                    plain += [len(found)] * (phrase in (("name",), ("nome",)))
                    covered = [word for _, word in words[index : index + number]]
                    found.append(Column(role, min(w.left for w in covered), max(w.right for w in covered)))
                    understood += number
                    break
            else:
                number = 1
                word = words[index][1]
                day = dates.iso(word.text)
                if day:
                    days.append((len(found), day))
                    understood += len(_header_tokens(word.text))
                    number = len(_header_tokens(word.text))
                elif re.search(r"\d", word.text):
                    return ()
                found.append(Column("other" if day else "unknown", word.left, word.right))
            index += number
    if len(plain) < sum(column.role == "name" for column in found):
        for index in plain:  # The patient's, beside that of the test.
            found[index] = replace(found[index], role="other")
    roles = {column.role for column in found}
    adjacent = any(later - earlier == 1 for (earlier, _), (later, _) in itertools.pairwise(days))
    if days and "result" not in roles and (adjacent or roles & {*_TELLING, "name"}):
        newest = max(day for _, day in days)
        for index, day in days:
            found[index] = replace(found[index], role="result" if day == newest else "previous")
    else:
        for index, _ in days:
            found[index] = replace(found[index], role="previous")
    roles = {column.role for column in found} - {"other", "unknown"}
    if len(line.cells) > 2 and sum(column.unit is not None for column in found) == len(line.cells) - 1:
        return tuple(column for column in found if column.unit)  # "Differential   %   10^9/L"
    if len(roles) >= 2 and roles & _TELLING and understood >= 0.6 * total:
        return tuple(found)
    return ()


@functools.cache
def header_phrases() -> dict[tuple[str, ...], str]:
    """Words of column headers -> what the column holds: the table `headers.csv`, in English and Italian."""
    with resources.files("tfderm.clinical.labs").joinpath("headers.csv").open(encoding="utf-8", newline="") as file:
        return {
            tuple(phrase.split()): row["role"] for row in csv.DictReader(file) for phrase in row["phrases"].split("|")
        }


def _header_tokens(text: str) -> tuple[str, ...]:
    return analytes.tokens(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text.replace("_", " ")))


def role_of(item: Item | Column, columns: Sequence[Column]) -> str | None:
    """What the header says of an item."""
    column = column_of(item, columns)
    return column and column.role


def column_of(item: Item | Column, columns: Sequence[Column]) -> Column | None:
    """The column that an item overlaps most, or stands nearest to."""

    def distance(column: Column) -> float:
        shared = min(item.right, column.right) - max(item.left, column.left)
        if shared > 0:
            return -shared
        edges = abs(item.left - column.left), abs(item.right - column.right)
        return min(-shared, *edges)

    return min(columns, key=distance, default=None)


@dataclass(frozen=True)
class Anchor:
    """A name in a line; `first` and `last` tell whether nothing stands before or after it there."""

    words: tuple[Word, ...]
    candidates: tuple[Candidate, ...]
    first: bool
    last: bool

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def right(self) -> float:
        return max(word.right for word in self.words)


def anchors_of(line: Line, recognised: bool) -> list[Anchor]:
    """Names of analytes in a line, where a column begins or a number, unit or flag ends."""
    anchors: list[Anchor] = []
    for cell in line.cells:
        index = 0
        while index < len(cell):
            index = _decoration(cell, index)
            if index >= len(cell):
                break
            code = analytes.by_code(cell[index].text.strip("[]()"))
            rest = cell[index:]
            of_unit = index and rest[0].text.strip("()").lower() in UNIT_TAILS and readings(cell[index - 1].text)
            is_dose = index and cell[index - 1].text[-1].isdigit() and _DOSE.fullmatch(rest[0].text)
            if of_unit or is_dose or _UNIT_LIKE.match(rest[0].text):
                index += 1
                continue
            number, found = (1, (code,)) if code else analytes.find([w.text for w in rest], _endings(rest), recognised)
            if found and found[0].fit == ALIKE and scan([[[rest[0]]]])[0].kind == "flag":
                found = ()  # "basso" is no misspelt "baso".
            if _TIMED.match(" ".join(word.text for word in rest[number : number + 2])):
                found = tuple(replace(candidate, fit=UNSURE) for candidate in found)
            if found:
                words = cell[index : index + number]
                first = words[0] is line.words[0] or all(
                    _BULLET.match(w.text) for w in line.words if w.left < words[0].left
                )
                anchors.append(Anchor(words, found, first, words[-1] is line.words[-1]))
                index += number
            else:
                index += 1
            while index < len(cell) and is_text(cell[index]):
                index += 1
            while index < len(cell) and not is_text(cell[index]):
                index += 1
    return _merged(anchors, line)


def _decoration(cell: Sequence[Word], index: int) -> int:
    while index < len(cell) - 1 and (
        _BULLET.match(cell[index].text)
        or _NAME_LABEL.fullmatch(cell[index].text)
        or (cell[index].text in ("H", "L", "*", "**") and index == 0 and len(cell[index + 1].text) > 2)
    ):
        index += 1
    return index


def _endings(words: Sequence[Word]) -> Callable[[int], bool]:
    """Whether a name may end after so many words: what follows in its column is no further word of it."""

    def ends(number: int) -> bool:
        rest = words[number:]
        if len(rest) > 1 and rest[0].text in ("-", "–", "/", ",") and is_text(rest[1]):
            return False
        return not rest or not is_text(rest[0]) or bool(re.match(r"[:=.…*]", rest[0].text))

    return ends


def is_text(word: Word) -> bool:
    items = scan([[[word]]])
    return bool(items) and items[0].kind == "text" and bool(re.search(r"[^\W\d_]{2}|^[^\W\d_]\w*$", word.text))


def _merged(anchors: list[Anchor], line: Line) -> list[Anchor]:
    """Two names of one analyte side by side, as a name and its abbreviation, are one."""
    merged: list[Anchor] = []
    for anchor in anchors:
        if merged:
            last = merged[-1]
            between = [w for w in line.words if last.right <= w.left and w.right <= anchor.left]
            shared = tuple(c for c in last.candidates if any(c.analyte == other.analyte for other in anchor.candidates))
            if shared and not any(re.search(r"\d", word.text) for word in between):
                merged[-1] = Anchor(last.words + anchor.words, shared, last.first, anchor.last)
                continue
        merged.append(anchor)
    return merged
