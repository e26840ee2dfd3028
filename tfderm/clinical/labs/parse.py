"""A report's file -> a `Report`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfderm.clinical.labs import dates
from tfderm.clinical.labs.confidence import Judged, judge
from tfderm.clinical.labs.documents import Document, Page, Word
from tfderm.clinical.labs.identity import HIDDEN, Veil, is_qualitative
from tfderm.clinical.labs.layout import Column, lines_of
from tfderm.clinical.labs.numbers import decimal_separator
from tfderm.clinical.labs.reading import Reading, read, take_minuses_for_low
from tfderm.clinical.labs.records import SENTENCE, Leftover, Record, records_of
from tfderm.clinical.labs.results import Box, Report, Result, UnreadLine

_PICTURE = 0.1
_FEW_WORDS = 5


@dataclass
class _Parsed:
    page: Page
    records: list[Record]
    leftovers: list[Leftover]


def parse(path: Path | str, *, day_first: bool | None = None, units: Sequence[str] = ()) -> Report:
    """Read a laboratory report.

    Args:
        path: a PDF with text or of scans, an image, plain text, or a CSV.
        day_first: whether 03/04/2025 is in April; None to conclude it from the report's other dates.
        units: UCUM units to convert to, as "g/L", "10*9/L", "mmol/L"; a result takes the first that fits it, else the
            table's unit for its analyte.

    Returns:
        Its results, each with its confidence, and the lines that no result was read from.

    Raises:
        InputError: the file is absent, damaged, encrypted, too large, of no readable kind, or needs Tesseract where
            that is not installed; one line that says what to do.

    Example:
        >>> from tempfile import NamedTemporaryFile
        >>> with NamedTemporaryFile("w", suffix=".txt") as file:
        ...     _ = file.write("Hemoglobin  11.7 g/dL  12.0-16.0  L"); file.flush()
        ...     [result] = parse(file.name).results
        >>> result.loinc, result.value, result.unit, result.reference_low, result.flag
        ('718-7', 11.7, 'g/dL', 12.0, 'L')
    """
    parsed = _pages(Document(path))
    lines = [line.text for each in parsed for line in lines_of(each.page.words)]
    texts = (word.text for each in parsed for record in each.records for line in record.lines for word in line.words)
    decimal, sex = decimal_separator(texts), dates.sex(lines)
    veil = Veil(lines)
    found = [
        (each.page, record, read(record, decimal, sex, each.page.recognised))
        for each in parsed
        for record in each.records
    ]
    stated = {reading.analyte for _, record, own in found for reading in own if SENTENCE not in record.doubts}
    readings: list[tuple[int, Reading, bool]] = []
    unread = [line for each in parsed for line in _unread(each, veil)]
    for page, record, own in found:
        if not own:
            unread.append(_without_result(page, record, veil, "no result" if record.has_value else "no number"))
        elif SENTENCE in record.doubts and all(reading.analyte in stated for reading in own):
            unread.append(_without_result(page, record, veil, "part of a sentence"))
        else:
            readings += [(page.number, reading, page.recognised) for reading in own]
    take_minuses_for_low([reading for _, reading, _ in readings])
    results = [_result(judged, veil, units) for judged in _distinct(judge(readings))]
    collected, others = dates.collected(lines, day_first)
    return Report(
        results=tuple(results),
        unread=tuple(sorted(unread, key=lambda line: (line.page, line.box[1], line.box[0]))),
        pages=len(parsed),
        recognised_pages=tuple(each.page.number for each in parsed if each.page.recognised),
        collected=collected,
        collected_candidates=others,
    )


def _pages(document: Document) -> list[_Parsed]:
    parsed = []
    columns: tuple[Column, ...] = ()
    for page in document.pages():
        records, leftovers, found = records_of(page, columns)
        if document.kind == "pdf" and not records and _is_pictured(page):
            page = document.recognise(page)
            records, leftovers, found = records_of(page, columns)
        columns = found
        parsed.append(_Parsed(page, records, leftovers))
    return parsed


def _is_pictured(page: Page) -> bool:
    """Whether a page may show what its text does not say: there is hardly any, it is garbled, or there is a picture."""
    letters = [character for word in page.words for character in word.text]
    garbled = sum(not (c.isascii() or c.isalpha() or c in "µ°²³⁹–—•®©™≤≥↑↓×") for c in letters) > 0.2 * len(letters)
    return len(page.words) < _FEW_WORDS or garbled or page.pictures > _PICTURE


def _distinct(judged: list[Judged]) -> Iterable[Judged]:
    """Without results that a report prints twice alike, as on a summary page."""
    kept: dict[tuple, Judged] = {}
    for each in judged:
        reading = each.reading
        key = (reading.analyte.name, reading.value, reading.unit, reading.comparator)
        if key not in kept or each.confidence > kept[key].confidence:
            kept[key] = each
    return kept.values()


def _result(judged: Judged, veil: Veil, units: Sequence[str]) -> Result:
    reading = judged.reading
    analyte = reading.analyte
    meaning = reading.flag.meaning if reading.flag else None
    name = [word.text for word in reading.name]
    unsure = "name not wholly understood" in judged.doubts
    wanted = next((unit for unit in units if analyte.measured_in(unit)), analyte.unit)
    unit = reading.unit or (analyte.unit if analyte.is_pure_number else None)
    converted = analyte.convert(reading.value, unit, wanted) if unit else None
    return Result(
        analyte=analyte.name,
        loinc=analyte.code(reading.unit),
        value=reading.value,
        comparator=reading.comparator,
        unit=reading.unit,
        unit_printed=reading.unit_printed,
        reference_low=reading.low,
        reference_high=reading.high,
        flag=meaning if meaning in ("H", "L") else None,
        flag_printed=reading.flag.text if reading.flag else None,
        derived_flag=judged.derived_flag,
        converted_value=converted,
        converted_unit=None if converted is None else wanted,
        page=judged.page,
        box=_box((*reading.name, *reading.words)),
        evidence=" ".join([veil.of_name(name) if unsure else " ".join(name), *(word.text for word in reading.words)]),
        confidence=judged.confidence,
        doubts=judged.doubts,
    )


def _box(words: Iterable[Word]) -> Box:
    words = list(words)
    return (
        min(word.left for word in words),
        min(word.top for word in words),
        max(word.right for word in words),
        max(word.bottom for word in words),
    )


def _without_result(page: Page, record: Record, veil: Veil, reason: str) -> UnreadLine:
    words = [*record.name, *(word for line in record.lines for word in line.words)]
    text = " ".join(word.text for word in words)
    return UnreadLine(page.number, _box(words), veil.of_text(text) if record.has_value else veil.of_row(text), reason)


def _unread(parsed: _Parsed, veil: Veil) -> Iterable[UnreadLine]:
    tops = [word.top for record in parsed.records for word in record.name]
    tops += [leftover.line.top for leftover in parsed.leftovers if leftover.reason is None]
    for leftover in parsed.leftovers:
        if leftover.reason is None:
            continue
        top, text = leftover.line.top, leftover.line.text
        in_table = bool(tops) and top >= min(tops) and (leftover.tabular or (is_qualitative(text) and top <= max(tops)))
        shown = veil.of_row(leftover.text) if in_table else veil.of_text(text)
        reason = "not copied, it may speak of a person" if shown == HIDDEN else leftover.reason
        yield UnreadLine(parsed.page.number, _box(leftover.line.words), shown, reason)
    if parsed.page.pictures > _PICTURE and not parsed.page.recognised:
        yield UnreadLine(parsed.page.number, (0.0, 0.0, 0.0, 0.0), "", "a picture on this page was not read")
