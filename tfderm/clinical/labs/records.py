"""Lines of a page -> the words of each result, whatever the table looks like.

A result is found by its name. What stands beside the name in its line is its own, up to the next name of that line;
where nothing does, as on a card, the lines below are, down to the next name in the same column. A name may go on in the
next line, or begin in a heading above; ranges may go on below.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tfderm.clinical.labs import analytes
from tfderm.clinical.labs.analytes import CUT, Candidate
from tfderm.clinical.labs.documents import Page, Word
from tfderm.clinical.labs.fields import REFERENCE, Item, scan
from tfderm.clinical.labs.identity import HIDDEN
from tfderm.clinical.labs.layout import (
    Anchor,
    Column,
    Line,
    anchors_of,
    columns_of,
    header_phrases,
    is_text,
    lines_of,
    role_of,
)

SENTENCE = "amid a sentence"
"""The doubt of a number that a comment speaks of."""
_JOINING = frozenset("is are and or on may if than should sono oppure".split())
_MAX_LINES = 8
_FOREIGN_SECTION = re.compile(r"\b(?:urin\w*|liquor|csf|cerebrospinal|feci|stool|saliva|synovial)\b", re.IGNORECASE)
_BLOOD_SECTION = re.compile(
    r"\b(?:blood|h?a?ematolog\w*|ematolog\w*|emocromo\w*|emato\w*|chemistry|chimica|biochim\w*|biochemistry|serum|siero|"
    r"sangue|cbc|coagula\w*|immunolog\w*|sierolog\w*|hormon\w*|endocrin\w*|thyroid|tiroide|metabolic|lipid\w*|"
    r"hepatic|liver|renal|kidney|elettrolit\w*|electrolyte\w*|proteine|emostasi)\b",
    re.IGNORECASE,
)


@dataclass
class Record:
    """One result's words: its name, whose it may be, and the lines beside or below it without the name."""

    name: tuple[Word, ...]
    candidates: tuple[Candidate, ...]
    lines: list[Line]
    columns: tuple[Column, ...] = ()
    doubts: list[str] = field(default_factory=list)

    def items(self) -> list[Item]:
        return scan([line.cells for line in self.lines])

    @property
    def has_value(self) -> bool:
        return any(item.kind in ("number", "bound") and item.label != REFERENCE for item in self.items())


@dataclass(frozen=True)
class Leftover:
    """A line, or part of one, that belongs to no result; `reason` is None for headers.

    `tabular` says that it looks like a result, `text` is what may be shown of it then.
    """

    line: Line
    reason: str | None
    tabular: bool = False
    text: str = ""


@dataclass
class _Row:
    line: Line
    anchors: list[Anchor]
    columns: tuple[Column, ...]
    items: list[Item]
    foreign: bool = False
    taken: bool = False

    @property
    def has_value(self) -> bool:
        return any(item.kind in ("number", "bound") for item in self.items)

    @property
    def only_text(self) -> bool:
        return all(item.kind in ("text", "skipped") for item in self.items) and not any(
            item.kind == "skipped" for item in self.items
        )


def records_of(page: Page, columns: tuple[Column, ...] = ()) -> tuple[list[Record], list[Leftover], tuple[Column, ...]]:
    """The results of a page, the lines that belong to none, and the columns for a next page without a header."""
    rows, leftovers, columns = _rows(page, columns)
    records: list[Record] = []
    for index, row in enumerate(rows):
        if row.taken:
            continue
        if row.foreign and row.anchors:
            row.taken = True
            leftovers.append(Leftover(row.line, "no blood: another specimen's section", True, _shown(row)))
        elif row.anchors and not _begins_a_name(rows, index, page.recognised):
            records += _of_row(rows, index, page.recognised)
        elif record := _of_two_lines(rows, index, page.recognised):
            records.append(record)
        elif records and _continues(row, rows, index):
            row.taken = True
            records[-1].lines.append(row.line)
    leftovers += [_leftover(row) for row in rows if not row.taken]
    return records, leftovers, columns


def _rows(page: Page, columns: tuple[Column, ...]) -> tuple[list[_Row], list[Leftover], tuple[Column, ...]]:
    rows: list[_Row] = []
    headers: list[Leftover] = []
    foreign = False
    outer = columns
    for line in lines_of(page.words):
        if (found := columns_of(line)) and not (rows and _are_units_of(found, rows[-1])):
            columns = found if len(line.cells) > 1 else ()
            outer = outer if all(column.unit for column in found) else columns
            headers.append(Leftover(line, None))
            continue
        anchors = anchors_of(line, page.recognised)
        row = _Row(line, anchors, columns, scan([line.cells]))
        if not anchors and not row.has_value and len(line.text) < 60:
            columns = outer  # A section's units end with it.
            foreign = bool(_FOREIGN_SECTION.search(line.text)) or (foreign and not _BLOOD_SECTION.search(line.text))
        row.foreign = foreign
        rows.append(row)
    return rows, headers, columns


