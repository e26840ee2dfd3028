"""`data add`: vetted photographs come into the corpus with who and when, all of them or none, and no copy of one."""

import json
import shutil
from datetime import date, timedelta

import pytest
from image_files import DISGUISES, scene, write_scenes
from PIL import Image

from tfderm.datasets import load, vetted
from tfderm.datasets.check import check
from tfderm.datasets.vetted import add
from tfderm.errors import InputError
from tfderm.files import write_csv, write_json
from tfderm.pipeline.blind_test import set_aside
from tfderm.recipes import get_recipe

DAY = date(2026, 1, 31)


@pytest.fixture
def corpus(tmp_path):
    """Manifest of twelve photographs of six patients, P0 to P5."""
    return write_scenes(tmp_path / "corpus", 6)


@pytest.fixture
def new(tmp_path):
    """Manifest of eight others of four patients, P20 to P23."""
    return write_scenes(tmp_path / "new", 4, first=20)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def rows_of(manifest):
    header, *lines = (line.split(",") for line in manifest.read_text().splitlines())
    return [dict(zip(header, line, strict=True)) for line in lines]


def refused(new, corpus, message, by="Dr. A"):
    """Nothing may be added; the error is returned."""
    before = contents(corpus.parent)
    with pytest.raises(InputError, match=message) as error:
        add(load(new), corpus, by, DAY)
    assert "\n" not in str(error.value) and contents(corpus.parent) == before
    return str(error.value)


def test_photographs_come_with_who_and_when_and_what_was_there_stays(corpus, new, tmp_path, register):
    before, sources = load(corpus).records, contents(new.parent)
    added = add(load(new), corpus.parent, " Dr. A ", DAY)
    after = load(corpus)
    assert after.records[:12] == before and after.records[12:] == added and len(added) == 8
    assert contents(new.parent) == sources
    for old, record in zip(load(new).records, added, strict=True):
        assert after.path(record).read_bytes() == (new.parent / old.image).read_bytes()
        assert (record.group, record.label) == (old.group, old.label)
        assert record.metadata == {"vetted_by": "Dr. A", "vetted_on": "2026-01-31"}
    assert not check(after).errors
    add(load(write_scenes(tmp_path / "next", 1, first=40)), corpus, "B")
    assert load(corpus).records[-1].metadata == {"vetted_by": "B", "vetted_on": date.today().isoformat()}
    assert load(corpus).records[:20] == after.records


def test_other_columns_masks_and_equal_file_names(corpus, tmp_path, register):
    """Same file names as the corpus', another picture behind them, a mask that must not become another one's."""
    (corpus.parent / "masks").mkdir()
    Image.new("L", (96, 96), 1).save(corpus.parent / "masks" / "0-0.png")
    write_csv(corpus, ["image", "lesion_id", "label", "note"], [
        {"image": row["image"], "lesion_id": row["patient_id"], "label": row["label"], "note": 'a, "b"'}
        for row in rows_of(corpus)
    ])  # fmt: skip
    folder = tmp_path / "new"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    for number in range(2):
        scene(500 + number).save(folder / "images" / f"0-{number}.png")
    Image.new("L", (96, 96), 255).save(folder / "masks" / "0-1.png")
    (folder / "manifest.csv").write_text(
        "image,patient_id,label,age,vetted_by\nimages/0-0.png,Q,nv,40,x\nimages/0-1.png,Q,nv,41,x\n"
    )
    before = load(corpus).records
    first, second = add(load(folder), corpus, "Dr. A", DAY)
    records = load(corpus).records
    assert records[:12] == before and records[12:] == (first, second)
    assert before[0].mask == "masks/0-0.png" and before[0].metadata == {"note": 'a, "b"'}
    assert first.mask is None and (corpus.parent / second.mask).read_bytes() == (folder / "masks/0-1.png").read_bytes()
    assert first.metadata == {"age": "40", "vetted_by": "Dr. A", "vetted_on": "2026-01-31"}


def boxes(manifest, names, box=(1, 2, 30, 40), **more):
    images = [{"id": 10 * n, "file_name": name, "height": 96, "width": 96} for n, name in enumerate(names, 1)]
    annotations = [{"id": 7 * image["id"], "image_id": image["id"], "bbox": list(box), **more} for image in images[:-1]]
    content = {
        "info": "ours",
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 3, "name": "plaque"}],
    }
    write_json(manifest.parent / "lesions.json", content)


