"""Which images form which step of an epoch: a function of seed and epoch alone, so that a resumed run repeats it."""

import numpy as np


def batch_order(num_images: int, batch_size: int, pairs: str, seed: int, epoch: int) -> np.ndarray:
    """Positions of the images of every step.

    With `pairs="random"` each step draws its pairs anew, as the paper does: two different images each, at places
    2i and 2i + 1. Otherwise an epoch is a permutation, less the remainder that fills no batch.

    Args:
        num_images: size of the training split, at least 2.
        batch_size: images per step; lowered to `num_images` where that is smaller (to an even number for pairs).
        pairs: "random", "all" or "none".
        seed: of the run.
        epoch: 0, 1, ...

    Returns:
        (steps, batch size) int64.
    """
    rng = np.random.default_rng([seed, epoch])
    batch_size = min(batch_size, num_images)
    if pairs != "random":
        steps = num_images // batch_size
        return rng.permutation(num_images)[: steps * batch_size].reshape(steps, batch_size)
    num_pairs = batch_size // 2
    steps = num_images // (2 * num_pairs)
    first = rng.integers(num_images, size=(steps, num_pairs))
    second = (first + rng.integers(1, num_images, size=first.shape)) % num_images
    return np.stack([first, second], axis=-1).reshape(steps, 2 * num_pairs)
