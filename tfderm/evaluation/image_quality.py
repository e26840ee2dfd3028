"""How sharp and how well exposed a photograph is."""

import cv2
import numpy as np


def sharpness(image: np.ndarray) -> float:
    """Variance of the Laplacian of luminance, in squared grey levels; low where the image is blurred.

    It depends on the size: compare images of one size only.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def exposure(image: np.ndarray) -> str:
    """ "dark", "bright" or "normal": a quarter of the pixels or more lies below 5 % or above 95 % of the scale, or not.

    Args:
        image: (H, W, 3) uint8 RGB.
    """
    luminance = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if np.mean(luminance < 0.05 * 255) >= 0.25:
        return "dark"
    return "bright" if np.mean(luminance > 0.95 * 255) >= 0.25 else "normal"