def test_boxes_come_along(corpus, new, register):
    """Some with a box, one with none, the others unmarked; what stood in the file stays as it was."""
    boxes(corpus, ["images/0-0.png", "images/0-1.png"], category_id=3, score=0.9)
    boxes(new, ["images/20-0.png", "images/20-1.png", "images/21-0.png"])
    before, old = load(corpus).records, json.loads((corpus.parent / "lesions.json").read_text())
    added = add(load(new), corpus, "Dr. A", DAY)
    assert [record.boxes for record in added[:4]] == [((1, 2, 30, 40),), ((1, 2, 30, 40),), (), None]
    assert load(corpus).records == before + added
    content = json.loads((corpus.parent / "lesions.json").read_text())
    assert content["images"][:2] == old["images"] and content["annotations"][:1] == old["annotations"]
    assert (content["info"], content["categories"]) == ("ours", old["categories"])
    for items in (content["images"], content["annotations"]):
        assert len({item["id"] for item in items}) == len(items)
    assert {item["category_id"] for item in content["annotations"]} == {3}


def test_boxes_come_into_a_corpus_without_any(corpus, new, register):
    boxes(new, ["images/20-0.png", "images/20-1.png"])
    added = add(load(new), corpus, "Dr. A", DAY)
    assert load(corpus).records[12:] == added and added[0].boxes and load(corpus).records[0].boxes is None


@pytest.mark.parametrize("where", ["copyfile", "write_json", "write_csv"])
@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("kind", [KeyboardInterrupt, OSError])
def test_an_interruption_leaves_the_corpus_as_it_was(corpus, new, register, monkeypatch, where, marked, kind):
    if marked:
        boxes(corpus, ["images/0-0.png", "images/0-1.png"])
    boxes(new, ["images/20-0.png", "images/20-1.png"])
    before = contents(corpus.parent)
    module, calls = shutil if where == "copyfile" else vetted, []
    write = getattr(module, where)

    def interrupted(*arguments):
        calls.append(arguments)
        if where != "write_csv":  # The manifest comes last: stopped before it is in its place.
            write(*arguments)
        if len(calls) == (5 if where == "copyfile" else 1):
            raise kind("stopped")

    with monkeypatch.context() as patch, pytest.raises((kind, InputError)):
        patch.setattr(module, where, interrupted)
        add(load(new), corpus, "Dr. A", DAY)
    assert calls and contents(corpus.parent) == before
    assert len(add(load(new), corpus, "Dr. A", DAY)) == 8


def test_a_killed_addition_leaves_a_corpus_that_reads_as_before_and_takes_it_again(corpus, new, register, monkeypatch):
    """Killed between the boxes and the manifest: nothing is taken back."""
    boxes(new, ["images/20-0.png", "images/20-1.png"])
    before = load(corpus).records
    with monkeypatch.context() as patch:
        patch.setattr(vetted, "write_csv", lambda *_: None)
        add(load(new), corpus, "Dr. A", DAY)
    assert (corpus.parent / "lesions.json").is_file() and load(corpus).records == before
    added = add(load(new), corpus, "Dr. A", DAY)
    assert load(corpus).records == before + added and added[0].boxes == ((1, 2, 30, 40),)
    assert len(json.loads((corpus.parent / "lesions.json").read_text())["images"]) == 2


@pytest.mark.parametrize("disguise", DISGUISES)
def test_copies_in_the_corpus_and_in_the_source_are_named(corpus, new, register, capsys, disguise):
    suffix, content = DISGUISES[disguise](scene(3000))
    (new.parent / f"x{suffix}").write_bytes(content)
    lines = new.read_text()
    new.write_text(f"{lines}x{suffix},P50,nv\n")
    refused(new, corpus, rf"1 of 9 photographs are copies .*\(first: x{suffix}\)")
    assert f"x{suffix} is a copy of images/3-0.png of the corpus\n" in capsys.readouterr().err
    suffix, content = DISGUISES[disguise](scene(21_001))
    (new.parent / f"y{suffix}").write_bytes(content)
    new.write_text(f"{lines}y{suffix},P21,bkl\n")
    refused(new, corpus, rf"1 of 9 photographs are copies .*\(first: y{suffix}\)|y{suffix}.*images/21-1.png")


@pytest.mark.parametrize("disguise", DISGUISES)
def test_blind_photographs_and_their_patients_are_refused(tmp_path, new, register, disguise):
    done = set_aside(load(write_scenes(tmp_path / "all", 12)), get_recipe("cnd"), 6, tmp_path / "nine")
    corpus = tmp_path / "nine" / "training" / "manifest.csv"
    hidden = done.blind.records[0]
    seed = int(hidden.group[1:]) * 1000
    suffix, content = DISGUISES[disguise](scene(seed))
    (new.parent / f"x{suffix}").write_bytes(content)
    lines = new.read_text()
    new.write_text(f"{lines}x{suffix},P50,nv\n")
    assert f"first: x{suffix}" in refused(
        new, corpus, "1 of 9 photographs are of the blind test nine.*nothing was added"
    )
    new.write_text(lines.replace("P21", hidden.group))
    refused(new, corpus, "2 of 8 photographs show patients or lesions of the blind test")