def _are_units_of(columns: tuple[Column, ...], row: _Row) -> bool:
    """Whether units, with at most a word before them, stand below names side by side."""
    titles = [column for column in columns if column.unit is None]
    return len(row.anchors) > 1 and not row.has_value and len(titles) <= 1


def _of_row(rows: list[_Row], index: int, recognised: bool) -> list[Record]:
    row = rows[index]
    row.taken = True
    records = []
    for anchor, part in _shares(row):
        beside = part.without(anchor.words) if part else None
        record = Record(anchor.words, anchor.candidates, [beside] if beside else [], row.columns)
        has_value = record.has_value
        if len(row.anchors) > 1 and not (anchor.first or has_value) and beside and _is_prose(beside, anchor.left):
            record.doubts.append("name amid other text")
        if beside and _is_sentence(part, anchor):
            record.doubts.append(SENTENCE)
        if not has_value and not (beside and _is_prose(beside, anchor.left)):
            left, right = _extent(row, anchor)
            _take_below(record, rows, index, left, right)
        elif has_value and len(row.anchors) == 1:
            words, longer, others = _longer_name(rows, index, record.name, recognised)
            if longer:
                record.name, record.candidates = words, longer
                for other in others:
                    other.taken = True
        records.append(record)
    return records


def _shares(row: _Row) -> list[tuple[Anchor, Line | None]]:
    """Each name of a line with its part of it: from the name to the next, or from the last name where values stand
    before their names."""
    anchors = row.anchors
    if len(anchors) == 1:
        return [(anchors[0], row.line)]
    edge = float("inf")
    if anchors[-1].last and not anchors[0].first:
        bounds = [-edge, *(anchor.right + 0.1 for anchor in anchors)]
        bounds[-1] = edge
    else:
        bounds = [-edge, *(anchor.left - 0.1 for anchor in anchors[1:]), edge]
    return [
        (anchor, row.line.between(left, right))
        for anchor, left, right in zip(anchors, bounds, bounds[1:], strict=False)
    ]


def _extent(row: _Row, anchor: Anchor) -> tuple[float, float]:
    """Where a card reaches from left to right: from its name to the next name of the line."""
    place = row.anchors.index(anchor)
    height = row.line.bottom - row.line.top
    left = anchor.left - height if place else -float("inf")
    if not place and len(row.anchors) > 1 and (before := [w.right for w in row.line.words if w.right <= anchor.left]):
        left = (max(before) + anchor.left) / 2
    following = row.anchors[place + 1].left - height if place + 1 < len(row.anchors) else float("inf")
    if len(row.anchors) > 2:
        # Names side by side above their values: values may be centred, so each column ends halfway to the next.
        before = row.anchors[place - 1].right if place else -float("inf")
        left = (before + anchor.left) / 2 if place else left
        following = (anchor.right + row.anchors[place + 1].left) / 2 if place + 1 < len(row.anchors) else following
    return left, following


def _take_below(record: Record, rows: list[_Row], index: int, left: float, right: float) -> None:
    """Add the lines below a name that hold its value, as on a card, up to the next name or other text."""
    bottom, height = rows[index].line.bottom, rows[index].line.bottom - rows[index].line.top
    for row in rows[index + 1 : index + 1 + _MAX_LINES]:
        part = row.line.between(left, right)
        if part is None:
            continue
        if part.top - bottom > 3 * height or any(
            part.words[0].left <= a.left < right and a.left >= left for a in row.anchors
        ):
            return
        items = scan([part.cells])
        titled = header_phrases().get(analytes.tokens(part.text)) == "result"
        if not titled and any(item.kind == "text" and is_text(item.words[0]) for item in items):
            if any(item.kind == "number" and item.label is None for item in items):
                return
            if all(item.kind in ("text", "skipped") for item in items):
                continue
        if record.has_value and any(item.kind == "number" and item.label is None for item in items):
            if len(rows[index].anchors) > 1 or any(item.kind not in ("number", "flag") for item in items):
                return  # Numbers alone may be the ends of a scale, drawn before the value.
        record.lines.append(part)
        row.taken = True
        bottom = part.bottom


def _longer_name(
    rows: list[_Row], index: int, name: tuple[Word, ...], recognised: bool
) -> tuple[tuple[Word, ...], tuple[Candidate, ...], list[_Row]]:
    """The name with the lines above and below that belong to it, if together they are one, and those lines."""
    above, below = (_words_alone(rows, index, place, name) for place in (index - 1, index + 1))
    for before, after in ((above, below), (None, below), (above, None)):
        others = [row for row in (before, after) if row]
        if not others:
            continue
        words = (*(before.line.words if before else ()), *name, *(after.line.words if after else ()))
        longer = analytes.candidates(" ".join(word.text for word in words), recognised)
        if longer and longer[0].fit <= CUT:
            return words, longer, others
    return name, (), []


