"""Psoriasis Area and Severity Index, in exact decimal arithmetic.

Reference: Fredriksson and Pettersson, "Severe psoriasis - oral therapy with a new retinoid", Dermatologica 157 (1978).
"""

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from numbers import Integral

from tfderm.errors import InputError

REGION_WEIGHTS = {
    "head": Decimal("0.1"),
    "torso": Decimal("0.3"),
    "upper_limbs": Decimal("0.2"),
    "lower_limbs": Decimal("0.4"),
}
REGIONS = tuple(REGION_WEIGHTS)
COMPONENT_LIMITS = {"erythema": 4, "induration": 4, "desquamation": 4, "area": 6}
# Name and lowest score of each band: PSENet paper, figure 4.
SEVERITY_BANDS = (("mild", 0), ("medium", 5), ("severe", 10))
AREA_LIMITS = (10, 30, 50, 70, 90)


def pasi(regions: Mapping[str, Mapping[str, int]]) -> Decimal:
    """The PASI of one visit: the sum over four regions of weight * (E + I + D) * A.

    Args:
        regions: for each of head, torso, upper_limbs and lower_limbs the whole numbers erythema, induration and
            desquamation (0..4) and area (0..6).

    Returns:
        0.0 .. 72.0, exact to one decimal.

    Raises:
        InputError: a region or component is missing, unknown or outside its range.

    Example:
        >>> clear = {"erythema": 0, "induration": 0, "desquamation": 0, "area": 0}
        >>> head = {"erythema": 2, "induration": 1, "desquamation": 1, "area": 3}
        >>> pasi({"head": head, "torso": clear, "upper_limbs": clear, "lower_limbs": clear})
        Decimal('1.2')
    """
    _check_names("PASI regions", regions, REGIONS)
    total = Decimal("0.0")
    for region, weight in REGION_WEIGHTS.items():
        _check_names(f"PASI components of {region}", regions[region], COMPONENT_LIMITS)
        total += weight * region_score(**regions[region])
    return total


def pasi_from_fields(fields: Mapping[str, str]) -> Decimal:
    """The PASI of one visit from 16 cells of text, as a CSV row or a form holds them.

    Args:
        fields: `REGION_COMPONENT` ("head_erythema" ... "lower_limbs_area"); instead of an area score the affected share
            of the region's skin may be given as `REGION_area_percent`. Other fields are ignored.

    Returns:
        0.0 .. 72.0, exact to one decimal.

    Raises:
        InputError: names the field that is missing, given in both forms, no number or outside its range.
    """
    return pasi({region: {name: _field(fields, region, name) for name in COMPONENT_LIMITS} for region in REGIONS})


def pasi_from_region_scores(scores: Mapping[str, float]) -> float:
    """The PASI of one visit from the four region scores (E + I + D) * A, each 0..72, as a model estimates them.

    Raises:
        InputError: a region is missing or unknown, or a score outside 0..72.
    """
    _check_names("PASI regions", scores, REGIONS)
    return math.fsum(float(weight) * _number(region, scores[region], 72) for region, weight in REGION_WEIGHTS.items())


def region_score(erythema: int, induration: int, desquamation: int, area: int) -> int:
    """(E + I + D) * A of one region, 0..72.

    Raises:
        InputError: erythema, induration or desquamation is not a whole number 0..4, or area not one of 0..6.
    """
    values = {"erythema": erythema, "induration": induration, "desquamation": desquamation, "area": area}
    for name, value in values.items():
        limit = COMPONENT_LIMITS[name]
        if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= value <= limit:
            raise InputError(f"{name} must be a whole number from 0 to {limit}. Received: {value!r}.")
    return (int(erythema) + int(induration) + int(desquamation)) * int(area)


def composed_severity(components):
    """(E + I + D) * A of grades that need not be whole numbers, as a model estimates them; nothing is checked.

    Args:
        components: erythema, induration, desquamation and area by name, numbers or arrays of one shape.
    """
    return (components["erythema"] + components["induration"] + components["desquamation"]) * components["area"]


def area_score(percent: float | Decimal | Fraction) -> int:
    """Area score of the percentage of a region's skin that is affected.

    0 -> 0, below 10 -> 1, below 30 -> 2, below 50 -> 3, below 70 -> 4, below 90 -> 5, up to 100 -> 6.

    Raises:
        InputError: `percent` is not a number from 0 to 100.
    """
    percent = _number("percent", percent, 100)
    return 0 if percent == 0 else 1 + sum(percent >= limit for limit in AREA_LIMITS)


def severity_band(score: float | Decimal | Fraction) -> str:
    """`mild` below 5, `medium` below 10, else `severe`: `SEVERITY_BANDS`.

    Raises:
        InputError: `score` is not a number from 0 to 72.
    """
    score = _number("score", score, 72)
    return [name for name, threshold in SEVERITY_BANDS if score >= threshold][-1]


def _field(fields: Mapping[str, str], region: str, component: str) -> int:
    name, percent = f"{region}_{component}", f"{region}_area_percent"
    text = (fields.get(name) or "").strip()
    share = (fields.get(percent) or "").strip() if component == "area" else ""
    if text and share:
        raise InputError(f"{name} and {percent} are both given; keep one.")
    if share:
        return area_score(_decimal(percent, share))
    if not text:
        also = f" (or {percent})" if component == "area" else ""
        raise InputError(f"{name}{also} is missing; give a whole number from 0 to {COMPONENT_LIMITS[component]}.")
    value = _decimal(name, text)
    if not 0 <= value <= COMPONENT_LIMITS[component] or value % 1:
        raise InputError(f"{name} must be a whole number from 0 to {COMPONENT_LIMITS[component]}. Received: {text}")
    return int(value)


def _decimal(name: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise InputError(f"{name} must be a number. Received: {text}")
    return value


def _number(name: str, value: float | Decimal | Fraction, limit: int) -> float | Decimal | Fraction:
    try:
        if not isinstance(value, str | bool) and 0 <= value <= limit:
            return value
    except (TypeError, InvalidOperation):
        pass
    raise InputError(f"{name} must be a number from 0 to {limit}. Received: {value!r}.")


def _check_names(what: str, received: Mapping[str, object], expected: Mapping[str, object] | tuple[str, ...]) -> None:
    if not isinstance(received, Mapping) or set(received) != set(expected):
        got = sorted(map(str, received)) if isinstance(received, Mapping) else repr(received)
        raise InputError(f"{what} must be exactly {', '.join(expected)}. Received: {got}.")
