"""Train, validation and test: split by patient (lesion where there is no patient), stratified, written to a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfderm.datasets.corpus import Corpus, Record
from tfderm.datasets.manifest import read_table
from tfderm.datasets.selection import indicators
from tfderm.errors import InputError
from tfderm.files import write_csv
from tfderm.metrics import severity_range
from tfderm.recipe import Recipe
from tfderm.run import Run

SPLITS = ("train", "validation", "test")


def make_splits(records: Sequence[Record], recipe: Recipe, kept: Mapping[str, str] | None = None) -> dict[str, str]:
    """Divide records by group; classes (or severity ranges) keep their shares as far as groups allow.

    The groups are dealt into `recipe.folds` folds that depend on `recipe.seed` alone; fold `recipe.fold` is the test
    split, and a share `recipe.validation_fraction` of the others' groups is the validation split.

    Args:
        records: to be divided.
        recipe: whose folds.
        kept: group -> split of groups that stay where they are (`known_splits`). The others are drawn, by the recipe's
            seed and fold, so that test and validation come near the same shares of the whole.

    Returns:
        image -> "train", "validation" or "test".

    Raises:
        InputError: a record has no group, or there are too few groups.
    """
    check_groups(records)
    groups = np.array([record.group for record in records])
    strata = _strata(records, recipe)
    num_groups = len(set(groups.tolist()))
    if num_groups <= recipe.folds:
        raise InputError(
            f"{recipe.folds} folds need more than {recipe.folds} patients or lesions, the data has {num_groups}; "
            f"add data or lower the number with --set folds={max(num_groups - 1, 2)}."
        )
    names = _grown(strata, groups, recipe, kept) if kept else _dealt(strata, groups, recipe)
    if empty := set(SPLITS) - set(names.tolist()):
        raise InputError(
            f"Split {sorted(empty)[0]} is empty: {num_groups} patients or lesions are too few for {recipe.folds} "
            "folds; add data or lower --set folds=…."
        )
    return {record.image: str(name) for record, name in zip(records, names, strict=True)}


def check_groups(records: Sequence[Record]) -> None:
    """Raise `InputError` where nothing says which photographs belong together."""
    for record in records:
        if not record.group:
            raise InputError(
                f"{record.image}: neither patient_id nor lesion_id is known, so photographs of one patient could land "
                "in two splits; write a manifest with `tfderm data convert FOLDER --to manifest -o OUT` and fill in "
                "patient_id."
            )


def draw_groups(records: Sequence[Record], groups: Sequence[str], share: float, recipe: Recipe) -> set[str]:
    """Whole groups that hold about a share of the photographs, and of those of every class or severity range.

    Args:
        records: N photographs.
        groups: N names of what must stay together.
        share: 0 to 1.
        recipe: says what is stratified; its seed is that of the order in which groups are considered.
    """
    strata, groups = _strata(records, recipe), np.asarray(groups)
    if _several(strata):
        drawn = _iteratively(strata, groups, [share, 1 - share], recipe.seed) == 0
    else:
        drawn = _near(strata, groups, share * strata.sum(axis=0), share * len(groups), recipe.seed)
    return set(groups[drawn].tolist())


def write_splits(path: Path | str, records: Sequence[Record], splits: Mapping[str, str]) -> None:
    """Write a CSV with the columns image, group, split, one row per record."""
    rows = ({"image": item.image, "group": item.group, "split": splits[item.image]} for item in records)
    write_csv(path, ("image", "group", "split"), rows)


def read_splits(path: Path | str) -> dict[str, str]:
    """Image -> split, from a file with the columns image and split.

    Raises:
        InputError: a column is missing, an image is listed twice, or a split has another name.
    """
    path = Path(path)
    splits: dict[str, str] = {}
    for line, row in read_table(path):
        if not {"image", "split"} <= set(row):
            raise InputError(f"{path}, line 1: columns image and split are needed. Received: {', '.join(row)}.")
        if not line:
            continue
        if row["split"] not in SPLITS or row["image"] in splits:
            raise InputError(
                f"{path}, line {line}: every image has one split out of {', '.join(SPLITS)}. "
                f"Received: {row['image']}, {row['split']!r}."
            )
        splits[row["image"]] = row["split"]
    return splits


def check_splits(records: Sequence[Record], splits: Mapping[str, str]) -> None:
    """Raise `InputError` where a record has no split or a group lies in two."""
    seen: dict[str, tuple[str, str]] = {}
    for record in records:
        if record.image not in splits:
            raise InputError(f"{record.image} has no split; make the splits again with `tfderm data split`.")
        split = splits[record.image]
        other, image = seen.setdefault(record.group, (split, record.image))
        if other != split:
            kind = "patient" if record.patient_id else "lesion"
            raise InputError(
                f"Leak: {kind} {record.group} is in {other} ({image}) and in {split} ({record.image}); "
                "make the splits again with `tfderm data split`."
            )


def known_splits(initial: Path | None, corpus: Corpus, records: Sequence[Record], recipe: Recipe) -> dict[str, str]:
    """Where the groups that a run knows stay when training starts from it on a corpus that has grown.

    Args:
        initial: the run; None for fresh weights. Where it is of other data, the nearest of those that it began from.
        corpus: the data.
        records: photographs of `corpus` that are used.
        recipe: what is trained now.

    Returns:
        group -> split: what it had in the run, or train where a photograph that the run learned has come into another
        group. Empty where the run knows nothing of this folder's patients, learned from none of them, or has other
        folds: then splits are made as without it, and `check_unseen` judges them.

    Raises:
        InputError: the run is none, or is not finished.
    """
    if initial is None:
        return {}
    _ = Run.open(initial).model_path
    run = next((run for run in Run(initial).lineage if _same_data(run, corpus)), None)
    fields = ("folds", "fold", "seed")
    if run is None or any(getattr(run.recipe, name) != getattr(recipe, name) for name in fields):
        return {}
    kept: dict[str, str] = {}
    for record in records:
        for split in (run.groups.get(record.group), run.splits.get(record.image)):
            if split:
                kept[record.group] = min(kept.get(record.group, split), split, key=SPLITS.index)
    return kept if set(kept.values()) - {"test"} else {}


def growth(records: Sequence[Record], splits: Mapping[str, str], kept: Mapping[str, str], initial: Path) -> str:
    """One line: how many groups stay where `known_splits` found them, and where the new ones went."""
    new = {record.group: splits[record.image] for record in records if record.group not in kept}
    where = ", ".join(f"{list(new.values()).count(split)} {split}" for split in SPLITS)
    return f"{len(kept)} patients or lesions keep their split of {initial}; {len(new)} are new ({where})"


def check_unseen(initial: Path | None, corpus: Corpus, records: Sequence[Record]) -> None:
    """Check that the weights to start from know none of the patients to be held out.

    Args:
        initial: the run they come from, which may have begun from others; None for fresh weights, which know nobody.
        corpus: the data. Another run's patients are comparable where it was trained on this data, or on another table
            of the same folder.
        records: to be held out, of `corpus`.

    Raises:
        InputError: the run was trained on some of them, or is none.
    """
    if initial is None:
        return
    for run in Run.open(initial).lineage:
        if _same_data(run, corpus):
            _check_unseen(run, records)


def _check_unseen(run: Run, records: Sequence[Record]) -> None:
    groups, images = ({name for name, split in of.items() if split != "test"} for of in (run.groups, run.splits))
    if known := sorted({record.group for record in records if record.group in groups or record.image in images}):
        raise InputError(
            f"{run.path} was trained on {len(known)} of the patients or lesions to be held out here ({known[0]}, ...). "
            "Start from a run on others, or, for a single fold, from one with the same seed, folds and fold."
        )


def _same_data(run: Run, corpus: Corpus) -> bool:
    """Whether names of a run and of a corpus mean the same: it is the run's data, or lies in the same folder."""
    data = run.environment["data"]
    return data["fingerprint"] == corpus.fingerprint or data.get("root") == str(corpus.root.resolve())


