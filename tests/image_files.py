"""Image files in memory, sound and damaged."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

from tfderm.files import write_csv

# What a camera stores so that the orientation tag turns it into `upright`.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scene(seed, size=96):
    """A smooth picture, which survives re-encoding, unlike noise."""
    coarse = Image.fromarray(noise(6, 6, seed))
    return coarse.resize((size, size), Image.Resampling.BICUBIC)


def encode(image, kind="PNG", **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def png_header(width, height):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


def write_scenes(folder, patients, labels=("nv", "bkl", "mel"), each=2, first=0):
    """Manifest of `each` pictures of every patient, the labels in turn; patients are numbered from `first`."""
    rows = []
    (folder / "images").mkdir(parents=True)
    for patient in range(first, first + patients):
        for number in range(each):
            image = f"images/{patient}-{number}.png"
            scene(1000 * patient + number).save(folder / image)
            rows.append({"image": image, "patient_id": f"P{patient}", "label": labels[patient % len(labels)]})
    write_csv(folder / "manifest.csv", list(rows[0]), rows)
    return folder / "manifest.csv"


def _stored(orientation, tagged):
    def disguise(image):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](np.asarray(image))))
        return ".png", encode(stored, exif=exif if tagged else None)

    return disguise


# How a photograph comes back without being another one: image -> (suffix, content of the file).
DISGUISES = {
    "renamed": lambda image: (".png", encode(image)),
    "lossless": lambda image: (".png", encode(image, compress_level=1, optimize=False)),
    "bmp": lambda image: (".bmp", encode(image, "BMP")),
    "jpeg": lambda image: (".jpg", encode(image, "JPEG", quality=60)),
    "smaller": lambda image: (".jpg", encode(image.resize((61, 47), Image.Resampling.LANCZOS), "JPEG", quality=80)),
    "larger": lambda image: (".png", encode(image.resize((150, 150), Image.Resampling.BICUBIC))),
    **{f"exif {orientation}": _stored(orientation, True) for orientation in (3, 6, 7)},
    **{f"exif {orientation} lost": _stored(orientation, False) for orientation in (2, 5, 6, 8)},
}
