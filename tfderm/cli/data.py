"""`tfderm data`: make, check, split, extend, look at and convert data."""

import argparse
import json
import sys
from collections import Counter
from datetime import date
from pathlib import Path

from tfderm.cli.train import add_recipe_options, chosen_recipe
from tfderm.errors import InputError

SOURCE = "manifest CSV, published set's folder, folder of class folders, tfds:NAME, or synthetic:NAME[:PATIENTS]"
_SHOWN = 10


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser("data", help="make, check, split, extend or convert data", description=__doc__)
    verbs = parser.add_subparsers(dest="data_verb", metavar="VERB", required=True)

    check = verbs.add_parser("check", help="read every file and name each bad one", description=run_check.__doc__)
    check.add_argument("source", metavar="SRC", help=SOURCE)
    check.add_argument("--recipe", metavar="R", help="also check labels against this recipe's")
    check.add_argument("--splits", metavar="FILE", type=Path, help="also look for leaks between these splits")
    check.add_argument("--json", action="store_true", help="everything that was found, as JSON")
    add_recipe_options(check)
    check.set_defaults(run=run_check)

    split = verbs.add_parser("split", help="split by patient, stratified", description=run_split.__doc__)
    split.add_argument("source", metavar="SRC", help=SOURCE)
    split.add_argument("--recipe", metavar="R", required=True)
    split.add_argument(
        "--blind", metavar="SHARE|NUMBER", type=float,
        help="instead set so many photographs aside for a blind test: -o DIR gets training/ and blind/",
    )  # fmt: skip
    split.add_argument("-o", "--output", metavar="OUT", type=Path, help="default splits.csv")
    add_recipe_options(split)
    split.set_defaults(run=run_split)

    add = verbs.add_parser("add", help="add vetted photographs to a corpus", description=run_add.__doc__)
    add.add_argument("source", metavar="SRC", help=SOURCE)
    add.add_argument("--to", metavar="MANIFEST", type=Path, required=True, help="the corpus: a manifest or its folder")
    add.add_argument("--vetted-by", metavar="NAME", required=True, help="who looked at photographs and labels")
    add.add_argument("--vetted-on", metavar="DATE", type=date.fromisoformat, help="YYYY-MM-DD (default today)")
    add.set_defaults(run=run_add)

    synthesize = verbs.add_parser("synthesize", help="render a synthetic set", description=run_synthesize.__doc__)
    synthesize.add_argument("set", metavar="SET", help="as in synthetic:SET; another name lists those there are")
    synthesize.add_argument("-o", "--output", metavar="DIR", type=Path, required=True)
    synthesize.add_argument("--patients", metavar="N", type=int, help="default: what the set is embedded with")
    synthesize.add_argument("--seed", metavar="N", type=int, default=0)
    synthesize.add_argument("--image-size", metavar=("HEIGHT", "WIDTH"), type=int, nargs=2)
    synthesize.set_defaults(run=run_synthesize)

    preview = verbs.add_parser("preview", help="contact sheet with lesion boxes", description=run_preview.__doc__)
    preview.add_argument("source", metavar="SRC", help=SOURCE)
    preview.add_argument("-o", "--output", metavar="FILE", type=Path, default=Path("preview.html"))
    preview.add_argument("-n", "--images", metavar="N", type=int, default=48)
    preview.set_defaults(run=run_preview)

    convert = verbs.add_parser("convert", help="to a manifest or to arrays", description=run_convert.__doc__)
    convert.add_argument("source", metavar="SRC", help=SOURCE)
    convert.add_argument("--to", choices=("manifest", "npz"), required=True)
    convert.add_argument("-o", "--output", metavar="OUT", type=Path, required=True)
    convert.add_argument("--recipe", metavar="R", help="npz: gives image size and labels")
    add_recipe_options(convert)
    convert.set_defaults(run=run_convert)


def run_check(arguments: argparse.Namespace) -> int:
    """Read every file; exit 1 where something must be corrected. What is only converted is a warning."""
    from tfderm.datasets import load, resolved
    from tfderm.datasets.check import check

    splits = None
    if arguments.splits:
        from tfderm.pipeline.splits import read_splits

        splits = read_splits(arguments.splits)
    problems: list[str] = []
    corpus = load(arguments.source, problems)
    recipe = resolved(chosen_recipe(arguments), corpus) if arguments.recipe else None
    report = check(corpus, recipe, splits, problems)
    if arguments.json:
        print(json.dumps({"source": arguments.source, **report.to_json()}, indent=2))
        return 1 if report.errors else 0
    for error in report.errors:
        print(f"error: {error}")
    for kind, findings in _by_kind(report.warnings).items():
        for finding in findings[:_SHOWN]:
            print(f"warning: {finding}")
        if len(findings) > _SHOWN:
            print(f"warning: {kind}: {len(findings) - _SHOWN} more images (--json lists them)")
    duplicates = report.duplicates
    print(
        f"near-duplicates between patients or lesions: {duplicates['hash_candidates']} pairs hash alike, "
        f"{duplicates['confirmed']} of them are alike in their pixels; of {duplicates['random_pairs']} random pairs "
        f"{duplicates['random_hash_rate']:.3%} hash alike, {duplicates['random_confirmed_rate']:.4%} are alike"
    )
    synthetic = " (synthetic)" if report.synthetic else ""
    print(
        f"{report.name}{synthetic}: {report.num_images} images of {report.num_groups} patients or lesions, "
        f"{len(report.errors)} errors, {len(report.warnings)} warnings, {report.seconds:.1f} s"
    )
    return 1 if report.errors else 0