def _words_alone(rows: list[_Row], index: int, place: int, name: Sequence[Word]) -> _Row | None:
    """The row at `place` if it holds a few words only, close to the row at `index` and at the left edge of its name."""
    if not 0 <= place < len(rows):
        return None
    row, other = rows[index], rows[place]
    if other.taken or not other.only_text or len(other.line.cells) != 1 or len(other.line.words) > 4:
        return None
    height = row.line.bottom - row.line.top
    near = max(other.line.top - row.line.bottom, row.line.top - other.line.bottom) < 0.8 * height
    return other if near and abs(other.line.words[0].left - name[0].left) <= 2 * height else None


def _begins_a_name(rows: list[_Row], index: int, recognised: bool) -> bool:
    """Whether a line holds nothing but the beginning of the name of the next line's result."""
    if index + 1 >= len(rows) or len(rows[index + 1].anchors) != 1 or not rows[index + 1].has_value:
        return False
    *_, others = _longer_name(rows, index + 1, rows[index + 1].anchors[0].words, recognised)
    return rows[index] in others


def _of_two_lines(rows: list[_Row], index: int, recognised: bool) -> Record | None:
    """The result of a line whose name begins in a line above that holds nothing else."""
    row = rows[index]
    if not row.has_value:
        return None
    name = [word for word in row.line.cells[0] if is_text(word)]
    rest = row.line.without(name)
    if rest is None:
        return None
    for above in reversed(rows[max(0, index - 6) : index]):
        words = [word for word in above.line.words if not re.fullmatch(r"\W+", word.text)]
        headed = above.only_text or (above.anchors and not above.has_value and len(above.anchors) == 1)
        if not headed or not 0 < len(words) <= 5:
            if row.line.top - above.line.bottom > row.line.bottom - row.line.top:
                return None
            continue
        found = analytes.candidates(" ".join(word.text for word in (*words, *name)), recognised)
        if not name and (below := _words_alone(rows, index, index + 1, words)):
            around = (*words, *below.line.words)
            if longer := analytes.candidates(" ".join(word.text for word in around), recognised):
                words, found, below.taken = list(around), longer, True
        if (
            found
            and found[0].fit <= CUT
            and (name or row.line.top - above.line.bottom < above.line.bottom - above.line.top)
        ):
            row.taken = True
            above.taken = True
            return Record((*words, *name), found, [rest], row.columns)
        return None
    return None


def _continues(row: _Row, rows: list[_Row], index: int) -> bool:
    """Whether a line only adds ranges to the result just above it."""
    above = rows[index - 1]
    close = row.line.top - above.line.bottom < 0.8 * (row.line.bottom - row.line.top)
    kinds = {item.kind for item in row.items}
    return (
        above.taken
        and close
        and bool(kinds & {"range", "bound"})
        and kinds <= {"range", "bound", "unit"}
        and row.line.words[0].left > above.line.words[0].left
    )


def _is_prose(line: Line, left: float) -> bool:
    """Whether words, other than labels as "Reference range:", follow a name that begins at `left`."""
    return any(
        item.kind == "text" and item.left > left and any(is_text(word) for word in item.words)
        for item in scan([line.cells])
    )


def _is_sentence(line: Line, anchor: Anchor) -> bool:
    """Whether the number after a name goes on in words, as in a comment on what it means."""
    cell = next(cell for cell in line.cells if any(word is anchor.words[-1] for word in cell))
    items = scan([[[word for word in cell if word.left >= anchor.right]]])
    numbers = [place for place, item in enumerate(items) if item.kind in ("number", "bound", "range")]
    if not numbers:
        return False
    following = [token for item in items[numbers[0] :] if item.kind == "text" for token in analytes.tokens(item.text)]
    words = [token for token in following if len(token) > 1 and token.isalpha() and token not in analytes.vocabulary()]
    return len(words) > 1 or bool(_JOINING & set(following))


def _leftover(row: _Row) -> Leftover:
    measured = any(item.kind in ("unit", "range") for item in row.items)
    known = row.has_value or measured or any(item.kind == "flag" for item in row.items)
    reason = "no known analyte" if known else "no result recognised"
    return Leftover(row.line, reason, row.has_value and measured, _shown(row))


def _shown(row: _Row) -> str:
    """A row without what stands below headers that speak of the patient, the specimen or comments."""
    cells = []
    for cell in row.line.cells:
        place = Column("", cell[0].left, max(word.right for word in cell))
        cells.append(HIDDEN if role_of(place, row.columns) == "other" else " ".join(word.text for word in cell))
    return "  ".join(cells)
