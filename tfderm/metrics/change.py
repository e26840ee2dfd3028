"""How large a change of the predicted severity must be before the model's own error cannot explain it."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfderm.errors import InputError
from tfderm.metrics.conformal import conformal_quantile


def smallest_detectable_change(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    series: Sequence[Hashable],
    visits: Sequence[Hashable],
    level: float = 0.95,
) -> dict[str, Any]:
    """The change between two visits that the model's error exceeds with probability 1 - `level` at most.

    The error of a change is (predicted change) - (true change) between two visits of one series. What a model gets
    wrong about a patient every time cancels in it; therefore it is measured on pairs of visits and not derived from
    the error of single scores.

    Args:
        y_true: (N,) true scores of photographs.
        y_pred: (N,) predicted scores.
        series: (N,) what is followed, e.g. (patient, region).
        visits: (N,) visit of each photograph; photographs of one visit are averaged.
        level: share of changes without cause that stay below the value.

    Returns:
        `value` in PASI points, `level`, and what it rests on: `num_pairs` of visits, of `num_series`.

    Raises:
        InputError: too few pairs of visits for this level (19 at 0.95).
    """
    errors = np.asarray(y_pred, np.float64) - np.asarray(y_true, np.float64)
    by_visit: dict[Hashable, dict[Hashable, list[float]]] = defaultdict(lambda: defaultdict(list))
    for error, name, visit in zip(errors, series, visits, strict=True):
        by_visit[name][visit].append(float(error))
    followed = [[np.mean(own) for own in visits.values()] for visits in by_visit.values() if len(visits) > 1]
    changes = [abs(later - earlier) for means in followed for earlier, later in combinations(means, 2)]
    value = conformal_quantile(changes, level)
    if np.isinf(value):
        raise InputError(
            f"A smallest detectable change needs more pairs of visits at {level:.0%}. Received: {len(changes)}."
        )
    return {"value": value, "level": level, "num_pairs": len(changes), "num_series": len(followed)}
