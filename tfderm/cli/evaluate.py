"""`tfderm evaluate RUN`: Run -> Run with metrics, figures and a report."""

import argparse
from pathlib import Path


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "evaluate",
        help="evaluate a run beside trivial baselines",
        description="Predict held-out images; write metrics.json, predictions.csv, figures/, report.html into RUN.",
    )
    parser.add_argument("path", metavar="RUN", type=Path)
    parser.add_argument("--data", metavar="SRC", help="other data than the run's own, as `tfderm train` takes it")
    parser.add_argument(
        "--split", choices=("train", "validation", "test"), default="test", help="of the run's own data"
    )
    parser.add_argument(
        "--missing",
        metavar="SHARES",
        type=_shares,
        default=(1.0,),
        help="of a model that reads metadata: shares of it to withhold, as 0,0.3,0.5,0.7,1 (default 1)",
    )
    parser.add_argument("--json", action="store_true", help="print metrics.json")
    parser.set_defaults(run=run)


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if not shares or not all(0 <= share <= 1 for share in shares):
        raise argparse.ArgumentTypeError(f"expected shares from 0 to 1 with commas between, received {text!r}")
    return shares


def run(arguments: argparse.Namespace) -> int:
    from tfderm.cli.backend import start_keras

    start_keras()
    import json

    from tfderm.evaluation import evaluate
    from tfderm.evaluation.area_of_interest import area_sentence
    from tfderm.evaluation.missing import missing_rows, missing_sentence
    from tfderm.evaluation.report import write_report
    from tfderm.evaluation.wording import (
        component_sentence,
        component_table,
        headline,
        location_sentence,
        metrics_table,
        selective_sentences,
        text_table,
        threshold_sentence,
        threshold_table,
    )

    result = evaluate(arguments.path, data=arguments.data, split=arguments.split, missing=arguments.missing)
    report = write_report(arguments.path)
    if arguments.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return 0
    data = f"{result['data']['name']}{' (synthetic data)' if result['synthetic'] else ''}"
    print(f"{result['recipe']} on {data}")
    print(headline(result)[0])
    print()
    print(metrics_table(result))
    if result["claim"]:
        print("* the paper's own data, not ours")
    if explained := component_table(result):
        print()
        print(explained)
        print(component_sentence(result))
    if located := location_sentence(result):
        print()
        print(located)
    if seen := area_sentence(result):
        print()
        print(seen)
    if selective := selective_sentences(result):
        print()
        print("\n".join(selective))
    if withheld := missing_rows(result):
        print()
        print(text_table(withheld[0], withheld[1:]))
        print(missing_sentence(result))
    if chosen := threshold_table(result):
        print()
        print(chosen)
        print(threshold_sentence(result))
    print()
    print(report)
    return 0
