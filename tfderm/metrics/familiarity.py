"""How far an image lies from those a network was trained on, by the network's own features."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from tfderm.errors import InputError

MAX_COMPONENTS = 32
VARIANCE = 0.99
_LEAST_REST = 1e-5  # Of the variance, for the unit of distance: a hundred times what float32 loses of the variance.


@dataclass(frozen=True)
class PrincipalSubspace:
    """The directions in which the features of training images vary; what lies outside of them is unfamiliar.

    Args:
        mean: (D,) float32, of the training images.
        components: (k, D) float32, orthonormal.
        spread: the training images' mean squared distance from the subspace, at least 1e-5 of their variance.

    Reference:
        Wang et al., "ViM: Out-Of-Distribution with Virtual-logit Matching", CVPR 2022, section 4.1 (the residual).
    """

    mean: np.ndarray
    components: np.ndarray
    spread: float

    @classmethod
    def fit(cls, features: ArrayLike) -> Self:
        """Principal components of (N, D) features: as many as hold 99 % of the variance, at most 32, fewer than D.

        Raises:
            InputError: fewer than two images, or features that do not vary.
        """
        features = np.asarray(features, np.float64)
        if features.ndim != 2 or len(features) < 2 or not features.std(axis=0).any():
            raise InputError(
                f"`features` must be (N, D) of at least two images that differ. Received: {features.shape}"
            )
        mean = features.mean(axis=0)
        _, singular, directions = np.linalg.svd(features - mean, full_matrices=False)
        shares = np.cumsum(singular**2) / np.sum(singular**2)
        count = min(int(np.argmax(shares >= VARIANCE)) + 1, MAX_COMPONENTS, features.shape[1] - 1)
        components = directions[:count]
        # Few images lie in the subspace whole: what remains of them is rounding, and no measure for others.
        spread = max(np.sum(singular[count:] ** 2), _LEAST_REST * np.sum(singular**2)) / len(features)
        return cls(mean.astype(np.float32), components.astype(np.float32), float(spread))

    def distance(self, features: ArrayLike) -> np.ndarray:
        """(N,) squared distance of (N, D) features from the subspace, in units of `spread`."""
        centred = np.asarray(features, np.float64) - self.mean
        within = centred @ self.components.T.astype(np.float64)
        return (np.sum(centred**2, axis=1) - np.sum(within**2, axis=1)) / self.spread

    def save(self, path: Path) -> None:
        np.savez(path, mean=self.mean, components=self.components, spread=self.spread)

    @classmethod
    def load(cls, path: Path) -> Self:
        with np.load(path) as arrays:
            return cls(arrays["mean"], arrays["components"], float(arrays["spread"]))
