"""A contact sheet: photographs with their lesion boxes, labels and names."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfderm.datasets.corpus import Corpus, Record
from tfderm.errors import InputError
from tfderm.files import atomic_path, write_text
from tfderm.runtime.preprocess import decode

_CELL = 208
_CAPTION = 34
_COLUMNS = 8
_BOX = (0, 200, 255)
_PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{font:14px system-ui;margin:24px}}main{{display:flex;flex-wrap:wrap;gap:12px}}
figure{{margin:0;width:{cell}px}}figcaption{{overflow-wrap:anywhere}}small{{color:#666}}</style>
<h1>{title}</h1><p>{note}</p><main>
{figures}
</main>
"""


def preview(corpus: Corpus, path: Path | str, count: int = 48) -> None:
    """Write a contact sheet of `count` photographs, evenly spaced through the corpus, as .png or self-contained .html.

    A photograph that cannot be decoded is shown as an empty cell with the reason.

    Raises:
        InputError: `path` ends in neither .png nor .html.
    """
    path = Path(path)
    chosen = sorted({int(i) for i in np.linspace(0, len(corpus.records) - 1, min(count, len(corpus.records)))})
    records = [corpus.records[i] for i in chosen]
    synthetic = "SYNTHETIC, " if corpus.synthetic else ""
    title = f"{corpus.name}: {len(records)} of {len(corpus.records)} images"
    note = f"{synthetic}licence {corpus.licence}"
    if path.suffix.lower() == ".html":
        write_text(path, _page(corpus, records, title, note))
    elif path.suffix.lower() == ".png":
        with atomic_path(path) as temporary:
            _sheet(corpus, records, f"{title} ({note})").save(temporary)
    else:
        raise InputError(f"{path}: a preview is a .png or an .html file; rename it.")


def thumbnail(corpus: Corpus, record: Record) -> tuple[Image.Image, str]:
    """A photograph of at most 208x208 pixels with its boxes drawn, and its caption."""
    caption = [record.label] if record.label else []
    caption += [f"severity {record.severity:g}"] if record.severity is not None else []
    caption += ["no lesion"] if record.boxes == () else []
    try:
        image = Image.fromarray(decode(corpus.path(record), record.image))
    except InputError as error:
        return Image.new("RGB", (_CELL, _CELL), "lightgray"), str(error)
    scale = _CELL / max(image.size)
    image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)
    for x, y, width, height in record.boxes or ():
        corners = (x * scale, y * scale, (x + width) * scale - 1, (y + height) * scale - 1)
        draw.rectangle([corners[0], corners[1], max(corners[0], corners[2]), max(corners[1], corners[3])], outline=_BOX)
    return image, ", ".join(caption)


def _sheet(corpus: Corpus, records: Sequence[Record], title: str) -> Image.Image:
    columns = min(_COLUMNS, len(records))
    rows = -(-len(records) // columns)
    sheet = Image.new("RGB", (max(columns * (_CELL + 8) + 8, 480), rows * (_CELL + _CAPTION + 8) + 40), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    draw.text((8, 10), title, "black", ImageFont.load_default(16))
    for index, record in enumerate(records):
        x, y = 8 + index % columns * (_CELL + 8), 40 + index // columns * (_CELL + _CAPTION + 8)
        image, caption = thumbnail(corpus, record)
        sheet.paste(image, (x, y))
        draw.text((x, y + _CELL + 2), f"{caption}\n{record.image[-32:]}", "black", font)
    return sheet


def _page(corpus: Corpus, records: Sequence[Record], title: str, note: str) -> str:
    figures = []
    for record in records:
        image, caption = thumbnail(corpus, record)
        data = io.BytesIO()
        image.save(data, "JPEG", quality=85)
        source = base64.b64encode(data.getvalue()).decode()
        figures.append(
            f'<figure><img src="data:image/jpeg;base64,{source}" alt=""><figcaption>{html.escape(caption)}<br>'
            f"<small>{html.escape(record.image)}</small></figcaption></figure>"
        )
    return _PAGE.format(title=html.escape(title), note=html.escape(note), cell=_CELL, figures="\n".join(figures))
