"""The synthetic dermoscopy set: what the manifest says is what the pixels show."""

import csv
from collections import Counter

import cv2
import numpy as np
import pytest

from tfderm.datasets import load
from tfderm.datasets.synthetic import dermoscopy
from tfderm.datasets.synthetic.anatomy import Frame
from tfderm.datasets.synthetic.dermoscopy import COLUMNS, NONE, SCALARS, generate, render
from tfderm.datasets.synthetic.noise import generator
from tfderm.datasets.synthetic.structures import STRUCTURES, curves, make_lesion, scattered_dots
from tfderm.errors import InputError
from tfderm.recipes import get_recipe

SIZE = (100, 100)


def lesions(count):
    for number in range(count):
        rng = generator(5, number)
        yield rng, make_lesion(rng, Frame(SIZE))


def test_the_recipe_knows_every_structure():
    recipe = get_recipe("cnd:pretraining")
    assert recipe.labels == (*STRUCTURES, NONE)
    assert recipe.auxiliary == (*STRUCTURES, *SCALARS)
    assert get_recipe("cnd").pretraining == recipe


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_covers_a_part_of_its_lesion(name):
    draw, colours = STRUCTURES[name]
    shares = []
    for rng, lesion in lesions(12):
        coverage = draw(rng, lesion)
        assert coverage.shape == SIZE and coverage.min() >= 0 and coverage.max() <= 1
        reach = 1.25 if name == "radial_streaks" else 1 + lesion.scalars["border"]
        assert coverage[lesion.depth > reach].max(initial=0) < 1e-9
        shares.append((coverage * lesion.mask).sum() / lesion.mask.sum())
    assert np.median(shares) > 0.002 and max(shares) < 0.9
    assert set(colours) <= set(dermoscopy.COLOURS)


def test_the_shape_is_as_described():
    for _, lesion in lesions(12):
        assert lesion.scalars["extent"] == lesion.mask.mean()
        inside, outside = lesion.depth < 1 - lesion.scalars["border"], lesion.depth > 1 + lesion.scalars["border"]
        assert (lesion.mask[inside] == 1).all() and (lesion.mask[outside] == 0).all()
        assert (lesion.interior <= lesion.mask + 1e-9).all()


def test_scattered_dots_are_as_many_and_as_large_as_asked():
    def covered(radius, kept):
        return scattered_dots(generator(1), Frame((200, 200)), 20, 0.2, radius, 0.1, kept).sum()

    assert covered(6, 1.0) / covered(3, 1.0) == pytest.approx(4, rel=0.1)
    assert covered(3, 0.5) / covered(3, 1.0) == pytest.approx(0.5, abs=0.15)  # 100 dots: three standard deviations


def test_curves_have_their_length():
    lengths = []
    for number in range(60):
        rows, columns = np.nonzero(curves(generator(2, number), Frame((200, 200)), 1, 20, 1.0, 0.0) > 0.5)
        if rows.size and min(rows.min(), columns.min(), 199 - rows.max(), 199 - columns.max()) > 0:
            lengths.append(np.hypot(np.ptp(rows), np.ptp(columns)))
    assert len(lengths) > 40 and np.mean(lengths) == pytest.approx(20, abs=2.5)  # 20 * (0.6 to 1.4): sd 4.6, 3.5 of 40


def test_labels_are_what_changed_the_image(monkeypatch):
    """The same image drawn without its structures differs from it only where the manifest says that some show."""
    for number in range(30):
        image, facts = render(3, number, SIZE)
        shown = [name for name in STRUCTURES if facts[name] == "yes"]
        assert (facts["label"] == NONE) == (not shown) and (facts["label"] == NONE or facts["label"] in shown)
        assert 1 <= facts["colours"] <= 4 and 0 <= facts["hairs"] <= 30 and 0 < facts["extent"] <= 1
        with monkeypatch.context() as patch:
            blank = {name: (_drawn_for_nothing(draw), colours) for name, (draw, colours) in STRUCTURES.items()}
            patch.setattr(dermoscopy, "STRUCTURES", blank)
            plain, nothing = render(3, number, SIZE)
        assert nothing["label"] == NONE
        change = np.abs(image.astype(int) - plain.astype(int)).mean() / 255
        assert change > 1e-4 if shown else change < 5 * 5e-4 * 1.25  # five hidden structures, brightest exposure


def _drawn_for_nothing(draw):
    """Takes the same random numbers and covers nothing."""
    return lambda rng, lesion: 0 * draw(rng, lesion)


def test_structures_differ_between_images():
    labels = Counter(render(0, number, SIZE)[1]["label"] for number in range(300))
    assert set(labels) == {*STRUCTURES, NONE} and max(labels.values()) < 150


def test_the_set_reads_as_any_other(tmp_path):
    manifest = generate(tmp_path / "drawn", num_patients=6, image_size=SIZE, seed=2)
    corpus = load(manifest)
    assert corpus.synthetic and corpus.name == "synthetic dermoscopy" and len(corpus.records) == 6
    assert len({record.group for record in corpus.records}) == 6
    with open(manifest, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    image, facts = render(2, 4, SIZE)
    assert {key: rows[4][key] for key in facts} == {key: str(value) for key, value in facts.items()}
    stored = cv2.imread(str(tmp_path / "drawn" / rows[4]["image"]))[:, :, ::-1]
    assert np.abs(stored.astype(int) - image).mean() < 6  # JPEG
    assert "SYNTHETIC" in (tmp_path / "drawn" / "README.md").read_text()
    again = generate(tmp_path / "again", num_patients=3, image_size=SIZE, seed=2)
    assert (again.parent / rows[1]["image"]).read_bytes() == (manifest.parent / rows[1]["image"]).read_bytes()


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="no synthetic set: nothing was written"):
        generate(tmp_path, num_patients=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
