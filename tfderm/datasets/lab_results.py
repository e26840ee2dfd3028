"""Results of blood reports beside photographs: joined to a manifest by patient and date."""

import functools
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tfderm.clinical.labs import parse
from tfderm.clinical.labs.analytes import analytes
from tfderm.datasets.manifest import read_table
from tfderm.errors import InputError
from tfderm.files import write_csv

PREFIX = "lab_"


@dataclass(frozen=True)
class Attached:
    """What was added: unit and number of filled cells by column; rows, and how many of them got a value; results left
    out because they are marked or bounds, cells left empty because results of one day differ, lines not read."""

    columns: dict[str, tuple[str, int]]
    rows: int
    matched: int
    marked: int
    bounds: int
    conflicts: int
    unread: int

    def to_json(self) -> dict[str, Any]:
        columns = {name: {"unit": unit, "rows": number} for name, (unit, number) in self.columns.items()}
        return {**asdict(self), "columns": columns}


def attach(
    manifest: Path,
    reports: Path,
    output: Path,
    *,
    window: int,
    date_column: str = "date",
    min_confidence: float = 0.9,
    day_first: bool | None = None,
    reading: Callable[[str], None] = lambda file: None,
) -> Attached:
    """Write a copy of a manifest with a column `lab_ANALYTE` per analyte, in the unit of the analytes' table.

    Args:
        manifest: CSV with patient_id and a column of dates, YYYY-MM-DD; an empty date gets no results.
        reports: CSV with file (relative to it), patient_id and optionally date, which has precedence over the report's.
        output: in the manifest's folder, so that its images are found.
        window: the most days between photograph and collection; of several the nearest is taken, of two equally near
            the earlier.
        date_column: the manifest's.
        min_confidence: results below are left out.
        day_first: as for `clinical.labs.parse`.
        reading: called with each report's name before it is read.

    Raises:
        InputError: a column, date or file is missing or wrong, a report's own date is, or `output` would overwrite a
            file that was given; nothing is written then.
    """
    if output.resolve() in (manifest.resolve(), reports.resolve()):
        raise InputError(f"{output} would overwrite what it is made from; name a new file.")
    if output.resolve().parent != manifest.resolve().parent:
        raise InputError(
            f"{output} must lie in {manifest.parent}, because the manifest's image paths are relative to it."
        )
    rows, columns = _manifest(manifest, date_column)
    results, counts, unit_of = _results(reports, min_confidence, day_first, reading)
    names = {_column(analyte): analyte for analyte in unit_of}
    if taken := [name for name in names if name in columns]:
        raise InputError(f"{manifest} already has a column {taken[0]}; remove it, or start from the original manifest.")
    filled = dict.fromkeys(names, 0)
    matched = conflicts = 0
    for row in rows:
        own = _nearest(results[row["patient_id"]], row[date_column], window)
        for name, analyte in names.items():
            values = own.get(analyte, set())
            conflicts += len(values) > 1
            row[name] = f"{next(iter(values)):g}" if len(values) == 1 else ""
            filled[name] += bool(row[name])
        matched += any(row[name] for name in names)
    write_csv(output, [*columns, *names], rows)
    return Attached(
        columns={name: (unit_of[analyte], filled[name]) for name, analyte in names.items()},
        rows=len(rows),
        matched=matched,
        conflicts=conflicts,
        **counts,
    )


def _manifest(path: Path, date_column: str) -> tuple[list[dict[str, str]], list[str]]:
    rows: list[dict[str, str]] = []
    columns: list[str] = []
    for line, row in read_table(path):
        if line == 0:
            columns = list(row)
            for needed in ("patient_id", date_column):
                if needed not in row:
                    raise InputError(f"{path}, line 1: column {needed} is missing. Received: {', '.join(row)}.")
            continue
        if row[date_column]:
            _day(row[date_column], f"{path}, line {line}, column {date_column}")
        rows.append(row)
    if not rows:
        raise InputError(f"{path} lists no photographs; add one row per photograph below the header.")
    return rows, columns


_Results = dict[str, dict[str, dict[date, set[float]]]]


def _results(
    path: Path, min_confidence: float, day_first: bool | None, reading: Callable[[str], None]
) -> tuple[_Results, dict[str, int], dict[str, str]]:
    """Values by patient, analyte and day; how many were left out; the unit of each analyte."""
    results: _Results = defaultdict(lambda: defaultdict(lambda: defaultdict(set)))
    counts = {"marked": 0, "bounds": 0, "unread": 0}
    unit_of: dict[str, str] = {}
    empty = True
    for line, row in read_table(path):
        if missing := [name for name in ("file", "patient_id") if not row.get(name)]:
            raise InputError(f"{path}, line {line or 1}: {', '.join(missing)} is missing.")
        if line == 0:
            continue
        empty = False
        reading(row["file"])
        report = parse(path.parent / row["file"], day_first=day_first)
        day = _day(row["date"], f"{path}, line {line}, column date") if row.get("date") else report.collected
        if day is None:
            days = " or ".join(str(day) for day in report.collected_candidates)
            found = f"it may be {days}: give --dates, or" if days else "it states none:"
            raise InputError(
                f"{path}, line {line}: the day of {row['file']} is not known; {found} fill in the column date."
            )
        counts["unread"] += len(report.unread)
        for result in report.results:
            if result.confidence < min_confidence or result.converted_value is None:
                counts["marked"] += 1
            elif result.comparator:
                counts["bounds"] += 1
            else:
                results[row["patient_id"]][result.analyte][day].add(result.converted_value)
                unit_of[result.analyte] = result.converted_unit
    if empty:
        raise InputError(f"{path} lists no reports; add one row per report below the header.")
    return results, counts, unit_of


def _nearest(results: dict[str, dict[date, set[float]]], text: str, window: int) -> dict[str, set[float]]:
    """Per analyte the values of the day nearest to a photograph's; more than one where that day's differ."""
    if not text:
        return {}
    taken = date.fromisoformat(text)
    nearest = {}
    for analyte, by_day in results.items():
        days = [day for day in by_day if abs((day - taken).days) <= window]
        if days:
            nearest[analyte] = by_day[min(days, key=lambda day: (abs((day - taken).days), day))]
    return nearest


@functools.cache
def units() -> dict[str, str]:
    """Column -> the UCUM unit of its values, for every analyte of the table."""
    return {_column(analyte.name): analyte.unit for analyte in analytes()}


def _column(analyte: str) -> str:
    return PREFIX + re.sub(r"[^a-z0-9]+", "_", analyte.lower()).strip("_")


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{where}: must be a date as 2025-03-22. Received: {text}") from None
