"""Pixels -> words: Tesseract reads every page twice, in different ways, so that a doubtful digit shows."""

import math
import os
import statistics
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tfderm.clinical.labs.documents import MAX_PAGES, MAX_PIXELS, Word
from tfderm.clinical.labs.units import readings
from tfderm.errors import InputError

DOTS_PER_INCH = 300
_SECONDS = 180
_LANGUAGES = ("eng", "ita")
_FLAGS = ("H", "L", "HH", "LL", "N", "A", "LOW", "Low", "low", "HI", "LO", "Hi", "Lo", "OK")
_STRIP = 64
_MOST_DOUBTFUL = 80
_STEEPEST = 5.0
_LARGEST_SIDE = 6000
_LEGIBLE = 0.8  # Sample reports at 200 dpi: 0.87 to 0.93 upright, 0.41 to 0.72 turned.


def images_of(path: Path) -> Iterator:
    """The pages of an image file, as grayscale Pillow images.

    Raises:
        InputError: no image, damaged, more than `MAX_PAGES` pages or `MAX_PIXELS` pixels.
    """
    from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                if math.prod(file.size) > MAX_PIXELS:
                    raise InputError(
                        f"{path} has {file.size[0]}x{file.size[1]} pixels; at most {MAX_PIXELS // 10**6} million are "
                        "expected. Scan at 200 to 300 dots per inch."
                    )
                for number, frame in enumerate(ImageSequence.Iterator(file), 1):
                    if number > MAX_PAGES:
                        raise InputError(f"{path} has more than {MAX_PAGES} pages; extract those of the report.")
                    upright = ImageOps.exif_transpose(frame)
                    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                        upright = upright.convert("RGBA")
                        white = Image.new("RGBA", upright.size, "white")
                        upright = Image.alpha_composite(white, upright)
                    yield upright.convert("L")
    except Image.DecompressionBombError:
        raise InputError(
            f"{path} has more than {MAX_PIXELS // 10**6} million pixels. Scan at 200 to 300 dots per inch."
        ) from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is a damaged image; scan or export it again.") from None


def recognise(image, path: Path) -> tuple[Word, ...]:
    """Words of a page, boxes in pixels of the upright `image`; each knows what the second reading found in its place.

    A page that reads badly is turned by quarters as Tesseract sees fit, or half round more where it was wrong,
    and stays turned if it then reads better.

    Args:
        image: grayscale Pillow image.
        path: for messages.

    Raises:
        InputError: Tesseract is not installed, or needs more than three minutes for the page.
    """
    words = _read(image, path)
    if _legibility(words) >= _LEGIBLE or not (quarter := _quarter_turn(image)):
        return words
    for turn in (quarter, quarter + 180):
        words = max(words, _read(image.rotate(-turn, expand=True), path), key=_legibility)
        if _legibility(words) >= _LEGIBLE:
            break
    return words


def _legibility(words: Sequence[Word]) -> float:
    """The recogniser's mean certainty."""
    return statistics.fmean(word.certainty or 0.0 for word in words) if words else 0.0


def _quarter_turn(image) -> int:
    """Degrees, clockwise, by which Tesseract would turn a page; 0 where it has too little text to tell."""
    import pytesseract

    try:
        found = pytesseract.image_to_osd(image, config=f"--dpi {DOTS_PER_INCH}", output_type=pytesseract.Output.DICT)
    except pytesseract.TesseractError:
        return 0
    return int(found["rotate"])


