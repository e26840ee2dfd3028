"""What is wrong, or merely unusual, with one image file."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tfderm.datasets.duplicates import Fingerprint, fingerprint
from tfderm.errors import InputError
from tfderm.runtime.preprocess import decode


@dataclass(frozen=True)
class Inspection:
    """One file, read once.

    Args:
        problem: why it cannot be used, or None.
        conversions: what decoding changes, for instance "grayscale, repeated to RGB".
        content: what the photograph is known by; None with a problem.
        image_size: (height, width) of the upright image; None with a problem.
    """

    problem: str | None = None
    conversions: tuple[str, ...] = ()
    content: Fingerprint | None = None
    image_size: tuple[int, int] | None = None


def inspect(path: Path) -> Inspection:
    """Read a file, decode it as training does and note everything that a person should know."""
    if not path.is_file():
        return Inspection("the file is missing")
    try:
        data = path.read_bytes()
        pixels = decode(data, "")
    except OSError as error:
        return Inspection(f"cannot be read ({error.strerror})")
    except InputError as error:
        return Inspection(str(error).removeprefix(": "))
    with Image.open(io.BytesIO(data)) as image:
        expected = Image.registered_extensions().get(path.suffix.lower())
        found = "JPEG" if image.format == "MPO" else image.format
        if expected != found:
            return Inspection(
                f"wrong type: the name ends in {path.suffix or 'nothing'}, the content is {found}; rename it"
            )
        conversions = _conversions(image)
    return Inspection(
        conversions=conversions,
        content=fingerprint(pixels),
        image_size=pixels.shape[:2],
    )


def _conversions(image: Image.Image) -> tuple[str, ...]:
    """What `decode` does to an opened, not yet loaded image beyond reading its pixels."""
    deep = image.mode[0] in "IF" or any(";16" in str(tile[3]) for tile in image.tile)
    notes = {
        "turned upright by its EXIF orientation": image.getexif().get(0x0112, 1) in range(2, 9),
        "16-bit, reduced to 8": deep,
        "grayscale, repeated to RGB": image.mode in ("1", "L", "LA", "I", "F") or image.mode.startswith("I;"),
        "CMYK, converted to RGB": image.mode == "CMYK",
        "alpha channel, laid over white": image.has_transparency_data,
        "animation, first frame taken": getattr(image, "is_animated", False),
    }
    return tuple(note for note, applies in notes.items() if applies)
