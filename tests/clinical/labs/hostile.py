"""Files that must be refused in seconds."""

import struct
import zlib
from pathlib import Path


def _pdf(path: Path, objects: list[bytes]) -> Path:
    content, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    start = len(content)
    content += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    content += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    path.write_bytes(content)
    return path


def _stream(dictionary: bytes, data: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n" % (dictionary, len(data)) + data + b"\nendstream"


def malformed(path: Path) -> Path:
    path.write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 50)
    return path


def encrypted(path: Path) -> Path:
    from reportlab.lib import pdfencrypt
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), encrypt=pdfencrypt.StandardEncryption("secret", ownerPassword="owner", strength=128))
    canvas.drawString(100, 700, "Hemoglobin 13.5 g/dL")
    canvas.save()
    return path


def five_hundred_pages(path: Path) -> Path:
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path))
    for _ in range(500):
        canvas.drawString(100, 700, "Hemoglobin 13.5 g/dL")
        canvas.showPage()
    canvas.save()
    return path


def image_bomb_pdf(path: Path) -> Path:
    """40000 x 40000 pixels of one colour in a few kilobytes."""
    side = 40_000
    compressor = zlib.compressobj(9)
    data = b"".join(compressor.compress(bytes(side)) for _ in range(side // 10)) + compressor.flush()
    image = _stream(
        b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 "
        b"/Filter /FlateDecode" % (side, side),
        data,
    )
    content = _stream(b"", b"q 500 0 0 500 50 50 cm /I Do Q")
    return _pdf(
        path,
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
            b"/Resources << /XObject << /I 5 0 R >> >> >>",
            content,
            image,
        ],
    )


def content_bomb_pdf(path: Path) -> Path:
    """A page whose commands unpack to three hundred megabytes."""
    compressor = zlib.compressobj(9)
    piece = b"q 1 0 0 1 0 0 cm BT /F 9 Tf (1) Tj ET Q\n" * 25_000
    data = b"".join(compressor.compress(piece) for _ in range(300)) + compressor.flush()
    return _pdf(
        path,
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
            b"/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
            _stream(b"/Filter /FlateDecode", data),
        ],
    )


def giant_page_pdf(path: Path) -> Path:
    return _pdf(
        path,
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 2000000 2000000] >>",
        ],
    )


def image_bomb_png(path: Path) -> Path:
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )
    return path


def cut_png(path: Path) -> Path:
    from PIL import Image

    Image.effect_noise((400, 300), 50).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    return path


def binary(path: Path) -> Path:
    path.write_bytes(bytes(range(256)) * 100)
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def long_text(path: Path) -> Path:
    path.write_text("Hemoglobin 13.5 g/dL\n" * 200_000)
    return path


def wide_csv(path: Path) -> Path:
    path.write_text("test,value,unit\n" + "Hemoglobin,13,g/dL\n" * 9 + ",".join(["Hemoglobin"] * 100_000) + "\n")
    return path


def huge_cell(path: Path) -> Path:
    path.write_text('test,value,unit\nHemoglobin,"' + "9" * 3_000_000 + '",g/dL\nGlucose,90,mg/dL\n')
    return path


HOSTILE = {
    "malformed.pdf": (malformed, "damaged"),
    "encrypted.pdf": (encrypted, "encrypted"),
    "pages.pdf": (five_hundred_pages, "500 pages"),
    "image_bomb.pdf": (image_bomb_pdf, "40000x40000"),
    "content_bomb.pdf": (content_bomb_pdf, "to read"),
    "giant_page.pdf": (giant_page_pdf, "page of"),
    "image_bomb.png": (image_bomb_png, "60 million"),
    "cut.png": (cut_png, "damaged"),
    "binary.dat": (binary, "is no PDF"),
    "empty.pdf": (empty, "is empty"),
    "long.txt": (long_text, "lines"),
    "wide.csv": (wide_csv, "200 cells"),
    "huge_cell.csv": (huge_cell, "not a sound CSV"),
}
