"""From an image file to the pixels a model eats: one decoder and one resize for training, phone and page.

The resize is Pillow's bilinear filter, whose arithmetic the contract spells out so that any client can repeat it
to the last integer: along width, then height, the triangle filter with half-pixel centres, widened by the scale when
shrinking (antialiasing); weights computed in float64, normalised to sum 1, then rounded to 22 fractional bits; each
pass accumulates integers, adds one half, shifts right by 22 and clips to 0..255.
"""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tfderm.contract import ImageInput
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


def central_part(image: np.ndarray, image_size: tuple[int, int], crop: float) -> np.ndarray:
    """The largest centred part of the shape of `image_size`, times `crop` along both sides.

    A side of it is computed in float64 and rounded, halves up, to at least one pixel; where an odd pixel is left over,
    the far edge loses it.

    Args:
        image: (height, width, 3) uint8.
        image_size: height, width whose ratio the part has.
        crop: share of its sides, above 0 and at most 1.

    Returns:
        A view of the image.
    """
    height, width = image.shape[:2]
    rows, columns = image_size
    sides = min(height, width * rows / columns), min(width, height * columns / rows)
    inner_height, inner_width = (max(1, math.floor(side * crop + 0.5)) for side in sides)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    return image[top : top + inner_height, left : left + inner_width]


def fit(image: np.ndarray, target: ImageInput) -> np.ndarray:
    """A decoded image as the input `image` of a model takes it: its central part where asked for, then `resize`.

    Args:
        image: (height, width, 3) uint8 RGB, upright.
        target: the model's input.

    Returns:
        (height, width, 3) uint8 RGB of the target's size.
    """
    if target.crop is not None:
        image = central_part(image, target.image_size, target.crop)
    return resize(image, target.image_size)


def load(source: Path | str | bytes, target: ImageInput, name: str | None = None) -> np.ndarray:
    """`decode`, then `fit`: (height, width, 3) uint8 RGB, what the input `image` of a model takes."""
    return fit(decode(source, name), target)
