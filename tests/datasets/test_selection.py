"""What a recipe takes from a corpus: nothing is left out silently."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tfderm.datasets import Corpus, Record, select
from tfderm.errors import InputError
from tfderm.recipes import get_recipe

CND = get_recipe("cnd")
PSENET = get_recipe("psenet")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(tmp_path / f"{number}.jpg")
    return tmp_path


def corpus(folder, labels, **changes):
    records = tuple(Record(f"{n}.jpg", patient_id=f"P{n}", label=label) for n, label in enumerate(labels))
    return Corpus("test", folder, tuple(replace(record, **changes) for record in records))


def test_aliases_are_applied_and_ignored_labels_named(folder):
    selection = select(corpus(folder, ["nv", "nevus", "melanoma", "bcc", "bcc", None]), CND)
    assert [(record.image, record.label) for record in selection.records] == [
        ("0.jpg", "nv"), ("1.jpg", "nv"), ("2.jpg", "mel"),
    ]  # fmt: skip
    assert selection.left_out == (
        ("3.jpg", "label bcc is not in the recipe"),
        ("4.jpg", "label bcc is not in the recipe"),
        ("5.jpg", "no label"),
    )
    assert selection.summary() == "left out 3 of 6: 2 label bcc is not in the recipe; 1 no label"


def test_damaged_and_missing_files_are_named(folder):
    data = (folder / "1.jpg").read_bytes()
    (folder / "1.jpg").write_bytes(data[: len(data) // 2])
    (folder / "2.jpg").write_bytes(b"")
    (folder / "3.jpg").unlink()
    selection = select(corpus(folder, ["nv"] * 6), CND)
    assert [record.image for record in selection.records] == ["0.jpg", "4.jpg", "5.jpg"]
    reasons = dict(selection.left_out)
    assert reasons["1.jpg"].startswith("unreadable: ") and "truncated" in reasons["1.jpg"].lower()
    assert reasons["2.jpg"].startswith("unreadable: the file is empty")
    assert reasons["3.jpg"].startswith("file is missing: ")
    assert selection.summary().startswith("left out 3 of 6: 2 unreadable: 1.jpg (")
    assert "3.jpg" in selection.summary() and "\n" not in selection.summary()


def test_nothing_left_out(folder):
    assert select(corpus(folder, ["nv"] * 6), CND).summary() == "left out none of 6"


def test_unknown_label_names_image_label_choices_and_remedy(folder):
    with pytest.raises(InputError, match=r"1.jpg: label 'wart' is unknown to recipe cnd.*nv, bkl, mel.*--set") as error:
        select(corpus(folder, ["nv", "wart"]), CND)
    setting = str(error.value).partition("--set ")[2].rstrip(".").strip('"')
    assert len(select(corpus(folder, ["nv", "wart"]), CND.with_settings([setting])).records) == 1


def test_severity(folder):
    with pytest.raises(InputError, match="no image has a severity for recipe psenet"):
        select(corpus(folder, ["nv", "mel"]), PSENET)
    mixed = corpus(folder, [None] * 3, severity=4.0)
    mixed = replace(mixed, records=(*mixed.records, Record("3.jpg", patient_id="P", label="x")))
    selection = select(mixed, PSENET)
    assert len(selection.records) == 3 and selection.left_out == (("3.jpg", "no severity"),)
    with pytest.raises(InputError, match="no image has a label for recipe cnd"):
        select(corpus(folder, [None] * 3, severity=4.0), CND)


def test_nothing_readable(folder):
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(b"text")
    with pytest.raises(InputError, match="none of 3 images can be used, for instance 0.jpg"):
        select(corpus(folder, ["nv"] * 3), CND)
