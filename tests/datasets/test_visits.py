"""Tables of visits: order in time, and what is refused."""

import pytest

from tfderm.datasets.visits import read_visits
from tfderm.errors import InputError
from tfderm.files import write_csv


def table(folder, *rows):
    path = folder / "photographs.csv"
    columns = ("image", "patient_id", "visit", "region")
    write_csv(path, columns, [dict(zip(columns, row, strict=True)) for row in rows])
    return path


@pytest.mark.parametrize(
    "visits, ordered",
    [
        (("10", "9", "1.5"), ["1.5", "9", "10"]),
        (("2026-10-01", "2025-12-31", "2026-02-03"), ["2025-12-31", "2026-02-03", "2026-10-01"]),
    ],
)
def test_visits_come_in_order_of_time(tmp_path, visits, ordered):
    path = table(tmp_path, *[(f"{visit}.jpg", "p1", visit, "head") for visit in visits])
    assert list(read_visits(path, need_region=True)["p1"]) == ordered


def test_photographs_are_grouped_and_lie_beside_the_table(tmp_path):
    path = table(tmp_path, ("a.jpg", "p1", "1", "head"), ("b.jpg", "p2", "1", ""), ("c.jpg", "p1", "1", "head"))
    visits = read_visits(path, need_region=False)
    assert visits["p1"] == {"1": {"head": [tmp_path / "a.jpg", tmp_path / "c.jpg"]}}
    assert visits["p2"] == {"1": {"": [tmp_path / "b.jpg"]}}


@pytest.mark.parametrize(
    "row, complaint",
    [
        (("a.jpg", "", "1", "head"), "line 2: patient_id is missing"),
        (("a.jpg", "p1", "", ""), "line 2: visit, region is missing"),
        (("a.jpg", "p1", "1", "arm"), "line 2, column region: must be one of head, torso"),
    ],
)
def test_a_wrong_row_is_named(tmp_path, row, complaint):
    with pytest.raises(InputError, match=complaint):
        read_visits(table(tmp_path, row), need_region=True)


def test_an_empty_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="lists no photographs"):
        read_visits(table(tmp_path), need_region=False)
