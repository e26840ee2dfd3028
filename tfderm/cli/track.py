"""`tfderm track BUNDLE TABLE`: severity over a patient's visits."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tfderm.errors import InputError


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "track",
        help="severity over a patient's visits, and which changes are real",
        description="Follow patients over their visits, each region by itself. TABLE is a CSV with the columns image, "
        "patient_id, visit (a number, or a date as 2026-11-21) and, where regions differ, region. A change counts when "
        "it exceeds the smallest detectable change that was measured when the bundle was exported.",
    )
    parser.add_argument("bundle", metavar="BUNDLE", type=Path)
    parser.add_argument("table", metavar="TABLE", type=Path)
    parser.add_argument("-o", "--output", metavar="CSV", type=Path, help="also write the timelines as a CSV")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tfderm.clinical.timeline import timeline
    from tfderm.datasets.visits import read_visits
    from tfderm.runtime.predictor import Predictor
    from tfderm.runtime.preprocess import decode

    predictor = Predictor(arguments.bundle)
    uncertainty = predictor.contract.uncertainty
    if "change" not in uncertainty:
        raise InputError(
            f"{arguments.bundle} says nothing of its own error in a change: export a severity run again whose "
            "validation split has patients with several visits (columns patient_id and visit)."
        )
    patients = read_visits(arguments.table, need_region=False)
    interval, change = uncertainty["interval"], uncertainty["change"]
    rows: list[dict[str, Any]] = []
    for patient, visits in patients.items():
        for region in {region: None for own in visits.values() for region in own}:
            scores = {
                visit: [predictor.answer(decode(image))["severity"] for image in own[region]]
                for visit, own in visits.items()
                if region in own
            }
            points = timeline(scores, interval["half_widths"], tuple(interval["limits"]), change["value"])
            rows += [{"patient_id": patient, "region": region, **asdict(point)} for point in points]
    if arguments.output:
        from tfderm.files import write_csv

        flat = [
            {**{name: value for name, value in row.items() if name != "interval"}, "low": low, "high": high}
            for row in rows
            for low, high in [row["interval"]]
        ]
        write_csv(arguments.output, list(flat[0]), flat)
    if arguments.json:
        print(json.dumps({"uncertainty": uncertainty, "visits": rows}, indent=2))
        return 0
    for row in rows:
        low, high = row["interval"]
        words = f"{row['severity']:.1f} ({low:.1f} to {high:.1f})"
        if row["change"] is not None:
            words += f", {row['change']:+.1f} since the first visit: {row['verdict']}"
        print(" ".join(filter(None, (row["patient_id"], row["region"], f"visit {row['visit']}:", words))))
    print(
        f"In brackets {interval['level']:.0%} intervals. A change above {change['value']:.1f} points is hardly the "
        f"model's own error ({change['level']:.0%}, {change['num_pairs']} pairs of visits). "
        f"{predictor.contract.intended_use}"
    )
    return 0
