"""`tfderm pasi`: the Psoriasis Area and Severity Index, from grades or from photographs of the four regions."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfderm.clinical.pasi import (
    COMPONENT_LIMITS,
    REGIONS,
    area_score,
    pasi,
    pasi_from_fields,
    pasi_from_region_scores,
    severity_band,
)
from tfderm.errors import InputError


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "pasi",
        help="PASI from a table, from questions, or from photographs of the four regions",
        description="Without TABLE, asks for the 16 grades of one visit. A table of visits has the columns "
        "REGION_erythema, REGION_induration, REGION_desquamation and REGION_area (or REGION_area_percent) for "
        f"{', '.join(REGIONS)}. With --bundle, a table of photographs has the columns "
        "image, patient_id, visit and region; photographs of one region are averaged.",
    )
    parser.add_argument("table", metavar="TABLE", nargs="?", type=Path, help="CSV of visits, or of photographs")
    parser.add_argument("--bundle", metavar="BUNDLE", type=Path, help="severity model that scores the photographs")
    parser.add_argument("-o", "--output", metavar="CSV", type=Path, help="also write the answers as a CSV")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.bundle and not arguments.table:
        raise InputError("--bundle needs TABLE: a CSV of photographs with image, patient_id, visit and region.")
    if arguments.bundle:
        visits = list(_visits_of_photographs(arguments.table, arguments.bundle))
    elif arguments.table:
        visits = list(_visits_of_table(arguments.table))
    else:
        visits = [_answer(pasi(_ask()))]
    if arguments.output:
        from tfderm.files import write_csv

        write_csv(arguments.output, list(visits[0]), visits)
    if arguments.json:
        print(json.dumps(visits, indent=2, default=float))
        return 0
    for visit in visits:
        names = ", ".join(f"{name} {value}" for name, value in visit.items() if name not in ("pasi", "band") and value)
        print(f"PASI {visit['pasi']}, {visit['band']}{f'  ({names})' if names else ''}")
    return 0


def _answer(score) -> dict[str, Any]:
    return {"pasi": score, "band": severity_band(score)}


def _visits_of_table(path: Path) -> Iterator[dict[str, Any]]:
    """One answer per row, after the row's own columns that are no grades."""
    from tfderm.datasets.manifest import read_table

    grades = {f"{region}_{name}" for region in REGIONS for name in (*COMPONENT_LIMITS, "area_percent")}
    empty = True
    for line, row in read_table(path):
        if line == 0:
            continue
        empty = False
        try:
            score = pasi_from_fields(row)
        except InputError as error:
            raise InputError(f"{path}, line {line}: {error}") from None
        yield {name: value for name, value in row.items() if name not in grades} | _answer(score)
    if empty:
        raise InputError(f"{path} lists no visits; add one row per visit below the header.")


def _visits_of_photographs(path: Path, bundle: Path) -> Iterator[dict[str, Any]]:
    """One answer per patient and visit, with the region scores it is made of."""
    from tfderm.datasets.visits import read_visits
    from tfderm.runtime.predictor import Predictor
    from tfderm.runtime.preprocess import decode

    predictor = Predictor(bundle)
    if predictor.contract.task != "severity":
        raise InputError(f"{bundle} answers {predictor.contract.task}; a PASI needs a bundle of a severity model.")
    patients = read_visits(path, need_region=True)
    for patient, visits in patients.items():
        for visit, regions in visits.items():
            if missing := [region for region in REGIONS if region not in regions]:
                raise InputError(f"{path}: visit {visit} of {patient} has no photograph of {', '.join(missing)}.")
    for patient, visits in patients.items():
        for visit, regions in visits.items():
            scores = {
                region: sum(predictor.answer(decode(image))["severity"] for image in images) / len(images)
                for region, images in regions.items()
            }
            yield {
                "patient_id": patient,
                "visit": visit,
                **_answer(round(pasi_from_region_scores(scores), 2)),
                **{f"{region}_score": round(scores[region], 2) for region in REGIONS},
            }


def _ask() -> dict[str, dict[str, int]]:
    """The grades of the four regions from a person; a wrong answer is asked again."""
    print(
        "Grades: erythema, induration, desquamation 0 to 4; area 0 to 6, or the affected share as 35%.",
        file=sys.stderr,
    )
    return {
        region: {name: _ask_grade(region, name, limit) for name, limit in COMPONENT_LIMITS.items()}
        for region in REGIONS
    }


def _ask_grade(region: str, name: str, limit: int) -> int:
    question = f"{region.replace('_', ' ')}, {name}"
    while True:
        print(f"{question} (0-{limit}): ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
        if not answer:
            raise InputError(f"Input ended before {question} was given.")
        answer = answer.strip()
        try:
            if name == "area" and answer.endswith("%"):
                return area_score(float(answer[:-1]))
            if answer.isascii() and answer.isdigit() and int(answer) <= limit:
                return int(answer)
        except (ValueError, InputError):
            pass
        print(f"  a whole number from 0 to {limit}, please", file=sys.stderr)
