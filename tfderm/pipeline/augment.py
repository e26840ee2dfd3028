"""Random changes of a training image and its lesion boxes."""

import cv2
import numpy as np

from tfderm.recipe import Augmentation


def augment(
    image: np.ndarray, boxes: np.ndarray, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Apply `augmentation` with the randomness of `rng`.

    Args:
        image: (height, width, 3) uint8 RGB.
        boxes: (n, 4) x, y, width, height in pixels of the image.
        augmentation: ranges.
        rng: source of randomness; the same state gives the same result.

    Returns:
        Image of the same shape, and the boxes that still show, clipped to it (after a rotation: the upright
        rectangle round the rotated box).
    """
    height, width = image.shape[:2]
    transform = _random_affine(augmentation, height, width, rng)
    if transform is not None:
        image = cv2.warpAffine(image, transform, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        boxes = _transform_boxes(boxes, transform, height, width)
    return _random_colours(image, augmentation, rng), boxes


def _random_affine(augmentation: Augmentation, height: int, width: int, rng: np.random.Generator) -> np.ndarray | None:
    mirror_x = augmentation.horizontal_flip and rng.random() < 0.5
    mirror_y = augmentation.vertical_flip and rng.random() < 0.5
    angle = np.deg2rad(rng.uniform(-1, 1) * augmentation.rotation)
    scale = 1 + rng.uniform(-1, 1) * augmentation.zoom
    if not (mirror_x or mirror_y or angle or scale != 1):
        return None
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    mirror = np.diag([-1.0 if mirror_x else 1.0, -1.0 if mirror_y else 1.0])
    matrix = np.array([[cosine, -sine], [sine, cosine]]) @ mirror
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    return np.column_stack([matrix, centre - matrix @ centre])


def _transform_boxes(boxes: np.ndarray, transform: np.ndarray, height: int, width: int) -> np.ndarray:
    if not len(boxes):
        return boxes
    x, y, box_width, box_height = boxes.T
    # Pixel centres sit at whole numbers in `transform` and at halves in box coordinates.
    corners = np.stack([[x, x + box_width, x, x + box_width], [y, y, y + box_height, y + box_height]]) - 0.5
    moved = np.einsum("ij,jkn->ikn", transform[:, :2], corners) + transform[:, 2, None, None] + 0.5
    low = np.clip(moved.min(axis=1), 0, [[width], [height]])
    high = np.clip(moved.max(axis=1), 0, [[width], [height]])
    kept = np.all(high - low >= 1, axis=0)
    return np.concatenate([low, high - low]).T[kept]


def _random_colours(image: np.ndarray, augmentation: Augmentation, rng: np.random.Generator) -> np.ndarray:
    if augmentation.saturation:
        factor = 1 + rng.uniform(-1, 1) * augmentation.saturation
        gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        image = cv2.addWeighted(image, factor, gray, 1 - factor, 0)
    if augmentation.brightness or augmentation.contrast:
        contrast = 1 + rng.uniform(-1, 1) * augmentation.contrast
        shift = 255 * rng.uniform(-1, 1) * augmentation.brightness
        mean = float(image.mean())
        levels = (np.arange(256) - mean) * contrast + mean + shift
        image = cv2.LUT(image, np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    return image
