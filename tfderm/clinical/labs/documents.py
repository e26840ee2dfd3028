"""A report's file -> pages of words with their places. What cannot be read safely is an `InputError` within seconds."""

import csv
import io
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfderm.clinical.labs.analytes import candidates
from tfderm.errors import InputError

MAX_BYTES = 64 * 2**20
MAX_PAGES = 50
MAX_PIXELS = 60_000_000
MAX_LINES = 5_000
MAX_WORDS = 60_000
MAX_CELL = 400
# Of the processor, for opening a PDF; a busy machine may need longer by the clock.
MAX_SECONDS = 10
_PATIENCE = 60
# One character of plain text in points, so that text and PDF share one notion of a gap between columns.
_ADVANCE, _LEADING = 6.0, 12.0
_PATIENT = ("patient", "patientid", "patientname", "mrn", "subject", "subjectid", "paziente", "idpaziente")
_IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"BM", b"GIF8")


@dataclass(frozen=True, slots=True)
class Word:
    """Text without spaces, and its box in points (1/72 inch; pixels of an image) from the page's upper left corner.

    `certainty` is the character recogniser's own, 0..1, and `second` what it read here the second time; both are None
    for text that was not recognised but stored.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    certainty: float | None = None
    second: str | None = None

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def center(self) -> float:
        return (self.left + self.right) / 2

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True)
class Page:
    """One page's words; `recognised` where they come from pixels, `pictures` the share of it that images cover."""

    number: int
    words: tuple[Word, ...]
    recognised: bool = False
    pictures: float = 0.0


