"""The words of one result -> typed items: numbers, ranges, bounds, units, flags, labels and other text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tfderm.clinical.labs.dates import MONTH
from tfderm.clinical.labs.documents import Word
from tfderm.clinical.labs.numbers import NUMBER
from tfderm.clinical.labs.units import readings

_DASH = r"[-–—−‐‑~÷]"
_AT_MOST = (
    r"(?:<\s*(?:or\s*)?=|≤|<|up\s+to|fino\s+a|sino\s+a|inf(?:eriore|\.)?\s+a|minore\s+di|less\s+than|below|under|until|"
    r"max\.?|non\s+superiore\s+a)"
)
_AT_LEAST = (
    r"(?:>\s*(?:or\s*)?=|≥|>|sup(?:eriore|\.)?\s+a|maggiore\s+di|greater\s+than|more\s+than|above|over|at\s+least|min\.?|"
    r"almeno|oltre)"
)
_MALE = r"(?:adult\s+)?(?:males?|men|man|maschi[oe]?|maschile|uomini|uomo|M|U|♂)"
_FEMALE = r"(?:adult\s+)?(?:females?|women|woman|femmin[ae]|femminile|donn[ae]|F|D|♀)"
# A minus that touches a number in a column of its own is a change, and joins nothing.
_TO = rf"(?:(?!\s*\t\s*[-−]\d)\s*{_DASH}+\s*|\s+to\s+|\s+a\s+|\s+al\s+|\s*\.\.+\s*)"
_MARK = r"(?:\s*\x01\d+\x02)?"
_BETWEEN = rf"(?:da\s+|from\s+|between\s+|tra\s+)?(?P<low>{NUMBER}){_MARK}{_TO}(?P<high>{NUMBER})"

PREVIOUS, REFERENCE, RESULT = "previous", "reference", "result"
_LABELS = {
    REFERENCE: r"(?:reference|ref|normal|valori|val|intervallo|range|v\.?\s*r|riferimento|rif)\b\.?"
    rf"(?:\s*(?:range|interval|values?|limits?|di\s+riferimento|normali|rif\.?|int\.?))*"
    rf"(?:\s*[:=]|(?=\s*[\[(]?\s*(?:{NUMBER}{_MARK}{_TO}\d|{_AT_MOST}|{_AT_LEAST})))",
    PREVIOUS: r"(?:previous|prev|prior|last|precedente|prec|past|delta|change)\b\.?"
    r"(?:\s*(?:result|value|risultato))?\s*[:=(]?",
    RESULT: r"(?:results?|values?|risultat[oi]|valore|esito)(?:\s*[:=]|(?=\s+[<>≤≥]?\s*\d))",
    "flag": r"(?:flags?|status|stato)\s*[:=]",
    "unit": r"(?:units?|u\.?\s?m\.?|unit[aà](?:\s+di\s+misura)?|uom)\s*[:=]",
}
_SKIPPED = (
    rf"\d{{1,2}}[ -](?:{MONTH})\.?,?[ -](?:\d{{4}}|\d{{2}})|(?:{MONTH})\.? \d{{1,2}}, ?\d{{4}}|"
    r"\d{1,2}(?P<s>[/.-])\d{1,2}(?P=s)\d{2,4}|\d{4}(?P<t>[/-])\d{1,2}(?P=t)\d{1,2}|\d{1,2}:\d{2}(?::\d{2})?(?:\s*[ap]\.?m\b)?|"
    r"1\s*:\s*\d+|\[?\d{4,5}-\d\]?(?=\s|$)"
)
_UP, _DOWN = "↑▲⬆⇑▴⇧↗△", "↓▼⬇⇓▾⇩↘▽"
_HIGH_WORD = (
    r"(?:(?i:critical(?:ly)?\s+high|very\s+high|above\s+(?:range|normal|reference)|high|elevated|increased|alt[oa]|"
    r"elevat[oa]|aumentat[oa]|superiore)|HH|H[Ii]|H)"
)
_LOW_WORD = (
    r"(?:(?i:critical(?:ly)?\s+low|very\s+low|below\s+(?:range|normal|reference)|low|decreased|bass[oa]|diminuit[oa]|"
    r"ridott[oa]|inferiore)|LL|L[Oo]|L)"
)
_HIGH = rf"(?:\*+\s?HH?|[\[(]\s*{_HIGH_WORD}\s*[\])]|{_HIGH_WORD}|[{_UP}]+|(?<=\s)\++(?=\s))"
_LOW = rf"(?:\*+\s?LL?|[\[(]\s*{_LOW_WORD}\s*[\])]|{_LOW_WORD}|[{_DOWN}]+)"
_NORMAL = r"(?:NORMALE?|[Nn]ormale?|NORM|WNL|[Ww]ithin\s+(?:range|normal\s+limits)|[Ii]n\s+range|IN\s+RANGE|OK|N|\(N\))"
_ODD = (
    r"(?:ABNORMAL|[Aa]bnormal|ABN|Abn|[Aa]normale|ANORMALE|alterato|[Bb]orderline|BORDERLINE|[Cc]ritical|CRITICAL|"
    r"AA|A|\*+|!+)"
)
_END = r"(?![\w/^%])"

_PATTERN = re.compile(
    "|".join(
        [rf"(?P<label_{name}>(?i:(?<![\w]){pattern}))" for name, pattern in _LABELS.items()]
        + [
            rf"(?P<skipped>(?i:{_SKIPPED})(?![\w/]))",
            r"(?P<unit>\x01\d+\x02)",
            rf"(?P<range>[\[(]?\s*(?:(?:(?P<male>(?i:{_MALE}))|(?P<female>(?i:{_FEMALE})))\s*[:=.]?\s*)?(?i:{_BETWEEN})"
            rf"(?!\s*{_DASH}\s*\d)(?!\d|[.,]\d)\s*[\])]?)",
            rf"(?P<bound>[\[(]?\s*(?:(?:(?P<male_bound>(?i:{_MALE}))|(?P<female_bound>(?i:{_FEMALE})))\s*[:=.]?\s*)?"
            rf"(?:(?P<at_most>(?i:{_AT_MOST}))|(?P<at_least>(?i:{_AT_LEAST})))\s*(?P<bounded>{NUMBER})"
            rf"(?!\d|[.,]\d|\s*{_DASH}+\s*\d)\s*[\])]?)",
            rf"(?P<number>(?<![\w.,^]){NUMBER}(?!\d))(?:\^\w)?",
            rf"(?P<high_flag>(?<!\w){_HIGH}{_END})",
            rf"(?P<low_flag>(?<!\w){_LOW}{_END})",
            rf"(?P<normal_flag>(?<!\w){_NORMAL}{_END})",
            rf"(?P<odd_flag>(?<!\w){_ODD}{_END})",
            r"(?P<text>[^\s\x01]+)",
        ]
    )
)
_GLUED_BEFORE = re.compile(rf"^([*!{_UP}{_DOWN}]+|[HL](?=\d)|[“”‘’\"'°])({NUMBER})$")
_GLUED_AFTER = re.compile(
    rf"^([<>≤≥]?{NUMBER})(\^\w)?([*!{_UP}{_DOWN}]+|\*+[HL]{{1,2}}|[HLN]{{1,2}}\*?|\([HLN*]{{1,2}}\)|"
    r"\[[HLN*]{1,2}\])$"
)
_GLUED_UNIT = re.compile(rf"^([\[(]?[<>≤≥]?{NUMBER}(?:{_DASH}{NUMBER})?[\])]?)([^\d.,\s].*)$")
UNIT_TAILS = ("hb", "(hb)", "hgb", "m2", "m²", "m^2", "mq", "feu", "ddu", "(feu)", "(ddu)")
"""What may stand after a unit, apart from it, as a part of it."""
_SPACED_THOUSANDS = re.compile(rf"\b\d{{1,3}} \d{{3}}\s*{_DASH}\s*\d{{1,3}} \d{{3}}\b")


@dataclass(frozen=True)
class Item:
    """One meaningful piece of a result's words.

    `kind` is number, range, bound, unit, flag, text or skipped (dates, times, titres, codes); `label` what a word
    before it says it is; `cell` counts the columns of its line.
    """

    kind: str
    text: str
    words: tuple[Word, ...]
    cell: int
    label: str | None = None
    numbers: tuple[str, ...] = ()
    meaning: str | None = None
    sex: str | None = None
    units: tuple[str, ...] = field(default=())

    @property
    def left(self) -> float:
        return min(word.left for word in self.words)

    @property
    def right(self) -> float:
        return max(word.right for word in self.words)


def scan(lines: Sequence[Sequence[Sequence[Word]]]) -> list[Item]:
    """Items of a result, in reading order.

    Args:
        lines: of cells (columns) of words.
    """
    text, owners, units, cells = _text(lines)
    items: list[Item] = []
    label, alone = None, False
    for match in _PATTERN.finditer(text):
        start, end = match.span()
        words = tuple(dict.fromkeys(owner for owner in owners[start:end] if owner is not None))
        if not words:
            continue
        cell = next(cells[i] for i in range(start, end) if owners[i] is not None)
        if not alone and items and "\n" in text[_end_of(items, owners, start) : start]:
            label = None
        groups = match.groupdict()
        if name := next((name for name in _LABELS if groups[f"label_{name}"]), None):
            label = name
            alone = not text[:start].rpartition("\n")[2].strip() and not text[end:].partition("\n")[0].strip()
            continue
        shown = re.sub(r"\x01(\d+)\x02", lambda m: units[int(m[1])][0], match[0]).strip()
        common = {"text": " ".join(shown.split()), "words": words, "cell": cell, "label": label}
        if groups["unit"]:
            items.append(Item("unit", units=units[int(groups["unit"][1:-1])][1], **common))
        elif groups["range"]:
            sex = "male" if groups["male"] else "female" if groups["female"] else None
            items.append(Item("range", numbers=(groups["low"], groups["high"]), sex=sex, **common))
        elif groups["bound"]:
            sex = "male" if groups["male_bound"] else "female" if groups["female_bound"] else None
            meaning = "at most" if groups["at_most"] else "at least"
            items.append(Item("bound", numbers=(groups["bounded"],), meaning=meaning, sex=sex, **common))
        elif groups["number"]:
            items.append(Item("number", numbers=(groups["number"],), **common))
        elif flag := next((name for name in ("high", "low", "normal", "odd") if groups[f"{name}_flag"]), None):
            limits = any(item.kind in ("range", "bound") for item in items)
            if re.match(r" *(?:[:=]|risk|rischio)", text[end:]) or (limits and re.match(r" *[<>≤≥]", text[end:])):
                items.append(Item("text", **common))
            else:
                items.append(Item("flag", meaning={"high": "H", "low": "L"}.get(flag, flag), **common))
        elif set(shown) == {"-"} and items and items[-1].kind == "number" and items[-1].cell == cell:
            # In the value's own column a minus is a flag, as some laboratories print it; in another it means nothing.
            items.append(Item("flag", meaning="L", **common))
        elif shown in ("<", ">") and any(item.kind == "number" for item in items) and _is_cell(text, start, end):
            items.append(Item("flag", meaning="H" if shown == ">" else "L", **common))
        else:
            items.append(Item("skipped" if groups["skipped"] else "text", **common))
        if items[-1].kind in ("number", "range", "bound"):
            label, alone = None, False
    return items


def _is_cell(text: str, start: int, end: int) -> bool:
    """Whether a part of `_text`'s string is all that stands in its column."""
    return text[:start].rstrip(" ").endswith("\t") and text[end:].lstrip(" ").startswith("\t")


