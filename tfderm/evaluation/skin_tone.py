"""Skin tone estimated from a photograph: the individual typology angle (ITA)."""

from collections.abc import Sequence

import cv2
import numpy as np

from tfderm.datasets.corpus import Box

# Del Bino and Bernerd, "Variations in skin colour and the biological consequences of ultraviolet radiation exposure",
# British Journal of Dermatology 169 (2013), table 1: lower bound in degrees, lightest first.
ITA_GROUPS = (
    ("very light", 55.0),
    ("light", 41.0),
    ("intermediate", 28.0),
    ("tan", 10.0),
    ("brown", -30.0),
    ("dark", -90.0),
)
_LIGHTNESS = (10.0, 97.0)
_SMALLEST_SHARE = 0.05


def individual_typology_angle(image: np.ndarray, boxes: Sequence[Box] = ()) -> float:
    """ITA = arctan((L* - 50) / b*), of the median L* and b* over what looks like skin outside the lesions.

    Skin is any pixel with red-yellow hue (a* > 0, b* > 0) that is neither near black nor near white. Lighting and white
    balance shift the angle: it orders photographs, it does not diagnose a skin type.

    Args:
        image: (H, W, 3) uint8 RGB.
        boxes: lesions, x, y, width, height in pixels.

    Returns:
        Degrees, -90..90, larger for lighter skin; NaN where under 5 % of the pixels look like skin.
    """
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    lightness, green_red, blue_yellow = np.moveaxis(lab, -1, 0)
    skin = (green_red > 0) & (blue_yellow > 0) & (lightness > _LIGHTNESS[0]) & (lightness < _LIGHTNESS[1])
    for x, y, width, height in boxes:
        skin[int(y) : int(np.ceil(y + height)), int(x) : int(np.ceil(x + width))] = False
    if skin.mean() < _SMALLEST_SHARE:
        return float("nan")
    return float(np.degrees(np.arctan2(np.median(lightness[skin]) - 50, np.median(blue_yellow[skin]))))


def ita_group(angle: float) -> str:
    """Name in `ITA_GROUPS` of an angle in degrees; "" for NaN."""
    return next((name for name, low in ITA_GROUPS if angle > low or low == -90), "") if angle == angle else ""
