"""Colour of the skin in a photograph: the individual typology angle (ITA)."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

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

    Skin is any pixel with red-yellow hue (a* > 0, b* > 0) that is neither near black nor near white. Made for
    colorimeters: in photographs, exposure and white balance shift the angle, and where they are uncontrolled it does
    not tell the skin type (`docs/fidelity.md`); `fitzpatrick_agreement` measures that.

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


def fitzpatrick_agreement(skin_types: Sequence[int], angles: ArrayLike, smallest: int = 30) -> dict[str, Any] | None:
    """Does the angle order these photographs as the given skin types do?

    Args:
        skin_types: (N,) Fitzpatrick 1..6, larger for darker skin.
        angles: (N,) degrees; NaN does not count.
        smallest: least number of photographs.

    Returns:
        `n` and `rank_correlation` (Spearman): near -1 where the angle tells the skin type, 0 where it does not. None
        for fewer than `smallest` photographs or where all are of one type.
    """
    from scipy.stats import spearmanr

    types, angles = np.asarray(skin_types), np.asarray(angles, np.float64)
    types, angles = types[~np.isnan(angles)], angles[~np.isnan(angles)]
    if len(types) < smallest or len(set(types)) == 1 or np.ptp(angles) == 0:
        return None
    return {"n": len(types), "rank_correlation": float(spearmanr(types, angles).statistic)}