class Document:
    """A report's pages. Pages without words are recognised when `pages` comes to them, others by `recognise`.

    Raises:
        InputError: the file is absent, of no readable kind, damaged, encrypted, or larger than the limits above.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            size = self.path.stat().st_size
            if not self.path.is_file():
                raise InputError(f"{self.path} is no file; give a PDF, an image, a text file or a CSV.")
            if size > MAX_BYTES:
                raise InputError(
                    f"{self.path} has {size / 2**20:.0f} MB; a report of at most {MAX_BYTES // 2**20} MB is expected. "
                    "Split it, or save it at a lower resolution."
                )
            self._content = self.path.read_bytes()
        except OSError as error:
            raise InputError(f"{self.path} cannot be read ({error.strerror}).") from None
        if not self._content.strip():
            raise InputError(f"{self.path} is empty; a laboratory report was expected.")
        self.kind = _kind(self._content)

    def pages(self) -> Iterator[Page]:
        if self.kind == "text":
            yield Page(1, tuple(_words_of_text(self._text(), self.path)))
        elif self.kind == "image":
            from tfderm.clinical.labs.ocr import images_of, recognise

            for number, image in enumerate(images_of(self.path), 1):
                yield Page(number, recognise(image, self.path), recognised=True)
        else:
            for page in self._pdf("words")["pages"]:
                words = tuple(Word(*fields) for fields in page["words"])
                yield Page(page["number"], words, pictures=page["pictures"])

    def recognise(self, page: Page) -> Page:
        """The same page of a PDF, read from its pixels."""
        from tfderm.clinical.labs.ocr import DOTS_PER_INCH, image_of, recognise

        with tempfile.TemporaryDirectory(prefix="tfderm-labs-") as folder:
            picture = Path(folder) / "page.png"
            self._pdf("render", str(page.number), str(picture), str(DOTS_PER_INCH))
            words = recognise(image_of(picture, self.path), self.path)
        scale = 72 / DOTS_PER_INCH
        scaled = (
            replace(w, left=w.left * scale, top=w.top * scale, right=w.right * scale, bottom=w.bottom * scale)
            for w in words
        )
        return replace(page, words=tuple(scaled), recognised=True)

    def _pdf(self, *arguments: str) -> dict[str, Any]:
        """What the reader process answers. It is one of its own, so that no PDF can exhaust memory or time of ours."""
        command = [sys.executable, "-m", "tfderm.clinical.labs.pdf", str(self.path), *arguments]
        slow = InputError(f"{self.path} takes too long to read; print it to a new PDF and try again.")
        try:
            done = subprocess.run(command, capture_output=True, timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            raise slow from None
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            raise slow
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise InputError(
                f"{self.path} is damaged or needs too much memory to read; print it to a new PDF and try again."
            ) from None
        if "error" in answer:
            raise InputError(f"{self.path} {answer['error']}")
        return answer

    def _text(self) -> str:
        if self._content.startswith((b"\xff\xfe", b"\xfe\xff")):
            encodings: tuple[str, ...] = ("utf-16",)
        else:
            encodings = ("utf-8-sig", "cp1252")
        for encoding in encodings:
            try:
                text = self._content.decode(encoding)
            except UnicodeDecodeError:
                continue
            if sum(character < " " and character not in "\t\n\r\f" for character in text[:4096]) <= 2:
                return text
        raise InputError(f"{self.path} is no PDF, image, text or CSV; export the report as one of them.")


def _kind(content: bytes) -> str:
    if b"%PDF-" in content[:1024]:
        return "pdf"
    webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return "image" if webp or content.startswith(_IMAGES) else "text"


def _words_of_text(text: str, path: Path) -> Iterator[Word]:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise InputError(f"{path} has {len(lines)} lines; a report of at most {MAX_LINES} is expected. Split it.")
    delimiter = _delimiter(text)
    number = 0
    rows = _cells(text, delimiter, path) if delimiter else [_columns(line) for line in lines]
    for line, cells in enumerate(rows):
        for column, cell in cells:
            for word, start in _split(cell):
                number += 1
                if number > MAX_WORDS:
                    raise InputError(f"{path} has more than {MAX_WORDS} words; a single report is expected.")
                left, top = (column + start) * _ADVANCE, line * _LEADING
                yield Word(word, left, top, left + len(word) * _ADVANCE, top + 0.8 * _LEADING)


def _columns(line: str) -> list[tuple[int, str]]:
    line = line.expandtabs(8)
    if len(line) > 20 * MAX_CELL:
        line = line[: 20 * MAX_CELL]
    return [(0, line)]


def _delimiter(text: str) -> str | None:
    """What separates the cells of a table, if most lines have it in the same number; None for text in columns."""
    lines = [line for line in text.split("\n")[:200] if line.strip()]
    best = None
    for delimiter in ("\t", ";", "|", ","):
        # Inside quotes, and between two digits, a comma or semicolon separates nothing.
        counts = [len(next(csv.reader([line[:4000]], delimiter=delimiter), [])) - 1 for line in lines]
        full = [count for count in counts if count >= 2]
        common = max(full, key=full.count, default=0)
        if full and len(full) >= max(2, 0.6 * len(lines)) and full.count(common) >= 0.6 * len(full):
            if delimiter == "," and not _is_csv(lines):
                continue
            best = delimiter
            break
    return best


def _is_csv(lines: list[str]) -> bool:
    """Whether commas stand between cells: after those of prose there is a space, and columns of text are aligned by
    several."""
    joined = "\n".join(lines)
    aligned = sum("  " in line.strip() for line in lines) >= 0.5 * len(lines)
    return not aligned and (joined.count(", ") < 0.5 * joined.count(",") or '"' in joined)


def _cells(text: str, delimiter: str, path: Path) -> list[list[tuple[int, str]]]:
    """Rows of (character column, cell): columns are as wide as their widest cell, three characters apart."""
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [[cell.strip() for cell in row] for row in reader]
    except csv.Error as error:
        raise InputError(f"{path} is not a sound CSV ({error}); export it again.") from None
    _refuse_several_reports(rows, path)
    widths: list[int] = []
    for row in rows:
        if len(row) > 200 or any(len(cell) > 20 * MAX_CELL for cell in row):
            raise InputError(f"{path} has a row of more than 200 cells, or an overlong cell; a report was expected.")
        for index, cell in enumerate(row):
            if index == len(widths):
                widths.append(0)
            widths[index] = max(widths[index], min(len(cell), MAX_CELL))
    starts = [sum(widths[:index]) + 3 * index for index in range(len(widths))]
    return [[(starts[index], cell[:MAX_CELL]) for index, cell in enumerate(row) if cell] for row in rows]


def _refuse_several_reports(rows: list[list[str]], path: Path) -> None:
    header, *others = [row for row in rows if any(row)] or [[]]
    if sum(bool(candidates(title)) for title in header) >= 3 and len(others) > 1:
        raise InputError(
            f"{path} has {len(others)} rows of results below one row of names; give a file for each of them, so "
            "that they can be told apart."
        )
    for column, title in enumerate(header):
        if "".join(filter(str.isalpha, title.lower())) in _PATIENT:
            patients = {row[column] for row in others if len(row) > column and row[column]}
            if len(patients) > 1:
                raise InputError(
                    f"{path} has rows of {len(patients)} patients in the column {title}; give a file for each, so that "
                    "their results can be told apart."
                )


def _split(text: str) -> Iterator[tuple[str, int]]:
    """Words of a line and where they start; what only draws a table is none."""
    start = None
    for index, character in enumerate(text + " "):
        if not character.isspace() and character not in "|│║¦":
            if start is None:
                start = index
        elif start is not None:
            word = text[start:index]
            if any(c.isalnum() for c in word) or not set(word) <= set("-=_+~*.─━═·") or len(word) < 4:
                yield word, start
            start = None
