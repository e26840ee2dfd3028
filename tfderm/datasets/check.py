"""Read every file of a corpus and say what is wrong with it."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.leaks import telling_columns
from tfderm.datasets.selection import recipe_label
from tfderm.errors import InputError
from tfderm.recipe import Recipe


@dataclass(frozen=True)
class Finding:
    """One thing that was found; `image` is empty where it concerns a table."""

    image: str
    problem: str

    def __str__(self) -> str:
        return f"{self.image}: {self.problem}" if self.image else self.problem


@dataclass(frozen=True)
class CheckReport:
    """Outcome of `check`.

    Args:
        name: the corpus.
        synthetic: whether its images are rendered.
        num_images: records that were read.
        num_groups: patients or lesions among them.
        errors: what must be corrected.
        warnings: what is converted or deserves a look.
        duplicates: how often unrelated pairs pass the tests for near-duplicates.
        seconds: how long the check took.
    """

    name: str
    synthetic: bool
    num_images: int
    num_groups: int
    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    duplicates: Mapping[str, float]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {
            **{name: value for name, value in vars(self).items() if name not in ("errors", "warnings")},
            "errors": [vars(finding) for finding in self.errors],
            "warnings": [vars(finding) for finding in self.warnings],
        }


def check(
    corpus: Corpus,
    recipe: Recipe | None = None,
    splits: Mapping[str, str] | None = None,
    problems: Sequence[str] = (),
) -> CheckReport:
    """Read every image of `corpus` in parallel.

    Errors: a file that is missing, empty, truncated, too large, no image or not what its name says; a label the recipe
    does not know; a box that does not fit; identical pixels with another label, in another group or in another split;
    a group in two splits. Warnings: conversions, columns that tell the class (`leaks.telling_columns`), identical
    pixels within a group, near-duplicates across groups.

    Args:
        corpus: from `tfderm.datasets.load`.
        recipe: whose labels must be known.
        splits: image -> split, to be checked for leaks.
        problems: what `load` collected; each becomes an error.
    """
    from tqdm import tqdm

    from tfderm.datasets.inspection import inspect

    start = time.monotonic()
    records = corpus.records
    errors = [Finding("", problem) for problem in problems]
    warnings: list[Finding] = []
    with ThreadPoolExecutor() as pool:
        results = pool.map(lambda record: inspect(corpus.path(record)), records)
        inspections = list(tqdm(results, "reading images", len(records), delay=1, leave=False, disable=None))
    for record, inspection in zip(records, inspections, strict=True):
        errors += [Finding(record.image, problem) for problem in _record_problems(record, inspection, recipe)]
        if record.mask and not (corpus.root / record.mask).is_file():
            errors.append(Finding(record.image, f"its mask is missing: {record.mask}"))
        warnings += [Finding(record.image, note) for note in inspection.conversions]
    if splits is not None:
        errors += _split_problems(records, splits)
    usable = [(record, found) for record, found in zip(records, inspections, strict=True) if not found.problem]
    warnings += [
        Finding("", f"column {column} must not be an input of a model: {reason}")
        for column, reason in telling_columns(records).items()
    ]
    exact = _exact_duplicates(usable, splits or {}, errors, warnings)
    duplicates = _near_duplicates(usable, exact, warnings)
    return CheckReport(
        corpus.name,
        corpus.synthetic,
        len(records),
        len({record.group for record in records}),
        tuple(errors),
        tuple(warnings),
        duplicates,
        round(time.monotonic() - start, 2),
    )


def _record_problems(record: Record, inspection, recipe: Recipe | None) -> list[str]:
    problems = [inspection.problem] if inspection.problem else []
    size, expected = inspection.image_size, record.image_size
    if size and expected and tuple(size) != tuple(expected):
        problems.append(
            f"its boxes are for {expected[1]}x{expected[0]} pixels, the upright image has {size[1]}x{size[0]}"
        )
    if recipe and recipe.classes and record.label is not None:
        try:
            recipe_label(record, recipe)
        except InputError as error:
            problems.append(str(error).removeprefix(f"{record.image}: "))
    return problems


def _split_problems(records: Sequence[Record], splits: Mapping[str, str]) -> list[Finding]:
    """Groups in two splits; images without a split are those a recipe leaves out."""
    seen: dict[str, tuple[str, str]] = {}
    problems = []
    for record in records:
        if record.image in splits:
            split = splits[record.image]
            other, image = seen.setdefault(record.group, (split, record.image))
            if other != split:
                problems.append(
                    Finding(record.image, f"leak: {record.group} is in {split} and, by {image}, in {other}")
                )
    unknown = sorted(set(splits) - {record.image for record in records})
    return problems + [Finding(image, "has a split but is not in the data") for image in unknown]


def _exact_duplicates(
    usable: Sequence[tuple[Record, Any]],
    splits: Mapping[str, str],
    errors: list[Finding],
    warnings: list[Finding],
) -> set[frozenset[str]]:
    """Report images with equal pixels and return their pairs."""
    same = defaultdict(list)
    for record, inspection in usable:
        same[inspection.content.digest].append(record)
    pairs = set()
    for first, *others in same.values():
        for other in others:
            pairs.add(frozenset((first.image, other.image)))
            clashes = [
                f"{name} ({ours} and {theirs})"
                for name, ours, theirs in (
                    ("label", ";".join(sorted(other.labels)), ";".join(sorted(first.labels))),
                    ("severity", other.severity, first.severity),
                    ("group", other.group, first.group),
                    ("split", splits.get(other.image), splits.get(first.image)),
                )
                if ours != theirs
            ]
            text = f"has the same pixels as {first.image}"
            if clashes:
                errors.append(Finding(other.image, f"{text} but another {' and another '.join(clashes)}"))
            else:
                warnings.append(Finding(other.image, text))
    return pairs


def _near_duplicates(
    usable: Sequence[tuple[Record, Any]], exact: set[frozenset[str]], warnings: list[Finding]
) -> dict[str, float]:
    import numpy as np

    from tfderm.datasets.duplicates import near_duplicates

    records = [record for record, _ in usable]
    thumbnails = np.array([inspection.content.thumbnail for _, inspection in usable], np.uint8)
    # Without groups every image is its own: any pair deserves a look.
    found = near_duplicates(thumbnails, [record.group or record.image for record in records])
    pairs = [
        (records[i], records[j], correlation)
        for i, j, correlation in found.pairs
        if frozenset((records[i].image, records[j].image)) not in exact
    ]
    for one, other, correlation in pairs:
        groups = f"{one.group} and {other.group}" if one.group else "groups unknown"
        warnings.append(Finding(other.image, f"looks like {one.image} (correlation {correlation:.4f}; {groups})"))
    return {
        "hash_candidates": found.num_candidates,
        "confirmed": len(pairs),
        "random_pairs": found.num_random,
        "random_hash_rate": found.random_hash_rate,
        "random_confirmed_rate": found.random_confirmed_rate,
    }
