"""The `tfderm` command: one file per verb, loaded when it is asked for."""

import argparse
import importlib
import sys

from tfderm import __version__
from tfderm.errors import TfdermError

VERBS = {
    "demo": "the whole main job on embedded synthetic data, ends with report.html",
    "recipes": "list the recipes and their variants",
    "models": "list the networks, describe one, or convert its weights",
    "runs": "list the runs in a folder",
    "data": "synthesize, check, split, extend, preview or convert data",
    "train": "train a recipe: Recipe -> Run",
    "evaluate": "evaluate a run beside trivial baselines",
    "detect": "find lesions: COCO results, and boxes for a manifest that has none",
    "cross-validate": "train and evaluate every fold",
    "reproduce": "a paper's result tables and figures, ours beside its own",
    "export": "write a verified bundle: Run -> Bundle",
    "verify": "check a bundle against its golden vectors and its trained model",
    "benchmark": "latency, memory, size and operations of bundles",
    "predict": "answer for photographs",
    "track": "severity over a patient's visits, and which changes are real",
    "labs": "blood reports: read their results, attach them to a manifest",
    "pasi": "PASI from a table, from questions, or from photographs of the four regions",
}


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse a command line, importing only the module of its verb."""
    parser = argparse.ArgumentParser(prog="tfderm", description="Dermatology models from paper to phone.")
    parser.add_argument("--version", action="version", version=f"tfderm {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    chosen = next((argument for argument in argv if not argument.startswith("-")), None)
    for verb, summary in VERBS.items():
        if verb == chosen:
            importlib.import_module(f"tfderm.cli.{verb.replace('-', '_')}").add_parser(subparsers)
        else:
            subparsers.add_parser(verb, help=summary, add_help=False)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit status: 0 done, 1 a check failed, 2 wrong input, 75 stopped but resumable."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    try:
        return arguments.run(arguments)
    except TfdermError as error:
        print(f"tfderm: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("tfderm: stopped", file=sys.stderr)
        return 75
    except BrokenPipeError:
        return 0
