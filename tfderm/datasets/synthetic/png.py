"""A PNG writer whose bytes depend on the pixels alone.

zlib and its successors compress the same data to different bytes, so the data goes into stored deflate blocks, which
the format defines bit for bit. A file is as large as its pixels.
"""

import struct
import zlib
from pathlib import Path

import numpy as np

_STORED_BLOCK = 65535


def write_png(path: Path, image: np.ndarray) -> None:
    """Write (height, width, 3) uint8 as RGB, or (height, width) bool as one-bit black and white."""
    height, width = image.shape[:2]
    if image.dtype == np.bool_:
        depth, colour, rows = 1, 0, np.packbits(image, axis=1)
    else:
        depth, colour, rows = 8, 2, image.reshape(height, width * 3)
    scanlines = np.pad(rows, ((0, 0), (1, 0))).tobytes()  # each row begins with filter type 0
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", _stored_zlib(scanlines)) + _chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stored_zlib(data: bytes) -> bytes:
    parts = [b"\x78\x01"]
    for start in range(0, len(data), _STORED_BLOCK):
        block = data[start : start + _STORED_BLOCK]
        last = start + _STORED_BLOCK >= len(data)
        parts.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block)
    parts.append(struct.pack(">I", zlib.adler32(data)))
    return b"".join(parts)
