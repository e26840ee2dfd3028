"""The process that opens PDFs: `python -m tfderm.clinical.labs.pdf FILE words | render PAGE PNG DPI`, answers as JSON.

It limits its own memory and processor time before it looks at the file. Besides decoding, it drops what is printed
across a page: characters at another angle than the page's, and pale ones larger than its text.
"""

import contextlib
import ctypes
import json
import math
import os
import resource
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from tfderm.clinical.labs.documents import MAX_PAGES, MAX_PIXELS, MAX_SECONDS, MAX_WORDS

MAX_MEMORY = 4 * 2**30
MAX_SIDE = 200 * 72
MAX_CHARACTERS = 100_000
_PALE = 190
_INVISIBLE = 3
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl"}


class _Character(NamedTuple):
    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    quarter: int | None
    pale: bool


class _Run(NamedTuple):
    text: str
    left: float
    top: float
    right: float
    bottom: float


class _Refused(Exception):
    pass


def main() -> None:
    for limit, most in ((resource.RLIMIT_AS, MAX_MEMORY), (resource.RLIMIT_CPU, MAX_SECONDS)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (most, most))
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    path, task, *arguments = sys.argv[1:]
    try:
        json.dump(_words(path) if task == "words" else _render(path, *arguments), answer)
    except _Refused as refused:
        json.dump({"error": str(refused)}, answer)
    answer.flush()


def _open(path: str):
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise _Refused("is encrypted; save a copy without a password and give that.") from None
        raise _Refused("is damaged: no PDF reader could open it. Export or download it again.") from None
    if not 0 < len(document) <= MAX_PAGES:
        raise _Refused(
            f"has {len(document)} pages; a report of 1 to {MAX_PAGES} is expected. Extract the pages of the report."
        )
    return document


def _words(path: str) -> dict[str, Any]:
    document = _open(path)
    pages = []
    total = 0
    for index in range(len(document)):
        page = _page(document, index)
        characters = list(_characters(page))
        words = _assemble(characters)
        total += len(words)
        if total > MAX_WORDS:
            raise _Refused(f"has more than {MAX_WORDS} words; a single report is expected.")
        pages.append({"number": index + 1, "words": words, "pictures": _pictures(page)})
    return {"pages": pages}


def _page(document, index: int):
    import pypdfium2

    try:
        page = document[index]
    except pypdfium2.PdfiumError:
        raise _Refused(f"is damaged at page {index + 1}. Export or download it again.") from None
    width, height = page.get_size()
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise _Refused(f"has a page of {width / 72:.0f} x {height / 72:.0f} inches; a sheet of paper is expected.")
    for image in _images(page):
        if math.prod(image.get_px_size()) > MAX_PIXELS:
            raise _Refused(
                f"holds an image of {'x'.join(map(str, image.get_px_size()))} pixels; at most "
                f"{MAX_PIXELS // 10**6} million are expected. Scan at 200 to 300 dots per inch."
            )
    return page


def _images(page) -> Iterator:
    import pypdfium2.raw

    return page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=4)


def _pictures(page) -> float:
    width, height = page.get_size()
    covered = 0.0
    for image in _images(page):
        left, bottom, right, top = image.get_bounds()
        covered += max(0, min(right, width) - max(left, 0)) * max(0, min(top, height) - max(bottom, 0))
    return min(1.0, covered / (width * height))


def _characters(page) -> Iterator[_Character]:
    """Visible characters of a page in upright coordinates, with the quarter turns they stand at (None: askew)."""
    import pypdfium2.raw as pdfium

    text = page.get_textpage()
    left_edge, bottom_edge, right_edge, top_edge = page.get_bbox()
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    box = pdfium.FS_RECTF()
    if text.count_chars() > MAX_CHARACTERS:
        raise _Refused(f"has a page of more than {MAX_CHARACTERS} characters; a single report is expected.")
    for index in range(text.count_chars()):
        code = pdfium.FPDFText_GetUnicode(text, index)
        if code < 32 or 0xD800 <= code < 0xE000 or code > 0x10FFFF or pdfium.FPDFText_IsGenerated(text, index) == 1:
            continue
        thing = pdfium.FPDFText_GetTextObject(text, index)
        if thing and pdfium.FPDFTextObj_GetTextRenderMode(thing) == _INVISIBLE:
            continue
        if not pdfium.FPDFText_GetLooseCharBox(text, index, box):
            continue
        tight = text.get_charbox(index)
        loose = (box.left, box.bottom, box.right, box.top)
        left, bottom, right, top = loose if loose[3] - loose[1] > 0.5 and loose[2] > loose[0] else tight
        angle = pdfium.FPDFText_GetCharAngle(text, index) / (math.pi / 2)
        quarter = round(angle) % 4 if abs(angle - round(angle)) < 0.02 else None
        pdfium.FPDFText_GetFillColor(text, index, red, green, blue, alpha)
        cover = alpha.value / 255
        luminance = 0.3 * red.value + 0.59 * green.value + 0.11 * blue.value
        pale = 255 + (luminance - 255) * cover > _PALE
        edges = left - left_edge, top_edge - top, right - left_edge, top_edge - bottom
        yield _Character(chr(code), *edges, top - bottom, quarter, pale)


