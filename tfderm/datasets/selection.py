"""Which photographs of a corpus a recipe can use, and which it leaves out and why."""

import dataclasses
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tfderm.clinical.pasi import COMPONENT_LIMITS
from tfderm.datasets import blind
from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.duplicates import Fingerprint, fingerprint
from tfderm.datasets.leaks import telling_columns
from tfderm.errors import InputError
from tfderm.recipe import ANY_COLUMN, Recipe

_COMMON = 0.1


@dataclass(frozen=True)
class Selection:
    """Outcome of `select`.

    Args:
        records: photographs the recipe can use, with its own labels, in the corpus' order.
        left_out: (image, reason) of the others; what follows a colon in a reason concerns that image alone.
    """

    records: tuple[Record, ...]
    left_out: tuple[tuple[str, str], ...]

    def summary(self) -> str:
        """One line: "left out 407 of 7980: 406 label bcc is not in the recipe; 1 unreadable: images/x.jpg (...)"."""
        total = len(self.records) + len(self.left_out)
        if not self.left_out:
            return f"left out none of {total}"
        parts = []
        for kind, count in Counter(reason.partition(":")[0] for _, reason in self.left_out).most_common():
            named = [
                f"{image} ({reason.partition(': ')[2]})"
                for image, reason in self.left_out
                if reason.startswith(f"{kind}:")
            ]
            more = f" and {len(named) - 3} more" if len(named) > 3 else ""
            parts.append(f"{count} {kind}" + (f": {', '.join(named[:3])}{more}" if named else ""))
        return f"left out {len(self.left_out)} of {total}: {'; '.join(parts)}"


def resolved(recipe: Recipe, corpus: Corpus) -> Recipe:
    """The recipe with the classes and the columns of metadata that the data has, where it leaves them to the data.

    A name in `metadata` that ends with `*` stands for the columns that begin so, in the order of the alphabet: those
    that differ, that at least a tenth of the photographs have, and that do not tell the class (`telling_columns`). What
    is left out is said on the standard error.

    Raises:
        InputError: the data has fewer than two classes, or no such column.
    """
    if recipe.classes and not recipe.labels:
        recipe = dataclasses.replace(recipe, labels=_classes_of(corpus, recipe))
    if recipe.has_open_metadata:
        recipe = dataclasses.replace(recipe, metadata=_columns_of(corpus, recipe))
    return recipe


def _classes_of(corpus: Corpus, recipe: Recipe) -> tuple[str, ...]:
    found = {
        recipe.label_aliases.get(label, label) for record in corpus.records for label in _labels(record, recipe.task)
    }
    labels = tuple(sorted(found - set(recipe.ignored_labels)))
    if len(labels) < 2:
        raise InputError(
            f"{corpus.name} ({corpus.root}): recipe {recipe.name} takes its classes from the data and needs two or "
            f"more. Received: {', '.join(labels) or 'no label'}."
        )
    return labels


def _columns_of(corpus: Corpus, recipe: Recipe) -> tuple[str, ...]:
    values: dict[str, list[str]] = defaultdict(list)
    for record in corpus.records:
        for column, value in record.metadata.items():
            values[column].append(value)
    telling = telling_columns(corpus.records)
    chosen: list[str] = []
    for name in recipe.metadata:
        if not name.endswith(ANY_COLUMN):
            chosen.append(name)
            continue
        reasons = {}
        for column in sorted(column for column in values if column.startswith(name[: -len(ANY_COLUMN)])):
            if column in telling:
                reasons[column] = telling[column]
            elif len(values[column]) < _COMMON * len(corpus.records):
                reasons[column] = f"known for {len(values[column])} of {len(corpus.records)} photographs"
            elif len(set(values[column])) < 2:
                reasons[column] = f"always {values[column][0]}"
            elif column not in recipe.metadata:
                chosen.append(column)
        for column, reason in reasons.items():
            print(f"{recipe.name} does not read {column}: {reason}", file=sys.stderr)
        if not any(column.startswith(name[: -len(ANY_COLUMN)]) for column in chosen):
            raise InputError(
                f"{corpus.name} ({corpus.root}): recipe {recipe.name} reads columns {name} and the data has none that "
                "it can learn from; `tfderm labs attach` adds those of blood reports (lab_...)."
            )
    return tuple(chosen)