def _end_of(items: list[Item], owners: list[Word | None], start: int) -> int:
    last = items[-1].words[-1]
    index = start - 1
    while index > 0 and owners[index] is not last:
        index -= 1
    return index


def _text(lines) -> tuple[str, list[Word | None], list[tuple[str, tuple[str, ...]]], list[int]]:
    """One string with a tab between cells and a newline between lines, each character's word, and the units, which
    stand in it as their number between two control characters."""
    parts: list[str] = []
    owners: list[Word | None] = []
    cells: list[int] = []
    units: list[tuple[str, tuple[str, ...]]] = []

    def put(piece: str, word: Word | None, cell: int) -> None:
        parts.append(piece)
        owners.extend([word] * len(piece))
        cells.extend([cell] * len(piece))

    for line in lines:
        for cell, words in enumerate(line):
            pieces = [piece for word in words for piece in _pieces(word)]
            index = 0
            while index < len(pieces):
                number, found = _unit(pieces[index:])
                if number:
                    mark = f"\x01{len(units)}\x02"
                    units.append((" ".join(text for text, _ in pieces[index : index + number]), found))
                    used = list(dict.fromkeys(word for _, word in pieces[index : index + number]))
                    parts.append(mark)
                    owners.extend([used[min(i, len(used) - 1)] for i in range(len(mark))])
                    owners[-1] = used[-1]
                    cells.extend([cell] * len(mark))
                    index += number
                else:
                    put(pieces[index][0], pieces[index][1], cell)
                    index += 1
                put(" ", None, cell)
            put("\t", None, cell)
        put("\n", None, 0)
    text = "".join(parts)
    if _SPACED_THOUSANDS.search(text):
        text = re.sub(r"(?<=\d) (?=\d{3}(?!\d))", "'", text)
    return text, owners, units, cells