def _assemble(characters: list[_Character]) -> list[_Run]:
    """Words (text, left, top, right, bottom) of the characters that stand as the page's text does."""
    turns = Counter(character.quarter for character in characters if character.quarter is not None)
    if not turns:
        return []
    quarter = turns.most_common(1)[0][0]
    upright = [_turned(character, quarter) for character in characters if character.quarter == quarter]
    size = statistics.median(character.size for character in upright)
    upright = [character for character in upright if not (character.pale and character.size > 1.8 * size)]
    runs = list(_runs(upright))
    return [word for line in _lines(runs) for word in _joined(line)]


def _turned(character: _Character, quarter: int) -> _Character:
    """The character in coordinates in which text that stands at `quarter` turns runs to the right."""
    left, top, right, bottom = character.left, character.top, character.right, character.bottom
    for _ in range(-quarter % 4):
        left, top, right, bottom = -bottom, left, -top, right
    return character._replace(left=left, top=top, right=right, bottom=bottom, size=bottom - top)


def _runs(characters: list[_Character]) -> Iterator[_Run]:
    """Characters that follow one another in the file and on the paper, which keeps apart what is printed over."""
    run: list[_Character] = []
    for character in characters:
        # A space that does not break stands between digits as a separator of thousands.
        thousands = character.text in "\u00a0\u202f\u2009" and run and run[-1].text.isdigit()
        if run:
            last = run[-1]
            # Bold text is sometimes drawn twice, a hair apart.
            if character.text == last.text and abs(character.left - last.left) < 0.12 * last.size:
                continue
            # The letters of a ligature share its box, which another font may have drawn.
            ligature = (character.left, character.right) == (last.left, last.right)
            follows = ligature or -0.3 * last.size < character.left - last.right < 0.15 * last.size
            smaller, larger = sorted((character.size, last.size))
            level = abs(character.bottom - last.bottom) < 0.35 * smaller and smaller > 0.5 * larger
            level &= character.size > 0.75 * last.size or abs(character.bottom - last.bottom) < 0.1 * larger
            if (character.text.isspace() and not thousands) or not (follows and level):
                yield _run(run)
                run = []
        if not character.text.isspace() or thousands:
            run.append(character)
    if run:
        yield _run(run)


def _run(characters: list[_Character]) -> _Run:
    text = "".join("'" if c.text.isspace() else _LIGATURES.get(c.text, c.text) for c in characters).rstrip("'")
    boxes = [(c.left, c.top, c.right, c.bottom) for c in characters]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return _Run(text, min(lefts), min(tops), max(rights), max(bottoms))


def _lines(runs: list[_Run]) -> list[list[_Run]]:
    """Runs by line: those whose boxes share most of the smaller one's height, so that raised digits stay."""
    lines: list[list[_Run]] = []
    for run in sorted(runs, key=lambda r: (r.top - r.bottom, r.top)):
        height = run.bottom - run.top
        shared = [min(line[0].bottom, run.bottom) - max(line[0].top, run.top) for line in lines]
        best = max(range(len(lines)), key=shared.__getitem__, default=None)
        if best is None or shared[best] < 0.55 * height:
            lines.append([run])
        else:
            lines[best].append(run)
    return [sorted(line, key=lambda run: run.left) for line in lines]


def _joined(line: list[_Run]) -> Iterator[_Run]:
    """Runs that touch are one word; a smaller raised figure or letter is its exponent or footnote, after a caret."""
    word = None
    for run in line:
        if word is not None:
            height = word.bottom - word.top
            if -0.1 * height < run.left - word.right < 0.12 * height:
                raised = run.bottom - run.top < 0.85 * height and run.bottom < word.bottom - 0.1 * height
                text = f"{word.text}^{run.text}" if raised and _is_mark(run.text) else word.text + run.text
                word = word._replace(text=text, right=max(word.right, run.right), top=min(word.top, run.top))
                continue
            yield word
        word = run
    if word is not None:
        yield word


def _is_mark(text: str) -> bool:
    return text.isdigit() or (len(text) == 1 and text.isalpha())


def _render(path: str, number: str, picture: str, resolution: str) -> dict[str, Any]:
    page = _page(_open(path), int(number) - 1)
    width, height = page.get_size()
    scale = min(int(resolution) / 72, math.sqrt(MAX_PIXELS / (width * height)))
    page.render(scale=scale, grayscale=True).to_pil().save(picture, compress_level=1)
    return {"scale": scale}


if __name__ == "__main__":
    main()
