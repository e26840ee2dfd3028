"""`tfderm labs`: results of blood reports, and their way into a manifest."""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tfderm.errors import InputError

_COLUMNS = (
    "report", "page", "analyte", "loinc", "value", "comparator", "unit", "unit_printed", "reference_low",
    "reference_high", "flag", "flag_printed", "derived_flag", "converted_value", "converted_unit", "collected",
    "confidence", "doubts", "left", "top", "right", "bottom", "evidence",
)  # fmt: skip
_UNREAD_COLUMNS = ("report", "page", "left", "top", "right", "bottom", "reason", "text")


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser("labs", help="blood reports: results, and manifests with them", description=__doc__)
    verbs = parser.add_subparsers(dest="labs_verb", metavar="VERB", required=True)

    parse = verbs.add_parser("parse", help="read results from reports", description=run_parse.__doc__)
    parse.add_argument("files", metavar="FILE", nargs="+", type=Path, help="PDF, scan (PDF or image), text or CSV")
    parse.add_argument("-o", "--output", metavar="CSV", type=Path, help="write the results, and CSV.unread.csv beside")
    parse.add_argument(
        "--to", metavar="UNIT", nargs="+", default=[], help='convert to these UCUM units: "g/L" "10*9/L"'
    )
    parse.add_argument("--json", action="store_true", help="print JSON")
    _add_dates(parse)
    parse.set_defaults(run=run_parse)

    attach = verbs.add_parser("attach", help="add results to a manifest", description=run_attach.__doc__)
    attach.add_argument("manifest", metavar="MANIFEST", type=Path, help="CSV with image, patient_id and a date column")
    attach.add_argument(
        "--reports", metavar="TABLE", type=Path, required=True,
        help="CSV with file (relative to it), patient_id and, where the report's own is missing or wrong, date",
    )  # fmt: skip
    attach.add_argument("--window", metavar="DAYS", type=int, required=True, help="the most days between both dates")
    attach.add_argument("--date-column", metavar="NAME", default="date", help="the manifest's (default date)")
    attach.add_argument("--min-confidence", metavar="C", type=float, default=0.9, help="leave others out (default 0.9)")
    attach.add_argument("-o", "--output", metavar="CSV", type=Path, required=True, help="new manifest in its folder")
    attach.add_argument("--json", action="store_true", help="print what was attached as JSON")
    _add_dates(attach)
    attach.set_defaults(run=run_attach)


def _add_dates(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dates", choices=("day-first", "month-first"), help="how reports write 03/04/2025 (default: by other dates)"
    )


def _day_first(arguments: argparse.Namespace) -> bool | None:
    return None if arguments.dates is None else arguments.dates == "day-first"


def run_parse(arguments: argparse.Namespace) -> int:
    """Read the results of blood reports. A result with a confidence below 0.9 is marked with ?, and says why; lines
    that no result was read from are listed. Names and numbers of people are not copied, nor is a file's name, which may
    hold them: reports are numbered in the order given."""
    from tfderm.clinical.labs import parse
    from tfderm.clinical.labs.units import is_unit

    for unit in arguments.to:
        if not is_unit(unit):
            raise InputError(f'--to takes UCUM units, as "g/L", "10*9/L" or "mmol/L". Received: {unit}')
    reports = []
    for file in arguments.files:
        if len(arguments.files) > 1:
            print(f"reading {file}", file=sys.stderr)
        reports.append(parse(file, day_first=_day_first(arguments), units=arguments.to))
    numbered = [{"report": number, **report.to_json()} for number, report in enumerate(reports, 1)]
    if arguments.output:
        from tfderm.files import write_csv

        write_csv(arguments.output, _COLUMNS, _rows(numbered))
        write_csv(arguments.output.with_suffix(".unread.csv"), _UNREAD_COLUMNS, _unread_rows(numbered))
    if arguments.json:
        print(json.dumps({"reports": numbered}, indent=2, ensure_ascii=False))
        return 0
    for report in numbered:
        _print(report)
    return 0


def _rows(reports: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for report in reports:
        for result in report["results"]:
            row = {**result, **_edges(result["box"]), "doubts": "; ".join(result["doubts"])}
            row |= {"report": report["report"], "collected": report["collected"]}
            yield {name: row[name] for name in _COLUMNS}


def _unread_rows(reports: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for report in reports:
        for line in report["unread"]:
            row = {**line, **_edges(line["box"]), "report": report["report"]}
            yield {name: row[name] for name in _UNREAD_COLUMNS}


def _edges(box: list[float]) -> dict[str, float]:
    return dict(zip(("left", "top", "right", "bottom"), box, strict=True))


def _print(report: dict[str, Any]) -> None:
    days = report["collected"] or " or ".join(report["collected_candidates"]) or "date not stated"
    print(f"report {report['report']}: {report['pages']} pages, {days}")
    for result in report["results"]:
        low, high = ("" if end is None else f"{end:g}" for end in (result["reference_low"], result["reference_high"]))
        value = f"{result['comparator'] or ''}{result['value']:g} {result['unit'] or ''}"
        if result["converted_unit"] not in (None, result["unit"]):
            value += f" = {result['converted_value']:.4g} {result['converted_unit']}"
        words = f"  {result['analyte']:42} {result['loinc'] or '-':8} {value:34}"
        words += f" {f'[{low}, {high}]' if low or high else '':16} {result['flag'] or '':2} p. {result['page']}"
        print(words + (f"  ? {result['confidence']:.2f}: {', '.join(result['doubts'])}" if result["doubts"] else ""))
    for line in report["unread"]:
        left, top = line["box"][:2]
        print(f"  not read, p. {line['page']} at {left:.0f},{top:.0f}: {line['reason']}: {line['text']}")


def run_attach(arguments: argparse.Namespace) -> int:
    """Add a column per analyte to a copy of a manifest: of each patient's results within the window the nearest in
    time, the earlier of two equally near, in one unit per analyte. A cell stays empty where there is none, where the
    report prints a bound instead of a value, where it is marked, and where results of one day differ."""
    from tfderm.datasets.lab_results import attach

    if arguments.window < 0:
        raise InputError(f"--window must be 0 days or more. Received: {arguments.window}.")
    attached = attach(
        arguments.manifest,
        arguments.reports,
        arguments.output,
        window=arguments.window,
        date_column=arguments.date_column,
        min_confidence=arguments.min_confidence,
        day_first=_day_first(arguments),
        reading=lambda file: print(f"reading {file}", file=sys.stderr),
    )
    if arguments.json:
        print(json.dumps(attached.to_json(), indent=2))
        return 0
    for column, (unit, number) in attached.columns.items():
        print(f"{column:50} {unit:20} {number} rows")
    print(
        f"{attached.matched} of {attached.rows} rows have results of their patient within {arguments.window} days; "
        f"{attached.marked} results were left out as marked, {attached.bounds} as bounds, {attached.conflicts} cells "
        f"because results of one day differ; {attached.unread} lines of reports were not read"
    )
    print(arguments.output)
    return 0
