"""Sets of classes by split conformal prediction, one threshold per class."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from tfderm.metrics.classification import check_probabilities
from tfderm.metrics.conformal import check_enough, conformal_quantile, halvings

SET_LEVEL = 0.9
"""Share of the sets of classes that are to hold the true one."""


@dataclass(frozen=True)
class ConformalSets:
    """The smallest probability with which each class belongs to the set of possible answers.

    If calibration and new images are exchangeable, the set holds the true class with probability `level` or more, and
    that within every class that has images enough for a threshold of its own. A set may hold several classes, where the
    model cannot tell them apart, or none, where no class is as probable as it is for images of that class: such an
    image is unlike those of any class.

    Args:
        level: share of images whose set is to hold the true class, e.g. 0.9.
        thresholds: label -> smallest probability, in the order of the probabilities.
        counts: label -> images that its threshold rests on.

    Reference:
        Sadinle, Lei & Wasserman, "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels", JASA 2019.
    """

    level: float
    thresholds: Mapping[str, float]
    counts: Mapping[str, int]

    @classmethod
    def fit(cls, y_true: ArrayLike, probabilities: ArrayLike, labels: Sequence[str], level: float = 0.9) -> Self:
        """Calibrate on held-out images; the score of an image is 1 - p(true class).

        A class with too few of them for its own quantile (9 at level 0.9) takes the one of all classes together.

        Args:
            y_true: (N,) true classes, integers.
            probabilities: (N, num_classes), rows sum to 1.
            labels: of the classes.

        Raises:
            InputError: too few images for this level in all.
        """
        y_true, probabilities = check_probabilities(y_true, probabilities)
        scores = 1 - probabilities[np.arange(y_true.size), y_true]
        overall = conformal_quantile(scores, level)
        check_enough(overall, y_true.size, level, "A prediction set")
        own = [conformal_quantile(scores[y_true == index], level) for index in range(len(labels))]
        quantiles = [overall if math.isinf(quantile) else quantile for quantile in own]
        counts = [
            y_true.size if math.isinf(quantile) else int(np.sum(y_true == index)) for index, quantile in enumerate(own)
        ]
        return cls(
            level=level,
            thresholds={label: 1 - quantile for label, quantile in zip(labels, quantiles, strict=True)},
            counts=dict(zip(labels, counts, strict=True)),
        )

    def members(self, probabilities: ArrayLike) -> np.ndarray:
        """(N, num_classes) bool: which classes are in the set of each image; compared in float32, as a graph does."""
        return np.asarray(probabilities, np.float32) >= np.array(list(self.thresholds.values()), np.float32)

    def to_json(self) -> dict[str, Any]:
        return {"level": self.level, "thresholds": dict(self.thresholds), "counts": dict(self.counts)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)


def repeated_set_coverage(
    y_true: ArrayLike,
    probabilities: ArrayLike,
    groups: Sequence[Hashable],
    labels: Sequence[str],
    level: float = 0.9,
    repeats: int = 100,
    seed: int = 0,
) -> dict[str, Any]:
    """Coverage of `ConformalSets` over random halvings of the patients into calibration and test.

    Args:
        y_true: (N,) true classes, integers.
        probabilities: (N, num_classes), rows sum to 1.
        groups: (N,) patients; a patient is never in both halves.
        labels: of the classes.
        level: of the sets.
        repeats: number of halvings.
        seed: of the halvings.

    Returns:
        Means over the halvings: `coverage`, the share of sets that hold the true class, with its `sd`; `size`, classes
        in a set; `empty` and `single`, shares of sets with no class and with one; `classes`: per true class its
        `coverage`, and `n`, its images in all. A value is None where no half held any.

    Raises:
        InputError: fewer than two groups, or too few images for the level.
    """
    y_true, probabilities = check_probabilities(y_true, probabilities)
    covered_shares, sizes, of_class = [], [], [[] for _ in labels]
    for calibrating in halvings(groups, repeats, seed):
        sets = ConformalSets.fit(y_true[calibrating], probabilities[calibrating], labels, level)
        truth = y_true[~calibrating]
        members = sets.members(probabilities[~calibrating])
        covered = members[np.arange(truth.size), truth]
        size = members.sum(axis=1)
        covered_shares.append(covered.mean())
        sizes.append((size.mean(), np.mean(size == 0), np.mean(size == 1)))
        for index, shares in enumerate(of_class):
            if (truth == index).any():
                shares.append(covered[truth == index].mean())
    size, empty, single = np.mean(sizes, axis=0)
    return {
        "level": level,
        "repeats": repeats,
        "coverage": float(np.mean(covered_shares)),
        "sd": float(np.std(covered_shares, ddof=1)) if repeats > 1 else None,
        "size": float(size),
        "empty": float(empty),
        "single": float(single),
        "classes": {
            label: {"n": int(np.sum(y_true == index)), "coverage": float(np.mean(shares)) if shares else None}
            for index, (label, shares) in enumerate(zip(labels, of_class, strict=True))
        },
    }
