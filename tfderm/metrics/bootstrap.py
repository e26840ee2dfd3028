"""Confidence intervals by resampling whole groups (patients, lesions), whose images are not independent."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfderm.errors import InputError


@dataclass(frozen=True)
class Interval:
    """A statistic with its bootstrap interval.

    Args:
        value: the statistic on all images.
        low: lower bound.
        high: upper bound.
        undefined: share of resamples on which the statistic is undefined (NaN) and which the bounds leave out.
    """

    value: float
    low: float
    high: float
    undefined: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """With None for NaN, which JSON has not."""
        return {key: None if math.isnan(value) else value for key, value in vars(self).items()}


def bootstrap_interval(
    statistic: Callable[..., float],
    arrays: Sequence[ArrayLike],
    groups: Sequence[Any],
    *,
    repeats: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic over resamples of groups.

    As many groups as there are, drawn with replacement, each with all of its images. The same groups and seed give
    the same resamples, so that intervals of several statistics belong together. Resamples on which the statistic is
    NaN (a class that was not drawn) are left out of the quantiles and counted in `Interval.undefined`. With fewer
    than about twenty groups such intervals are too narrow.

    Args:
        statistic: called as statistic(*arrays) with the resampled arrays; returns a number.
        arrays: arrays with N rows each.
        groups: (N,) group of each row.
        repeats: number of resamples.
        level: coverage, 0..1.
        seed: of the resamples.

    Raises:
        InputError: lengths differ or there are no rows.
    """
    return bootstrap_sample(statistic, arrays, groups, repeats=repeats, seed=seed).interval(level)


@dataclass(frozen=True)
class BootstrapSample:
    """A statistic on all images and on each resample.

    Two samples with the same groups and seed are of the same resamples: their difference is the paired difference.

    Args:
        value: on all images.
        resampled: (repeats,) float64, NaN where undefined.
    """

    value: float
    resampled: np.ndarray

    def __sub__(self, other: "BootstrapSample") -> "BootstrapSample":
        return BootstrapSample(self.value - other.value, self.resampled - other.resampled)

    def interval(self, level: float = 0.95) -> Interval:
        """The percentile interval; see `bootstrap_interval`."""
        defined = self.resampled[~np.isnan(self.resampled)]
        low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2]) if defined.size else (np.nan, np.nan)
        return Interval(float(self.value), float(low), float(high), 1 - defined.size / self.resampled.size)


def bootstrap_sample(
    statistic: Callable[..., float],
    arrays: Sequence[ArrayLike],
    groups: Sequence[Any],
    *,
    repeats: int = 1000,
    seed: int = 0,
) -> BootstrapSample:
    """The resamples behind `bootstrap_interval`, with its arguments."""
    arrays = [np.asarray(array) for array in arrays]
    lengths = {len(array) for array in arrays} | {len(groups)}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(f"`arrays` and `groups` must have the same length, at least 1. Received: {sorted(lengths)}")
    members, starts, sizes = _by_group(groups)
    random = np.random.default_rng(seed)
    values = np.empty(repeats)
    for repeat in range(repeats):
        drawn = random.integers(len(sizes), size=len(sizes))
        rows = members[_ranges(starts[drawn], sizes[drawn])]
        values[repeat] = statistic(*(array[rows] for array in arrays))
    return BootstrapSample(float(statistic(*arrays)), values)


def paired_difference(
    statistic: Callable[..., float],
    y_true: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    groups: Sequence[Any],
    *,
    repeats: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of statistic(y_true, a) - statistic(y_true, b), both on the same resamples.

    Args:
        statistic: called as statistic(y_true, predictions).
        y_true: N rows of truth.
        a: N rows of predictions.
        b: N rows of other predictions of the same images.
        groups: (N,) group of each row.
        repeats: number of resamples.
        level: coverage, 0..1.
        seed: of the resamples.
    """
    first, second = (
        bootstrap_sample(statistic, (y_true, prediction), groups, repeats=repeats, seed=seed) for prediction in (a, b)
    )
    return (first - second).interval(level)


def _by_group(groups: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row numbers sorted by group, and each group's first position and size in them; groups in order of appearance."""
    numbers: dict[Any, int] = {}
    index = np.array([numbers.setdefault(group, len(numbers)) for group in groups])
    sizes = np.bincount(index)
    return np.argsort(index, kind="stable"), np.cumsum(sizes) - sizes, sizes


def _ranges(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """start, start + 1, ..., start + size - 1 for every start, joined."""
    offsets = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return offsets + np.arange(sizes.sum())