def _pieces(word: Word) -> list[tuple[str, Word]]:
    """A word, divided where a number touches its flag or its unit."""
    text = word.text
    for raised, digit in zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True):
        text = re.sub(rf"(?<=\d){raised}", "^" + digit, text) if raised in text else text
    if readings(text):
        return [(text, word)]
    if text[-1] in ")]" and not re.search(r"[\[(]", text) and readings(text[:-1]):
        return [(text[:-1], word)]  # The bracket was opened before a range.
    if match := _GLUED_BEFORE.match(text):
        return [(match[1], word), (match[2], word)]
    if match := _GLUED_AFTER.match(text):
        return [(match[1], word), (match[3], word)]
    if (match := _GLUED_UNIT.match(text)) and readings(match[2].strip("[]()")):
        return [(match[1], word), (match[2], word)]
    return [(text, word)]


def _unit(pieces: Sequence[tuple[str, Word]]) -> tuple[int, tuple[str, ...]]:
    """How many pieces at the beginning are a unit, and its readings."""
    for number in range(min(5, len(pieces)), 0, -1):
        texts = [text for text, _ in pieces[:number]]
        joined = "".join(texts)
        if number > 1 and re.fullmatch(rf"{NUMBER}", texts[0]) and texts[0] not in ("10", "1000"):
            continue
        tail = texts[-1].lower()
        if number > 1 and tail not in UNIT_TAILS and (tail in ("%", "-") or (readings(texts[0]) and tail[0] != "/")):
            continue
        if found := readings(joined):
            return number, found
    return 0, ()
