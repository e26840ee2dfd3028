"""Tables of photographs taken at visits: what `tfderm pasi` and `tfderm track` read."""

from collections import defaultdict
from pathlib import Path

from tfderm.clinical.pasi import REGIONS
from tfderm.datasets.manifest import read_table
from tfderm.errors import InputError

Visits = dict[str, dict[str, dict[str, list[Path]]]]
"""Patient -> visit -> region ("" where none is given) -> photographs."""


def read_visits(path: Path, *, need_region: bool) -> Visits:
    """Read a CSV with the columns image (relative to the CSV), patient_id, visit and region.

    Args:
        path: the CSV.
        need_region: refuse a photograph without a region; otherwise the column may be empty or absent.

    Returns:
        Patients in the order of the table, their visits in order of time: by number where every visit of a patient is a
        number, by text otherwise (dates as 2026-11-21).

    Raises:
        InputError: names the line and column that is missing or wrong, or says that the table is empty.
    """
    columns = ("image", "patient_id", "visit", *(["region"] if need_region else []))
    visits: Visits = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for line, row in read_table(path):
        if missing := [name for name in columns if not row.get(name)]:
            raise InputError(f"{path}, line {line or 1}: {', '.join(missing)} is missing.")
        if line == 0:
            continue
        region = row.get("region", "")
        if region and region not in REGIONS:
            raise InputError(
                f"{path}, line {line}, column region: must be one of {', '.join(REGIONS)}. Received: {region}"
            )
        visits[row["patient_id"]][row["visit"]][region].append(path.parent / row["image"])
    if not visits:
        raise InputError(f"{path} lists no photographs; add one row per photograph below the header.")
    return {patient: {visit: dict(own[visit]) for visit in _in_time(own)} for patient, own in visits.items()}


def _in_time(visits) -> list[str]:
    try:
        return sorted(visits, key=float)
    except ValueError:
        return sorted(visits)