def _by_kind(findings) -> dict[str, list]:
    kinds: dict[str, list] = {}
    for finding in findings:
        kinds.setdefault(" ".join(finding.problem.split()[:2]).rstrip(","), []).append(finding)
    return kinds


def run_split(arguments: argparse.Namespace) -> int:
    """Write a CSV with the columns image, group, split: by patient (lesion where there is no patient), stratified.

    With --blind, copy the photographs into two folders with a manifest each, and register those of the blind test, so
    that no training reads them under any name."""
    from tfderm.datasets import load, resolved, select
    from tfderm.pipeline.splits import SPLITS, check_splits, make_splits, write_splits

    corpus = load(arguments.source)
    recipe = resolved(chosen_recipe(arguments), corpus)
    if arguments.blind is not None:
        return _set_aside(arguments, corpus, recipe)
    output = arguments.output or Path("splits.csv")
    selection = select(corpus, recipe)
    print(selection.summary(), file=sys.stderr)
    splits = make_splits(selection.records, recipe)
    check_splits(selection.records, splits)
    write_splits(output, selection.records, splits)
    for split in SPLITS:
        _print_counts(split, [record for record in selection.records if splits[record.image] == split], recipe.labels)
    print(output)
    return 0


def _print_counts(name: str, records, labels) -> None:
    number = Counter(label for record in records for label in record.labels)
    counts = ", ".join(f"{label} {number[label]}" for label in labels)
    groups = len({record.group for record in records})
    print(f"{name:10} {len(records):6} images {groups:6} patients or lesions  {counts}".rstrip())


def _set_aside(arguments: argparse.Namespace, corpus, recipe) -> int:
    from tfderm.datasets.manifest import MANIFEST
    from tfderm.pipeline.blind_test import set_aside

    if arguments.output is None:
        raise InputError("--blind copies photographs: give -o DIR, a new folder for training/ and blind/.")
    done = set_aside(corpus, recipe, arguments.blind, arguments.output)
    if done.num_tied:
        print(f"{done.num_tied} patients or lesions share photographs with others and went with them", file=sys.stderr)
    labels = _labels(done.training.records + done.blind.records)
    for part in (done.training, done.blind):
        _print_counts(part.root.name, part.records, labels)
        print(part.root / MANIFEST)
    print(f"registered in {done.registered}: no training reads these photographs", file=sys.stderr)
    return 0


def run_add(arguments: argparse.Namespace) -> int:
    """Copy vetted photographs into a corpus, with who vetted them and when in its manifest; all of them, or none."""
    from tfderm.datasets import load
    from tfderm.datasets.vetted import add

    records = add(load(arguments.source), arguments.to, arguments.vetted_by, arguments.vetted_on)
    _print_counts("added", records, _labels(records))
    return 0


def _labels(records) -> list[str]:
    return sorted({label for record in records for label in record.labels})


def run_synthesize(arguments: argparse.Namespace) -> int:
    """Render synthetic images: psoriasis with known severity, lesion boxes, masks and PASI; dermoscopy with known
    structures; psoriasis or eczema somewhere in a large photograph; nine morphologies and normal skin, close up. No
    patient is shown."""
    from tfderm.datasets import synthetic_set

    given = {}
    if arguments.patients is not None:
        given["num_patients"] = arguments.patients
    if arguments.image_size is not None:
        given["image_size"] = tuple(arguments.image_size)
    print(synthetic_set(arguments.set).generate(arguments.output, seed=arguments.seed, **given))
    return 0


def run_preview(arguments: argparse.Namespace) -> int:
    """Write a contact sheet of photographs with their lesion boxes and labels, as .html or .png."""
    from tfderm.datasets import load
    from tfderm.datasets.preview import preview

    if arguments.images < 1:
        raise InputError(f"--images must be at least 1. Received: {arguments.images}.")
    preview(load(arguments.source), arguments.output, arguments.images)
    print(arguments.output)
    return 0


def run_convert(arguments: argparse.Namespace) -> int:
    """Copy a source into the manifest's layout, or write what a recipe trains on as arrays in one .npz."""
    from tfderm.datasets import load, resolved, select

    corpus = load(arguments.source)
    if arguments.to == "manifest":
        from tfderm.datasets.convert import to_manifest
        from tfderm.datasets.manifest import withheld

        print(to_manifest(corpus, arguments.output, withheld(corpus.root)))
        if not any(record.group for record in corpus.records):
            print("fill in its column patient_id: training needs it to keep splits apart", file=sys.stderr)
        return 0
    if not arguments.recipe:
        raise InputError("--to npz needs --recipe: the recipe decides image size and labels.")
    from tfderm.pipeline.arrays import write_arrays

    recipe = resolved(chosen_recipe(arguments), corpus)
    selection = select(corpus, recipe)
    print(selection.summary(), file=sys.stderr)
    write_arrays(corpus, selection.records, recipe, arguments.output)
    print(arguments.output)
    return 0
