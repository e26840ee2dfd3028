"""Set a blind test aside: photographs that are judged once and that nothing learns from."""

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from tfderm.datasets.blind import BlindTest, refuse, register, registered
from tfderm.datasets.convert import check_empty, to_manifest
from tfderm.datasets.corpus import Corpus
from tfderm.datasets.duplicates import copies, fingerprints
from tfderm.datasets.manifest import withheld
from tfderm.datasets.selection import select
from tfderm.errors import InputError
from tfderm.files import atomic_folder
from tfderm.pipeline.splits import check_groups, draw_groups
from tfderm.recipe import Recipe


@dataclass(frozen=True)
class SetAside:
    """Outcome of `set_aside`.

    Args:
        training: what remains to learn from, as written.
        blind: the blind test, as written.
        registered: its file in the register.
        num_tied: patients or lesions that share a photograph with another one and went where that one went.
    """

    training: Corpus
    blind: Corpus
    registered: Path
    num_tied: int


def set_aside(corpus: Corpus, recipe: Recipe, size: float, folder: Path | str) -> SetAside:
    """Copy a corpus into `training/` and `blind/` of a folder, each with a manifest, and register the latter.

    Whole patients (lesions where there is no patient) go to the blind test, drawn by the recipe's seed so that every
    class or severity range comes near its share; with them goes whoever shares a photograph with them.

    Args:
        corpus: from `tfderm.datasets.load`; its files stay as they are.
        recipe: whose labels are stratified. What it leaves out follows its patient.
        size: share of the photographs, below 1, or their number.
        folder: new or empty; its name is the blind test's.

    Raises:
        InputError: `size` is no share or number that leaves photographs on both sides, a record has no group, a file is
            missing, the folder holds something, the register is damaged, or photographs of another blind test would
            remain in `training/`.
    """
    folder = Path(folder)
    check_empty(folder)
    check_groups(corpus.records)
    tests = registered()
    usable = select(corpus, recipe).records
    selected = {record.image for record in usable}
    share = size / len(selected) if size >= 1 else size
    if not 0 < share < 1 or (size > 1 and size != int(size)):
        raise InputError(
            f"--blind takes a share between 0 and 1, or a number of photographs below {len(selected)}. "
            f"Received: {size:g}"
        )
    photographs = fingerprints(corpus, corpus.records)
    group = _tied(corpus, photographs)
    drawn = draw_groups(usable, [group[record.group] for record in usable], share, recipe)
    parts = {
        is_blind: tuple(record for record in corpus.records if (group[record.group] in drawn) == is_blind)
        for is_blind in (False, True)
    }
    if not all(any(record.image in selected for record in part) for part in parts.values()):
        raise InputError(
            f"--blind {size:g} leaves nothing on one side: {len(set(group.values()))} patients or lesions are too few, "
            "or each has too many photographs."
        )
    remaining = {record.image: photographs[record.image] for record in parts[False] if record.image in photographs}
    refuse(tests, corpus.name, remaining, "split what that test's training manifest lists.")
    name = folder.resolve().name
    training = replace(corpus, root=folder / "training", records=parts[False])
    blind = replace(corpus, root=folder / "blind", records=parts[True], name=f"{corpus.name}, blind test {name}")
    with atomic_folder(folder) as temporary:
        groups = withheld(corpus.root) | {record.group for record in blind.records}
        for part, hidden in ((training, groups), (blind, ())):
            to_manifest(replace(part, root=corpus.root), temporary / part.root.name, hidden)
        test = BlindTest(
            name=name,
            date=date.today().isoformat(),
            source=corpus.name,
            source_fingerprint=corpus.fingerprint,
            photographs=tuple(photographs[record.image] for record in blind.records if record.image in photographs),
        )
        file = register(test)
    return SetAside(training, blind, file, len(group) - len(set(group.values())))


def _tied(corpus: Corpus, photographs: dict) -> dict[str, str]:
    """Group -> name of what must stay together with it: groups that share a photograph have one name."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, index = np.unique([record.group for record in corpus.records], return_inverse=True)
    of_image = dict(zip((record.image for record in corpus.records), index.tolist(), strict=True))
    place, known = [of_image[image] for image in photographs], list(photographs.values())
    pairs = np.array([(place[i], place[j]) for i, j in copies(known, known)], int).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(names), len(names)))
    component = connected_components(graph, directed=False)[1]
    first: dict[int, str] = {}
    return {name: first.setdefault(part, name) for name, part in zip(names.tolist(), component.tolist(), strict=True)}
