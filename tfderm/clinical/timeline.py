"""Severity over the visits of a patient: which changes are more than the model's own error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tfderm.clinical.pasi import severity_band


@dataclass(frozen=True)
class Point:
    """One visit of a timeline.

    Args:
        visit: its name.
        severity: score, PASI points.
        interval: low, high around the score.
        num_photographs: photographs that the score is the mean of.
        change: score minus that of the first visit; None at the first.
        verdict: "better" or "worse" where |change| exceeds the smallest detectable change, "no detectable change" where
            it does not, "" at the first visit.
    """

    visit: str
    severity: float
    interval: tuple[float, float]
    num_photographs: int
    change: float | None
    verdict: str


def timeline(
    scores: Mapping[str, Sequence[float]],
    half_width: Mapping[str, float],
    limits: tuple[float, float],
    detectable_change: float,
) -> list[Point]:
    """Follow one patient (or one region of a patient).

    A visit's score is the mean over its photographs. Its interval is that of a single photograph, which is too wide
    rather than too narrow for a mean. Changes are counted from the first visit, so that slow ones show.

    Args:
        scores: visit -> scores of its photographs, in order of time.
        half_width: band of the score -> half-width of its interval.
        limits: lowest and highest score there is.
        detectable_change: smallest change, in points, that the model's error does not explain.
    """
    points: list[Point] = []
    for visit, own in scores.items():
        severity = sum(own) / len(own)
        half = half_width[severity_band(severity)]
        change = severity - points[0].severity if points else None
        points.append(
            Point(
                visit=visit,
                severity=severity,
                interval=(max(limits[0], severity - half), min(limits[1], severity + half)),
                num_photographs=len(own),
                change=change,
                verdict="" if change is None else _verdict(change, detectable_change),
            )
        )
    return points


def _verdict(change: float, detectable_change: float) -> str:
    if abs(change) <= detectable_change:
        return "no detectable change"
    return "worse" if change > 0 else "better"
