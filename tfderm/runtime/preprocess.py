"""From an image file to the pixels a model eats: one decoder and one resize for training, phone and page.

The resize is Pillow's bilinear filter, whose arithmetic the contract spells out so that any client can repeat it
to the last integer: along width, then height, the triangle filter with half-pixel centres, widened by the scale when
shrinking (antialiasing); weights computed in float64, normalised to sum 1, then rounded to 22 fractional bits; each
pass accumulates integers, adds one half, shifts right by 22 and clips to 0..255.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tfderm.errors import InputError

MAX_PIXELS = 200_000_000
Image.MAX_IMAGE_PIXELS = None  # `decode` applies MAX_PIXELS from the header, before any pixel is decoded.


def decode(source: Path | str | bytes, name: str | None = None) -> np.ndarray:
    """Decode an image file as a person would see it.

    EXIF orientation is applied, transparency is laid over white, grayscale, 16-bit and CMYK are converted to RGB, and
    of an animation the first frame is taken.

    Args:
        source: path of the file, or its bytes.
        name: what an error calls the image; by default the path.

    Returns:
        (height, width, 3) uint8, RGB, 0..255.

    Raises:
        InputError: the file is missing, empty, truncated, larger than `MAX_PIXELS`, or not an image.
    """
    name = name or ("image" if isinstance(source, bytes) else str(source))
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}).") from None
    if not data:
        raise InputError(f"{name}: the file is empty (0 bytes); copy it again from its source.")
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(
                    f"{name}: {image.width}x{image.height} pixels exceed the limit of {MAX_PIXELS:,}; scale it down."
                )
            image.load()
            return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except InputError:
        raise
    except Exception as error:  # Pillow's plugins raise many types on damaged files.
        raise InputError(f"{name}: not a readable image ({error}); re-export it as JPEG or PNG.") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float64)
        scale = 255 / 65535 if values.max(initial=0) > 255 else 1.0
        image = Image.fromarray(np.clip(np.rint(values * scale), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def resize(image: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Resize to exactly `image_size` (height, width), changing the aspect ratio where it differs.

    Args:
        image: (height, width, 3) uint8.
        image_size: height, width in pixels.

    Returns:
        (image_size[0], image_size[1], 3) uint8.
    """
    height, width = image_size
    if image.shape[:2] == (height, width):
        return image
    # Two calls: within one, Pillow from release 13 on takes the cheaper axis first, and rounding depends on the order.
    across = Image.fromarray(image).resize((width, image.shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(across.resize((width, height), Image.Resampling.BILINEAR))


def load(source: Path | str | bytes, image_size: tuple[int, int], name: str | None = None) -> np.ndarray:
    """`decode`, then `resize`: (height, width, 3) uint8 RGB, what the input `image` of every model takes."""
    return resize(decode(source, name), image_size)