def _dealt(strata: np.ndarray, groups: np.ndarray, recipe: Recipe) -> np.ndarray:
    test = _fold(strata, groups, recipe.folds, recipe.fold, recipe.seed)
    rest = np.flatnonzero(~test)
    parts = min(max(round(1 / recipe.validation_fraction), 2), len(set(groups[rest].tolist())))
    validation = np.zeros(len(groups), bool)
    if parts >= 2:
        validation[rest] = _fold(strata[rest], groups[rest], parts, 0, recipe.seed)
    return np.where(test, "test", np.where(validation, "validation", "train"))


def _grown(strata: np.ndarray, groups: np.ndarray, recipe: Recipe, kept: Mapping[str, str]) -> np.ndarray:
    """Not by `_fold`: it would put the first of a few new groups into the test split, however many it has."""
    names = np.array([kept.get(group, "new") for group in groups.tolist()], dtype="U10")
    for split, share, without in (("test", 1 / recipe.folds, ""), ("validation", recipe.validation_fraction, "test")):
        whole, has = names != without, names == split
        target = share * strata[whole].sum(axis=0) - strata[has].sum(axis=0)
        new = np.flatnonzero(names == "new")
        size = share * whole.sum() - has.sum()
        names[new[_near(strata[new], groups[new], target, size, (recipe.seed, recipe.fold))]] = split
    return np.where(names == "new", "train", names)