@pytest.mark.parametrize(
    "old, other, message",
    [
        ("bkl", "BKL", "'BKL' is spelled 'bkl'"),
        ("bkl", "b_kl", "spelled 'bkl'"),
        ("bkl", "bcl", None),
        ("psoriasis", "psoriassis", "'psoriassis' is spelled 'psoriasis'"),
        ("psoriasis", "psroiasis", "spelled"),
        ("psoriasis", "psoriasi", "spelled"),
        ("psoriasis", "parapsoriasis", None),
        ("actinic keratosis", "Actinic  Keratoses", "spelled"),
        ("grade a", "grade b", None),
        ("type10", "type11", None),
        ("hyperpigmentation", "hypopigmentation", None),
        ("湿疹", "乾癬", None),
    ],
)
def test_labels_in_other_letters(corpus, new, register, old, other, message):
    corpus.write_text(corpus.read_text().replace(",bkl", f",{old}"))
    new.write_text(new.read_text().replace(",bkl", f",{other}"))
    if message:
        assert "images/22-0.png" in refused(new, corpus, message)
    else:
        assert other in {record.label for record in add(load(new), corpus, "Dr. A", DAY)}


def test_two_spellings_within_the_source(corpus, new, register):
    new.write_text(
        new.read_text()
        .replace("21-1.png,P21,nv", "21-1.png,P21,eczema")
        .replace("22-0.png,P22,bkl", "22-0.png,P22,Eczema")
    )
    refused(new, corpus, "'Eczema' is spelled 'eczema'")


def test_what_is_not_fit_to_be_added(corpus, new, tmp_path, register):
    lines = new.read_text()
    new.write_text(lines.replace("20-0.png,P20,mel", "20-0.png,P20,"))
    refused(new, corpus, r"1 of 8 photographs have no label, severity or boxes.*first: images/20-0.png")
    new.write_text(lines)
    (new.parent / "images" / "20-1.png").write_bytes(b"")
    refused(new, corpus, r"images/20-1.png: .*the file is empty")
    scene(20_001, 50).save(new.parent / "images" / "20-1.png")
    boxes(new, ["images/20-0.png", "images/20-1.png", "images/21-0.png"])
    refused(new, corpus, "images/20-1.png: its boxes are for 96x96 pixels, the upright image has 50x50")
    scene(20_001).save(new.parent / "images" / "20-1.png")
    refused(new, corpus, "Say who vetted", by="  ")
    with pytest.raises(InputError, match="and when"):
        add(load(new), corpus, "Dr. A", date.today() + timedelta(2))
    write_json(new.parent / "dataset.json", {"synthetic": True})
    refused(new, corpus, "not both photographs or both rendered")


def test_class_folders_are_told_how(corpus, tmp_path, register):
    (tmp_path / "folders" / "nv").mkdir(parents=True)
    scene(900).save(tmp_path / "folders" / "nv" / "1.png")
    refused(
        tmp_path / "folders", corpus, "neither patient_id nor lesion_id; write a manifest with `tfderm data convert"
    )
    with pytest.raises(InputError, match="photographs are added to a manifest; make one"):
        add(load(corpus), tmp_path / "folders", "Dr. A", DAY)


def test_a_corpus_added_to_itself(corpus, register):
    refused(corpus, corpus, "12 of 12 photographs are copies")


def test_who_vetted_is_no_input_of_a_recipe():
    from tfderm.recipes import list_recipes

    used = {column for name in list_recipes() for column in get_recipe(name).auxiliary}
    assert used and not used & {"vetted_by", "vetted_on"}


def relabelled(manifest, *labels):
    rows = rows_of(manifest)
    for row, label in zip(rows, labels, strict=False):
        row["label"] = label
    write_csv(manifest, list(rows[0]), rows)
    return manifest


def test_each_of_several_labels_is_compared(corpus, new, register):
    relabelled(corpus, "Pustule;Wheal", "Crust")
    refused(relabelled(new, "Pustuel;Wheal"), corpus, "label 'Pustuel' is spelled 'Pustule' elsewhere")
    refused(relabelled(new, " ; "), corpus, "1 of 8 photographs have no label")
    add(load(relabelled(new, "Wheal; Pustule", "+", "--")), corpus, "Dr. A", DAY)


def test_a_photograph_whose_file_is_lost_is_not_listed_twice(corpus, new, register):
    added = add(load(new), corpus, "Dr. A", DAY)
    (corpus.parent / added[0].image).unlink()
    rows = rows_of(new)
    write_csv(new, list(rows[0]), rows[:1])
    refused(new, corpus, "are listed already, but their files are lost")
    assert len(load(corpus).records) == 20


def test_nothing_is_added_to_a_blind_test(corpus, new, tmp_path, register):
    done = set_aside(load(corpus), get_recipe("cnd"), 0.5, tmp_path / "out")
    refused(new, done.blind.root / "manifest.csv", "of the blind test out.*add to the corpus that is trained on")