def select(corpus: Corpus, recipe: Recipe, *, training: bool = False) -> Selection:
    """Choose the records that `recipe`, whose labels are known (`resolved`), can use; its label aliases are applied.

    Labels the recipe ignores, photographs without a label (a severity, marked lesions) and files that are missing or do
    not decode are left out with a reason. Every remaining file is decoded once, in parallel.

    Args:
        corpus: from `load`.
        recipe: what is to be learned or evaluated.
        training: whether it is to be learned: photographs of a registered blind test (`blind`) are refused.

    Raises:
        InputError: a label the recipe does not know, data without what the recipe learns from, nothing left, or, where
            it is to be learned, a photograph of a blind test or a damaged register.
    """
    usable: list[Record] = []
    reasons: dict[str, str] = {}
    for record in corpus.records:
        if recipe.task == "detection":
            if record.boxes is None:
                reasons[record.image] = "no lesion boxes, not even an empty list"
            else:
                usable.append(record)
        elif recipe.task == "severity":
            if record.severity is None:
                reasons[record.image] = "no severity"
            else:
                usable.append(record)
        elif record.label is None:
            reasons[record.image] = "no label"
        elif (label := recipe_label(record, recipe)) is None:
            reasons[record.image] = f"label {record.label} is not in the recipe"
        else:
            usable.append(dataclasses.replace(record, label=label))
    if not usable:
        needed, remedy = {
            "severity": ("severity", "whose manifest has the column severity"),
            "classification": ("label", "whose manifest has the column label"),
            "multilabel": ("label", "whose manifest has the column label"),
            "detection": ("lesion box", "with lesions.json (COCO) beside its manifest"),
        }[recipe.task]
        raise InputError(
            f"{corpus.name} ({corpus.root}): no image has a {needed} for recipe {recipe.name}; give data {remedy}."
        )
    tests = blind.registered() if training else ()
    unusable, photographs = _decoded(corpus, usable, bool(tests))
    reasons |= unusable
    records = tuple(record for record in usable if record.image not in reasons)
    if not records:
        image, reason = next(iter(reasons.items()))
        raise InputError(
            f"{corpus.name} ({corpus.root}): none of {len(reasons)} images can be used, "
            f"for instance {image} ({reason})."
        )
    remedy = "give the training manifest that `tfderm data split --blind` wrote."
    blind.refuse(tests, f"{corpus.name} ({corpus.root})", photographs, remedy)
    left_out = tuple((item.image, reasons[item.image]) for item in corpus.records if item.image in reasons)
    return Selection(records, left_out)


def recipe_label(record: Record, recipe: Recipe) -> str | None:
    """The recipe's name for a record's label (of several, with semicolons between), or None where it ignores them.

    Raises:
        InputError: the recipe does not know a label, or the record has several and the recipe tells one.
    """
    known = set()
    for own in _labels(record, recipe.task):
        label = recipe.label_aliases.get(own, own)
        if label in recipe.labels:
            known.add(label)
        elif not {label, own} & set(recipe.ignored_labels):
            raise InputError(
                f"{record.image}: label {own!r} is unknown to recipe {recipe.name}, which takes "
                f"{', '.join((*recipe.labels, *recipe.label_aliases))}; correct it, or leave it out with "
                f'--set "ignored_labels={[*recipe.ignored_labels, own]}".'
            )
    return ";".join(sorted(known, key=recipe.labels.index)) or None


def _labels(record: Record, task: str) -> tuple[str, ...]:
    if task == "classification" and len(record.labels) > 1:
        raise InputError(
            f"{record.image}: has several labels, {record.label}, and this recipe tells one of each photograph; "
            "train one of task multilabel (nine_class:multilabel), or give it one label."
        )
    return record.labels


def _decoded(
    corpus: Corpus, records: Sequence[Record], with_fingerprints: bool
) -> tuple[dict[str, str], dict[str, Fingerprint]]:
    """By image: why a file cannot be used, and what the others are known by, where that is asked for."""
    from tqdm import tqdm

    from tfderm.runtime.preprocess import decode

    def read(record: Record) -> str | Fingerprint | None:
        if not corpus.path(record).is_file():
            return "file is missing: " + str(corpus.path(record))
        try:
            pixels = decode(corpus.path(record), record.image)
        except InputError as error:
            return "unreadable: " + str(error).removeprefix(f"{record.image}: ")
        return fingerprint(pixels) if with_fingerprints else None

    with ThreadPoolExecutor() as pool:
        results = tqdm(pool.map(read, records), "reading images", len(records), delay=1, leave=False, disable=None)
        found = {record.image: result for record, result in zip(records, results, strict=True)}
    return tuple(
        {image: result for image, result in found.items() if isinstance(result, kind)} for kind in (str, Fingerprint)
    )


def true_values(records: Sequence[Record], recipe: Recipe) -> np.ndarray:
    """(N,) float64 scores, int64 classes in the order of the recipe's labels, or int64 numbers of lesions.

    Where a photograph may show several labels: (N, number of labels) int64, 1 for those that it shows, else 0.
    """
    if recipe.task == "detection":
        return np.array([len(record.boxes) for record in records], dtype=np.int64)
    if recipe.task == "severity":
        return np.array([record.severity for record in records], dtype=np.float64)
    if recipe.task == "multilabel":
        return indicators([record.labels for record in records], recipe.labels)
    return np.array([recipe.labels.index(record.label) for record in records], dtype=np.int64)


def indicators(shown: Sequence[Sequence[str]], labels: Sequence[str]) -> np.ndarray:
    """(N, number of labels) int64: 1 for the labels that each of N photographs shows, else 0."""
    return np.array([[label in own for label in labels] for own in shown], dtype=np.int64)


def component_grades(records: Sequence[Record], component: str) -> np.ndarray:
    """(N,) float64 grades of one severity component (`COMPONENT_LIMITS`), NaN where the record has none.

    Raises:
        InputError: a grade is no number or outside its range.
    """
    limit = COMPONENT_LIMITS[component]
    grades = np.full(len(records), np.nan)
    for index, record in enumerate(records):
        if text := record.metadata.get(component):
            try:
                grades[index] = float(text)
            except ValueError:
                pass
            if not 0 <= grades[index] <= limit:
                raise InputError(f"{record.image}: {component} must be a number from 0 to {limit}. Received: {text}")
    return grades