def _near(
    strata: np.ndarray, groups: np.ndarray, target: np.ndarray, size: float, seed: int | Sequence[int]
) -> np.ndarray:
    """Mask of whole groups whose numbers per stratum come near a target.

    Groups are considered in random order, and one is taken where that brings the numbers nearer (in squares). Strata of
    which less than half a photograph is wanted each would never be met so; together they are: what is missing from the
    number of all photographs then comes from the groups whose taking does the least harm.

    Args:
        strata: (N, num_strata) 1 where a photograph belongs to a stratum, else 0.
        groups: (N,) names.
        target: (num_strata,) numbers of records; below 0 for none.
        size: number of records.
        seed: of the order.
    """
    names, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), strata.shape[1]))
    np.add.at(counts, group, strata)
    sizes = np.bincount(group, minlength=len(names))
    taken, missing = np.zeros(len(names), bool), np.array(target, float)
    order = np.random.default_rng(seed).permutation(len(names))
    for index in order:
        if counts[index] @ (2 * missing - counts[index]) > 0:
            taken[index] = True
            missing -= counts[index]
    while (left := order[~taken[order]]).size:
        index = left[np.argmax(np.einsum("gs,gs->g", counts[left], 2 * missing - counts[left]) / sizes[left])]
        if 2 * (size - sizes[taken].sum()) <= sizes[index]:
            break
        taken[index] = True
        missing -= counts[index]
    return taken[group]


def _strata(records: Sequence[Record], recipe: Recipe) -> np.ndarray:
    """(N, num_strata): 1 for the labels or the severity range of each photograph, else 0.

    Where some have several labels, how many they have is a stratum too: with these the number of photographs is met.
    """
    labels_of = [record.labels for record in records]
    if recipe.task != "severity" and records and all(labels_of):
        shown = indicators(labels_of, sorted({label for own in labels_of for label in own})).astype(float)
        numbers = shown.sum(axis=1)
        if numbers.max() == 1:
            return shown
        return np.hstack([shown, numbers[:, None] == np.unique(numbers)])
    scores = np.array([np.nan if record.severity is None else record.severity for record in records])
    ranges = severity_range(scores)
    return (ranges[:, None] == np.unique(ranges)).astype(float)


def _fold(strata: np.ndarray, groups: np.ndarray, folds: int, fold: int, seed: int) -> np.ndarray:
    """Mask of the records in one of `folds` stratified folds."""
    if _several(strata):
        return _iteratively(strata, groups, [1 / folds] * folds, seed) == fold
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    stratum = strata.argmax(axis=1)
    # Scikit-learn refuses data whose every class is rarer than the number of folds: deal those out as one class.
    if strata.sum(axis=0).max(initial=0) < folds:
        stratum = np.zeros(len(strata), int)
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer images than folds is missing from some: the report shows the counts.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        indices = list(splitter.split(stratum, stratum, groups))[fold][1]
    mask = np.zeros(len(strata), bool)
    mask[indices] = True
    return mask


def _several(strata: np.ndarray) -> bool:
    return bool((strata.sum(axis=1) > 1).any())


def _iteratively(strata: np.ndarray, groups: np.ndarray, shares: Sequence[float], seed: int) -> np.ndarray:
    """(N,) part of every record, where records belong to several strata; whole groups.

    The stratum with the fewest records left is dealt first, each group to the part that lacks most of it (Sechidis,
    Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data", ECML 2011).

    Args:
        strata: (N, num_strata) 1 where a record belongs to a stratum, else 0.
        groups: (N,) names.
        shares: of the parts, which sum to 1.
        seed: of the order of the groups.
    """
    names, group = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), strata.shape[1]))
    np.add.at(counts, group, strata)
    sizes = np.bincount(group, minlength=len(names))
    lacking, room = np.outer(shares, counts.sum(axis=0)), np.array(shares) * len(groups)
    part = np.full(len(names), -1)
    order = np.random.default_rng(seed).permutation(len(names))
    while (left := order[part[order] < 0]).size:
        number = counts[left].sum(axis=0)
        stratum = np.argmin(np.where(number > 0, number, np.inf))
        for index in left[counts[left, stratum] > 0]:
            chosen = np.lexsort((room, lacking[:, stratum].round()))[-1]
            part[index] = chosen
            lacking[chosen] -= counts[index]
            room[chosen] -= sizes[index]
    return part[group]