def _read(image, path: Path) -> tuple[Word, ...]:
    import cv2
    import numpy as np

    pixels = np.asarray(image)
    letters = _letter_height(pixels)
    scale = min(_LARGEST_SIDE / max(pixels.shape), 1.0 if 14 <= letters <= 40 else min(3.0, 22 / letters))
    kernel = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    clean = _flattened(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=kernel))
    if angle := _skew(clean):
        clean = _rotated(clean, angle)
    clean = _without_rules(clean)
    first = _tesseract(clean, _LANGUAGES, "--psm 6", path)
    smaller = cv2.resize(clean, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    second = [_scaled(word, 1 / 0.75) for word in _tesseract(smaller, _LANGUAGES[:1], "--psm 11", path)]
    words = _settled(_compared(first, second), clean, path)
    return tuple(_scaled(word, 1 / scale) for word in words)


def _settled(words: list[Word], pixels, path: Path) -> list[Word]:
    """Where two readings of a number differ, a third of it alone, enlarged, decides; a number that each reading sees
    differently keeps its doubt."""
    import cv2
    import numpy as np

    doubtful = [index for index, word in enumerate(words) if differs(word)]
    if not doubtful:
        return words
    strips, margin = [], 12
    for index in doubtful[:_MOST_DOUBTFUL]:
        word = words[index]
        top, bottom = max(0, int(word.top) - margin // 2), int(word.bottom) + margin // 2
        left, right = max(0, int(word.left) - margin // 2), int(word.right) + margin // 2
        strip = pixels[top:bottom, left:right]
        factor = _STRIP / max(1, strip.shape[0])
        strips.append(cv2.resize(strip, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC))
    width = max(strip.shape[1] for strip in strips) + 8 * margin
    sheet = np.full(((2 * _STRIP) * len(strips), width), 255, np.uint8)
    for row, strip in enumerate(strips):
        top = 2 * _STRIP * row + _STRIP // 2
        sheet[top : top + strip.shape[0], 4 * margin : 4 * margin + strip.shape[1]] = strip[: 2 * _STRIP]
    third: dict[int, list[Word]] = {}
    for word in _tesseract(sheet, _LANGUAGES[:1], "--psm 6", path):
        third.setdefault(int(word.middle // (2 * _STRIP)), []).append(word)
    settled = list(words)
    for row, index in enumerate(doubtful[:_MOST_DOUBTFUL]):
        text = " ".join(word.text for word in sorted(third.get(row, ()), key=lambda w: w.left))
        first = words[index]
        if _meaning(text) == _meaning(first.text):
            settled[index] = replace(first, second=first.text)
        elif first.second is not None and _meaning(text) == _meaning(first.second) and _meaning(text):
            settled[index] = replace(first, text=first.second.replace(" ", ""), second=first.text)
    return settled


def differs(word: Word) -> bool:
    """Whether the second reading found another number or unit here, or none in a number's place."""
    meaning = _meaning(word.text)
    if not meaning or word.certainty is None:
        return False
    if word.second is None:
        return isinstance(meaning, str)
    other = _meaning(word.second)
    return other != meaning and (isinstance(meaning, str) or isinstance(other, tuple))


def _meaning(text: str) -> str | tuple[str, ...]:
    """A unit's readings, else what decides a number; empty for other text."""
    if found := readings(text):
        return found
    digits = "".join(c for c in text.replace(",", ".") if c.isdigit() or c in ".<>")
    return digits if any(map(str.isdigit, digits)) else ""


def _letter_height(pixels) -> float:
    """The median height of what stands by itself on the page, in pixels: mostly small letters."""
    import cv2
    import numpy as np

    _, ink = cv2.threshold(pixels, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    boxes = cv2.connectedComponentsWithStats(ink)[2][1:]
    heights = boxes[:, cv2.CC_STAT_HEIGHT]
    heights = heights[(heights >= 5) & (boxes[:, cv2.CC_STAT_AREA] >= 12) & (heights < 0.2 * pixels.shape[0])]
    if not len(heights):
        return 22.0
    # Dots of leaders and of letters are many and small: they tell nothing of the letters.
    tall = heights[heights >= 0.4 * np.percentile(heights, 95)]
    return float(np.median(tall))


def _flattened(pixels):
    """Even paper, dark letters: shadow divided out, what is paler than half the ink (a watermark) made white."""
    import cv2
    import numpy as np

    size = max(31, min(pixels.shape) // 40) | 1
    small = cv2.resize(pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    paper = cv2.medianBlur(cv2.dilate(small, np.ones((7, 7), np.uint8)), min(size, 255))
    paper = cv2.resize(paper, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_LINEAR)
    even = np.clip(pixels.astype(np.float32) * 255 / np.maximum(paper, 1), 0, 255)
    # 215: paler than this is a stamp across the page, a tint of a row or noise.
    return np.where(even > 215, 255, even).astype(np.uint8)


def _without_rules(pixels):
    """Without the lines of a table's grid, which the recogniser takes for letters."""
    import cv2
    import numpy as np

    ink = (pixels < 160).astype(np.uint8)
    length = max(40, int(4.5 * _letter_height(pixels)))
    rules = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    rules |= cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    # Solid areas are rows printed light on dark, not rules.
    solid = cv2.morphologyEx(rules, cv2.MORPH_OPEN, np.ones((12, 12), np.uint8))
    rules = cv2.dilate(rules & ~solid, np.ones((5, 5), np.uint8))
    return np.where(rules == 1, 255, pixels).astype(np.uint8)


def _skew(pixels) -> float:
    """Degrees by which lines of text fall to the right, between -5 and 5, from the sharpest row profile."""
    import cv2
    import numpy as np

    factor = 600 / max(pixels.shape)
    ink = 255 - cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)

    def sharpness(angle: float) -> float:
        profile = _rotated(255 - ink, angle).astype(np.float32).sum(axis=1)
        return float(np.square(np.diff(profile)).sum())

    best = 0.0
    for step, reach in ((0.5, _STEEPEST), (0.1, 0.5)):
        best = float(max(np.arange(best - reach, best + reach + step / 2, step), key=sharpness))
    return best if abs(best) >= 0.1 and sharpness(best) > 1.02 * sharpness(0.0) else 0.0


def _rotated(pixels, angle: float):
    import cv2

    height, width = pixels.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    return cv2.warpAffine(pixels, turn, (width, height), flags=cv2.INTER_CUBIC, borderValue=255)


def _tesseract(pixels, languages: Sequence[str], options: str, path: Path) -> list[Word]:
    import pytesseract
    from PIL import Image

    os.environ.setdefault("OMP_THREAD_LIMIT", "1")
    try:
        available = set(pytesseract.get_languages())
        chosen = "+".join(name for name in languages if name in available) or "eng"
        table = pytesseract.image_to_data(
            Image.fromarray(pixels),
            lang=chosen,
            config=f"--oem 1 {options} --dpi {DOTS_PER_INCH} -c preserve_interword_spaces=1",
            output_type=pytesseract.Output.DICT,
            timeout=_SECONDS,
        )
    except pytesseract.TesseractNotFoundError:
        raise InputError(
            f"{path} holds pixels instead of text, and Tesseract, which reads them, is not installed: "
            "apt-get install tesseract-ocr tesseract-ocr-ita"
        ) from None
    except (RuntimeError, pytesseract.TesseractError) as error:
        raise InputError(f"{path}: Tesseract cannot read it ({str(error)[:80]}); scan it again.") from None
    words = []
    for text, certainty, left, top, width, height in zip(
        *(table[name] for name in ("text", "conf", "left", "top", "width", "height")), strict=True
    ):
        text = text.strip()
        if text and not set(text) <= set("|_—=~‘’'`\"“”\\"):
            words.append(Word(text.strip("|_"), left, top, left + width, top + height, float(certainty) / 100))
    return [word for word in words if word.text]


def _scaled(word: Word, scale: float) -> Word:
    edges = {name: getattr(word, name) * scale for name in ("left", "top", "right", "bottom")}
    return replace(word, **edges)


def _compared(first: Sequence[Word], second: Sequence[Word]) -> list[Word]:
    """The first reading's words with the second's in `second`, and those that only the second found."""
    if not first:
        return list(second)
    used: set[int] = set()
    words = []
    for word in first:
        there = [index for index, other in enumerate(second) if _overlap(word, other) > 0.5]
        used.update(there)
        parts = sorted((second[index] for index in there), key=lambda other: other.left)
        again = " ".join(part.text for part in parts) if parts else None
        better = again and len(again) >= len(word.text) and readings(again) and not readings(word.text)
        text = again if better else word.text
        words.append(replace(word, text=text, second=again))
    words = [word for word in words if not _is_speck(word)]
    height = statistics.median(word.height for word in words) if words else 0.0
    extra = [
        other
        for index, other in enumerate(second)
        if index not in used and 0.4 * height < other.height < 3 * height and not any(_overlap(other, w) for w in first)
    ]
    return words + extra


def _is_speck(word: Word) -> bool:
    """Whether a short word is probably a rest of a rule, or dirt: the second reading did not see it."""
    short = len(word.text) <= 3 and not any(c.isdigit() for c in word.text)
    known = any(c in "%<>*↑↓-–/()" for c in word.text) or word.text in _FLAGS or readings(word.text)
    return short and not known and (word.second is None or not any(c.isalnum() for c in word.text))


def _overlap(one: Word, other: Word) -> float:
    """Shared area as a share of the smaller box."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    smaller = min((w.right - w.left) * w.height for w in (one, other))
    return width * height / smaller if smaller else 0.0


def image_of(path: Path, report: Path):
    """One rendered page as a grayscale Pillow image; `report` is what a message names."""
    from PIL import Image

    with Image.open(path) as file:
        return file.convert("L")
