"""Which images form which step of an epoch: a function of seed and epoch alone, so that a resumed run repeats it."""

import numpy as np


def batch_order(
    num_images: int,
    batch_size: int,
    pairs: str,
    seed: int,
    epoch: int,
    classes: np.ndarray | None = None,
    images_per_class: int = 0,
) -> np.ndarray:
    """Positions of the images of every step.

    With `pairs="random"` each step draws its pairs anew, as the paper does: two different images each, at places
    2i and 2i + 1. With `classes` an epoch is as many images, or `images_per_class` of each, every class equally often:
    all of a rare class several times, a part of a common one. Otherwise it is a permutation. A remainder that fills no
    batch is left out.

    Args:
        num_images: size of the training split, at least 2.
        batch_size: images per step; lowered to `num_images` where that is smaller (to an even number for pairs).
        pairs: "random", "all" or "none".
        seed: of the run.
        epoch: 0, 1, ...
        classes: (num_images,) class of every image, or (num_images, num_labels), 1 for the labels that it shows, where
            they are to be drawn equally often; a label that others come with is shown more often than drawn.
        images_per_class: with `classes`; 0 for as many images as there are, in all.

    Returns:
        (steps, batch size) int64.
    """
    rng = np.random.default_rng([seed, epoch])
    batch_size = min(batch_size, num_images)
    if pairs != "random":
        positions = rng.permutation(num_images) if classes is None else _balanced(classes, images_per_class, rng)
        steps = len(positions) // batch_size
        return positions[: steps * batch_size].reshape(steps, batch_size)
    num_pairs = batch_size // 2
    steps = num_images // (2 * num_pairs)
    first = rng.integers(num_images, size=(steps, num_pairs))
    second = (first + rng.integers(1, num_images, size=first.shape)) % num_images
    return np.stack([first, second], axis=-1).reshape(steps, 2 * num_pairs)


def _balanced(classes: np.ndarray, images_per_class: int, rng: np.random.Generator) -> np.ndarray:
    shows = classes > 0 if classes.ndim == 2 else classes[:, None] == np.unique(classes)
    present = np.flatnonzero(shows.any(axis=0))
    share = images_per_class or -(-len(classes) // len(present))
    drawn = []
    for label in present:
        members = np.flatnonzero(shows[:, label])
        rounds = -(-share // len(members))
        drawn.append(np.concatenate([rng.permutation(members) for _ in range(rounds)])[:share])
    total = images_per_class * len(present) or len(classes)
    return rng.permutation(np.concatenate(drawn))[:total]
