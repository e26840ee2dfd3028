"""PASI against cases worked by hand."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfderm.clinical.pasi import REGIONS, area_score, pasi, region_score, severity_band
from tfderm.errors import InputError


def region(erythema, induration, desquamation, area):
    return {"erythema": erythema, "induration": induration, "desquamation": desquamation, "area": area}


def visit(head, torso, upper_limbs, lower_limbs):
    return dict(zip(REGIONS, (region(*head), region(*torso), region(*upper_limbs), region(*lower_limbs)), strict=True))


CLEAR = (0, 0, 0, 0)


@pytest.mark.parametrize(
    "regions, expected",
    [
        (visit(CLEAR, CLEAR, CLEAR, CLEAR), "0.0"),
        (visit(*[(4, 4, 4, 6)] * 4), "72.0"),
        # 0.1 * 4 * 3 + 0.3 * 6 * 2 + 0.2 * 5 * 1 + 0.4 * 9 * 4 = 1.2 + 3.6 + 1.0 + 14.4
        (visit((2, 1, 1, 3), (2, 2, 2, 2), (3, 1, 1, 1), (3, 3, 3, 4)), "20.2"),
        # each region alone shows its weight
        (visit((1, 0, 0, 1), CLEAR, CLEAR, CLEAR), "0.1"),
        (visit(CLEAR, (0, 1, 0, 1), CLEAR, CLEAR), "0.3"),
        (visit(CLEAR, CLEAR, (0, 0, 1, 1), CLEAR), "0.2"),
        (visit(CLEAR, CLEAR, CLEAR, (1, 0, 0, 1)), "0.4"),
    ],
)
def test_pasi_by_hand(regions, expected):
    result = pasi(regions)
    assert isinstance(result, Decimal)
    assert str(result) == expected


def test_pasi_is_exact_where_binary_floats_are_not():
    regions = visit((1, 0, 0, 1), CLEAR, (1, 0, 0, 1), CLEAR)
    assert 0.1 + 0.2 != 0.3
    assert pasi(regions) == Decimal("0.3")


COMPONENTS = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.integers(0, 6))


@given(st.tuples(COMPONENTS, COMPONENTS, COMPONENTS, COMPONENTS))
def test_pasi_in_whole_tenths(components):
    tenths = sum(w * (e + i + d) * a for w, (e, i, d, a) in zip((1, 3, 2, 4), components, strict=True))
    assert pasi(visit(*components)) * 10 == tenths


@pytest.mark.parametrize("components, expected", [((0, 0, 0, 6), 0), ((4, 4, 4, 0), 0), ((3, 2, 1, 5), 30)])
def test_region_score(components, expected):
    assert region_score(*components) == expected


@pytest.mark.parametrize(
    "percent, expected",
    [(0, 0), (0.01, 1), (9.99, 1), (10, 2), (29.9, 2), (30, 3), (49.9, 3), (50, 4), (69.9, 4), (70, 5), (89.9, 5)]
    + [(90, 6), (100, 6), (Decimal("9.9999999999999999999"), 1), (Fraction(100, 10), 2), (Fraction(1, 10**30), 1)],
)
def test_area_score_limits(percent, expected):
    assert area_score(percent) == expected


@pytest.mark.parametrize(
    "score, expected", [(0, "mild"), (4.9, "mild"), (5, "medium"), (9.9, "medium"), (10, "severe"), (72, "severe")]
)
def test_severity_band_limits(score, expected):
    assert severity_band(score) == expected


@pytest.mark.parametrize("components", [(5, 0, 0, 0), (0, -1, 0, 0), (0, 0, 5, 0), (0, 0, 0, 7), (1.5, 0, 0, 1)])
def test_components_out_of_range(components):
    with pytest.raises(InputError, match="must be a whole number from 0 to"):
        region_score(*components)


@pytest.mark.parametrize("value", [-0.1, 100.1, float("nan"), float("inf"), "10", None, True, Decimal("NaN")])
def test_percent_out_of_range(value):
    with pytest.raises(InputError, match="percent must be a number from 0 to 100"):
        area_score(value)


@pytest.mark.parametrize("value", [-1, 72.1, float("nan")])
def test_score_out_of_range(value):
    with pytest.raises(InputError, match="score must be a number from 0 to 72"):
        severity_band(value)


def test_missing_and_unknown_regions():
    regions = visit(CLEAR, CLEAR, CLEAR, CLEAR)
    del regions["torso"]
    with pytest.raises(InputError, match="PASI regions must be exactly head, torso, upper_limbs, lower_limbs"):
        pasi(regions)
    with pytest.raises(InputError, match="PASI regions"):
        pasi({**visit(CLEAR, CLEAR, CLEAR, CLEAR), "neck": region(*CLEAR)})


def test_missing_component():
    regions = visit(CLEAR, CLEAR, CLEAR, CLEAR)
    del regions["head"]["area"]
    with pytest.raises(InputError, match="PASI components of head"):
        pasi(regions)
