"""Prediction intervals by split conformal prediction, one width per severity band of the prediction."""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from tfderm.clinical.pasi import SEVERITY_BANDS, severity_band
from tfderm.errors import InputError

BANDS = tuple(name for name, _ in SEVERITY_BANDS)


@dataclass(frozen=True)
class ConformalIntervals:
    """Half-widths of the interval around a predicted score, learned from photographs the model was not fitted to.

    The band is that of the predicted score, because the true one is unknown when a photograph is answered. If
    calibration and new patients are exchangeable, an interval holds the true score with probability `level` or more.

    Args:
        level: share of true scores that the intervals are to hold, e.g. 0.9.
        half_widths: band of the prediction -> half-width in PASI points.
        counts: band of the prediction -> photographs that its half-width rests on.
        limits: lowest and highest score there is; intervals are cut there, which loses no coverage.

    Reference:
        Vovk et al., "Algorithmic Learning in a Random World", 2005, section 4.5 (Mondrian conformal prediction).
    """

    level: float
    half_widths: Mapping[str, float]
    counts: Mapping[str, int]
    limits: tuple[float, float] = (0.0, 72.0)

    @classmethod
    def fit(cls, y_true: ArrayLike, y_pred: ArrayLike, level: float = 0.9) -> Self:
        """Calibrate on held-out photographs.

        A band with too few of them for its own quantile (9 at level 0.9) takes the one of all bands together.

        Args:
            y_true: (N,) true scores.
            y_pred: (N,) predicted scores, within the limits.

        Raises:
            InputError: too few photographs for this level in all.
        """
        errors = np.abs(np.asarray(y_true, np.float64) - np.asarray(y_pred, np.float64))
        band = predicted_bands(y_pred)
        overall = conformal_quantile(errors, level)
        check_enough(overall, errors.size, level, "An interval")
        own = {name: conformal_quantile(errors[band == name], level) for name in BANDS}
        return cls(
            level=level,
            half_widths={name: overall if math.isinf(width) else width for name, width in own.items()},
            counts={name: errors.size if math.isinf(own[name]) else int(np.sum(band == name)) for name in BANDS},
        )

    def bounds(self, y_pred: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bound (N,) of each predicted score (N,)."""
        y_pred = np.asarray(y_pred, np.float64)
        half = np.array([self.half_widths[name] for name in predicted_bands(y_pred)])
        return np.clip(y_pred - half, *self.limits), np.clip(y_pred + half, *self.limits)

    def covered(self, y_true: ArrayLike, y_pred: ArrayLike) -> np.ndarray:
        """(N,) bool: which true scores lie within their interval."""
        low, high = self.bounds(y_pred)
        y_true = np.asarray(y_true, np.float64)
        return (low <= y_true) & (y_true <= high)

    def to_json(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "half_widths": dict(self.half_widths),
            "counts": dict(self.counts),
            "limits": list(self.limits),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{**value, "limits": tuple(value["limits"])})


def conformal_quantile(errors: ArrayLike, level: float) -> float:
    """The ceil((n + 1) * level)-th smallest of n absolute errors; infinite where there are too few for the level.

    A new exchangeable error is at most this large with probability `level` or more.

    Raises:
        InputError: `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"`level` must be between 0 and 1. Received: level={level}")
    errors = np.sort(np.asarray(errors, np.float64))
    # The product may lie a rounding error above a whole number: 10 * 0.9 must stay the 9th, 30 * 0.9 the 27th.
    rank = math.ceil(round((errors.size + 1) * level, 9))
    return float(errors[rank - 1]) if rank <= errors.size else math.inf


def check_enough(quantile: float, count: int, level: float, what: str) -> None:
    """Raise `InputError` where `count` photographs were too few for a finite `conformal_quantile`."""
    if math.isinf(quantile):
        needed = math.ceil(round(level / (1 - level), 9))
        raise InputError(
            f"{what} at {level:.0%} needs at least {needed} photographs to calibrate on. "
            f"Received: {count}; hold out more (--set validation_fraction=...)."
        )


def halvings(groups: Sequence[Hashable], repeats: int, seed: int) -> Iterator[np.ndarray]:
    """Yield `repeats` masks (N,) bool of random halves of the groups; a group is never in both halves.

    Raises:
        InputError: fewer than two groups.
    """
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if names.size < 2:
        raise InputError(f"Halving needs at least two patients. Received: {names.size}.")
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        yield np.isin(index, rng.permutation(names.size)[: names.size // 2])


def predicted_bands(y_pred: ArrayLike) -> np.ndarray:
    """(N,) clinical band of each predicted score (N,)."""
    return np.array([severity_band(float(score)) for score in np.asarray(y_pred, np.float64)], dtype="<U6")


def repeated_coverage(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    groups: Sequence[Hashable],
    level: float = 0.9,
    repeats: int = 100,
    seed: int = 0,
) -> dict[str, Any]:
    """Coverage of `ConformalIntervals` over random halvings of the patients into calibration and test.

    Args:
        y_true: (N,) true scores.
        y_pred: (N,) predicted scores.
        groups: (N,) patients; a patient is never in both halves.
        level: of the intervals.
        repeats: number of halvings.
        seed: of the halvings.

    Returns:
        `coverage`: mean over the halvings of the share covered, its `sd`, and `bands`: per predicted band the mean
        coverage, the mean width, and `n`, photographs of the band in all. A value is None where no half held any.

    Raises:
        InputError: fewer than two groups, or too few photographs for the level.
    """
    y_true, y_pred = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    band = predicted_bands(y_pred)
    overall, by_band = [], {name: [] for name in BANDS}
    for calibrating in halvings(groups, repeats, seed):
        intervals = ConformalIntervals.fit(y_true[calibrating], y_pred[calibrating], level)
        held_out = ~calibrating
        covered = intervals.covered(y_true[held_out], y_pred[held_out])
        low, high = intervals.bounds(y_pred[held_out])
        overall.append(covered.mean())
        for name in BANDS:
            rows = band[held_out] == name
            if rows.any():
                by_band[name].append((covered[rows].mean(), (high - low)[rows].mean()))
    means = {name: np.mean(values, axis=0) if values else (None, None) for name, values in by_band.items()}
    return {
        "level": level,
        "repeats": repeats,
        "coverage": float(np.mean(overall)),
        "sd": float(np.std(overall, ddof=1)) if repeats > 1 else None,
        "bands": {
            name: {
                "n": int(np.sum(band == name)),
                "coverage": None if coverage is None else float(coverage),
                "width": None if width is None else float(width),
            }
            for name, (coverage, width) in means.items()
        },
    }
