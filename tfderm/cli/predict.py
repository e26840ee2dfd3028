"""`tfderm predict BUNDLE IMAGE...`: a score with its band, or a label with probabilities, and whether it is sure."""

import argparse
import json
from pathlib import Path


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "predict", help="answer for photographs", description="Run a bundle on photographs. Research use only."
    )
    parser.add_argument("bundle", metavar="BUNDLE", type=Path)
    parser.add_argument("images", metavar="IMAGE", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tfderm.runtime.predictor import Predictor
    from tfderm.runtime.preprocess import decode

    predictor = Predictor(arguments.bundle)
    answers = {str(path): predictor.answer(decode(path)) for path in arguments.images}
    if arguments.json:
        print(json.dumps(answers, indent=2))
        return 0
    for path, answer in answers.items():
        print(f"{path}: {_words(answer)}")
    print(predictor.contract.intended_use)
    return 0


def _words(answer: dict) -> str:
    if "severity" in answer:
        words = f"{answer['severity']:.1f} ({answer['unit']}), {answer['band']}"
        if "interval" in answer:
            low, high = answer["interval"]
            words += f", {answer['interval_level']:.0%} interval {low:.1f} to {high:.1f}"
        if "components" in answer:
            grades = ", ".join(f"{name} {grade:.1f}" for name, grade in answer["components"].items())
            words += f"; {grades}: together (E + I + D) × A = {answer['composed_severity']:.1f}"
        return words
    others = ", ".join(f"{label} {value:.1%}" for label, value in answer["probabilities"].items())
    words = f"{answer['name']} {answer['probability']:.1%} ({others})"
    if "set" in answer:
        words += f"; {answer['set_level']:.0%} set: {', '.join(answer['set']) or 'none of these'}"
    if answer.get("unsuitable"):
        return f"unsuitable image: {', '.join(answer['unsuitable'])}; otherwise {words}"
    return words if answer.get("sure", True) else f"not sure: {words}"
