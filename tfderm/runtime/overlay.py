"""A class-activation map beside and over its photograph, as a picture."""

import numpy as np

from tfderm.contract import ImageInput
from tfderm.runtime.preprocess import central_part, resize

_LONGEST_SIDE = 1024  # Pixels of a photograph in a picture; maps are far coarser.
_OPACITY = 0.6


def overlay(image: np.ndarray, activation_map: np.ndarray) -> np.ndarray:
    """A map in colours (viridis) over an image without colours.

    Args:
        image: (height, width, 3) uint8 RGB, all that the map covers.
        activation_map: (h, w, 1), 0..1; enlarged by bicubic interpolation.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    import cv2

    large = cv2.resize(activation_map[..., 0], image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    colours = cv2.applyColorMap(np.rint(255 * np.clip(large, 0, 1)).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1]
    grey = image.mean(axis=2, keepdims=True)
    return np.rint(_OPACITY * colours + (1 - _OPACITY) * grey).astype(np.uint8)


def side_by_side(photograph: np.ndarray, activation_map: np.ndarray, target: ImageInput) -> np.ndarray:
    """A photograph, and to its right the same with the map over the part that the model saw.

    Args:
        photograph: (height, width, 3) uint8 RGB of any size, upright; reduced to sides of at most 1024 pixels.
        activation_map: (h, w, 1), 0..1.
        target: the model's input.

    Returns:
        (height, 2 * width, 3) uint8 RGB of the reduced size.
    """
    scale = min(1.0, _LONGEST_SIDE / max(photograph.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in photograph.shape[:2])
    photograph = resize(photograph, (height, width))
    covered = photograph.copy()
    seen = covered if target.crop is None else central_part(covered, target.image_size, target.crop)
    seen[...] = overlay(seen, activation_map)
    return np.concatenate([photograph, covered], axis=1)
