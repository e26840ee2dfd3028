"""`data check`: every kind of bad file is an error with its reason, every conversion a warning."""

import json
from dataclasses import replace

import numpy as np
import pytest
from image_files import STORED, encode, noise, png_header, scene
from PIL import Image

from tfderm.cli import main
from tfderm.datasets import Corpus, Record, load
from tfderm.datasets.check import check
from tfderm.datasets.convert import to_manifest
from tfderm.datasets.duplicates import HASH_DISTANCE, near_duplicates, phash
from tfderm.errors import InputError
from tfderm.recipes import get_recipe


def corpus(folder, *names, labels=None, groups=None):
    records = tuple(
        Record(name, patient_id=groups[n] if groups else f"P{n}", label=labels[n] if labels else "x")
        for n, name in enumerate(names)
    )
    return Corpus("test", folder, records)


@pytest.mark.parametrize(
    "name, data, reason",
    [
        ("empty.jpg", b"", "empty (0 bytes)"),
        ("cut.jpg", encode(scene(0), "JPEG")[:-400], "truncated"),
        ("cut.png", encode(scene(0))[:-400], "not a readable image"),
        ("text.jpg", b"Dear reader, this is a letter and not an image.", "not a readable image"),
        ("page.png", b"<!doctype html><title>Sign in</title>", "not a readable image"),
        ("other.jpg", encode(scene(0)), "the name ends in .jpg, the content is PNG"),
        ("other.png", encode(scene(0), "JPEG"), "the name ends in .png, the content is JPEG"),
        ("bomb.png", png_header(60_000, 60_000), "60000x60000 pixels exceed the limit"),
    ],
)
def test_bad_files_are_errors(tmp_path, name, data, reason):
    (tmp_path / name).write_bytes(data)
    scene(1).save(tmp_path / "good.png")
    report = check(corpus(tmp_path, "good.png", name))
    assert [finding.image for finding in report.errors] == [name] and reason in report.errors[0].problem
    assert not report.warnings


def test_missing_file_and_collected_problems(tmp_path):
    report = check(corpus(tmp_path, "absent.jpg"), problems=["manifest.csv, line 3: bad"])
    assert [str(finding) for finding in report.errors] == [
        "manifest.csv, line 3: bad",
        "absent.jpg: the file is missing",
    ]


def rotated(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(Image.fromarray(np.ascontiguousarray(STORED[orientation](np.asarray(scene(3))))), exif=exif)


@pytest.mark.parametrize(
    "name, data, notes",
    [
        *((f"r{o}.png", rotated(o), ["turned upright by its EXIF orientation"]) for o in range(2, 9)),
        ("r1.png", rotated(1), []),
        ("plain.jpg", encode(scene(0), "JPEG"), []),
        ("deep.png", encode(Image.fromarray(noise(8, 8)[..., 0].astype(np.uint16) * 257)), ["16-bit", "grayscale"]),
        ("gray.jpg", encode(scene(0).convert("L"), "JPEG"), ["grayscale"]),
        ("ink.jpg", encode(scene(0).convert("CMYK"), "JPEG"), ["CMYK"]),
        ("alpha.png", encode(scene(0).convert("RGBA")), ["alpha channel"]),
        (
            "moving.gif",
            encode(scene(0), "GIF", save_all=True, append_images=[scene(1)]),
            ["animation, first frame taken"],
        ),
    ],
)
def test_conversions_are_warnings(tmp_path, name, data, notes):
    (tmp_path / name).write_bytes(data)
    report = check(corpus(tmp_path, name))
    assert not report.errors and len(report.warnings) == len(notes)
    for finding, note in zip(report.warnings, notes, strict=True):
        assert finding.image == name and finding.problem.startswith(note)


def test_sixteen_bit_colour_is_noticed(tmp_path):
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite(str(tmp_path / "deep.png"), noise(8, 8).astype(np.uint16) * 257)
    assert [finding.problem for finding in check(corpus(tmp_path, "deep.png")).warnings] == ["16-bit, reduced to 8"]


def test_all_orientations_are_exact_duplicates_of_the_upright_image(tmp_path):
    for orientation in STORED:
        (tmp_path / f"{orientation}.png").write_bytes(rotated(orientation))
    names = [f"{orientation}.png" for orientation in STORED]
    report = check(corpus(tmp_path, *names, groups=["P"] * 8))
    same = [finding.image for finding in report.warnings if finding.problem == "has the same pixels as 1.png"]
    assert not report.errors and same == names[1:]


def test_exact_duplicates(tmp_path):
    scene(0).save(tmp_path / "a.png")
    scene(0).save(tmp_path / "b.bmp")
    pair = ("a.png", "b.bmp")
    within = check(corpus(tmp_path, *pair, groups=["P", "P"]))
    assert not within.errors and [str(f) for f in within.warnings] == ["b.bmp: has the same pixels as a.png"]
    relabelled = check(corpus(tmp_path, *pair, groups=["P", "P"], labels=["nv", "mel"]))
    assert [str(f) for f in relabelled.errors] == ["b.bmp: has the same pixels as a.png but another label (mel and nv)"]
    across = check(corpus(tmp_path, *pair), splits={"a.png": "train", "b.bmp": "test"})
    assert "another group (P1 and P0) and another split (test and train)" in across.errors[0].problem
    assert not across.warnings


def test_near_duplicates_across_patients(tmp_path):
    for number in range(40):
        scene(number).save(tmp_path / f"{number}.png")
    copy = scene(5).resize((70, 70), Image.Resampling.BICUBIC)
    copy.save(tmp_path / "copy.jpg", quality=60)
    names = [f"{number}.png" for number in range(40)]
    report = check(corpus(tmp_path, *names, "copy.jpg"))
    assert not report.errors and [finding.image for finding in report.warnings] == ["copy.jpg"]
    assert report.warnings[0].problem.startswith("looks like 5.png")
    assert report.duplicates["confirmed"] == 1 and report.duplicates["hash_candidates"] >= 1
    # The pair is one of 820: random pairs meet it about that often.
    assert report.duplicates["random_confirmed_rate"] == pytest.approx(1 / 820, rel=0.2)
    same_patient = check(corpus(tmp_path, *names, "copy.jpg", groups=[*names, "5.png"]))
    assert not same_patient.warnings and same_patient.duplicates["random_confirmed_rate"] == 0


def test_hash_pairs_equal_a_plain_double_loop():
    rng = np.random.default_rng(0)
    pictures = [np.asarray(scene(n % 7, 32).convert("L")) + rng.normal(0, 30, (32, 32)) for n in range(300)]
    thumbnails = np.clip(pictures, 0, 255).astype(np.uint8)
    groups = [str(n % 50) for n in range(300)]
    hashes = [int(value) for value in phash(thumbnails)]
    distances = [
        (hashes[i] ^ hashes[j]).bit_count() for i in range(300) for j in range(i + 1, 300) if groups[i] != groups[j]
    ]
    found = near_duplicates(thumbnails, groups)
    assert distances.count(HASH_DISTANCE) and max(distances) > HASH_DISTANCE
    assert found.num_candidates == sum(distance <= HASH_DISTANCE for distance in distances)
    assert all(i < j and groups[i] != groups[j] for i, j, _ in found.pairs)


def test_labels_boxes_and_splits(tmp_path):
    for number in range(3):
        scene(number).save(tmp_path / f"{number}.png")
    data = corpus(tmp_path, "0.png", "1.png", "2.png", labels=["nv", "wart", "bcc"], groups=["P", "P", "Q"])
    boxed = replace(data.records[2], boxes=((0, 0, 5, 5),), image_size=(48, 96))
    data = replace(data, records=(*data.records[:2], boxed))
    splits = {"0.png": "train", "1.png": "test", "gone.png": "train"}
    errors = [str(finding) for finding in check(data, get_recipe("cnd"), splits).errors]
    assert len(errors) == 4
    assert "1.png: label 'wart' is unknown to recipe cnd" in errors[0]
    assert errors[1] == "2.png: its boxes are for 96x48 pixels, the upright image has 96x96"
    assert errors[2] == "1.png: leak: P is in test and, by 0.png, in train"
    assert errors[3] == "gone.png: has a split but is not in the data"


def write_manifest(folder, rows):
    (folder / "manifest.csv").write_text("image,patient_id,label\n" + "\n".join(rows) + "\n")


def test_command_line_exit_status(tmp_path, capsys):
    scene(0).save(tmp_path / "a.png")
    scene(1).convert("L").save(tmp_path / "b.png")
    write_manifest(tmp_path, ["a.png,P,nv", "b.png,Q,mel"])
    assert main(["data", "check", str(tmp_path)]) == 0
    assert "warning: b.png: grayscale" in capsys.readouterr().out
    (tmp_path / "b.png").write_bytes(b"")
    write_manifest(tmp_path, ["a.png,P,nv", "b.png,Q,mel", "c.png,,nv"])
    assert main(["data", "check", str(tmp_path), "--recipe", "cnd", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [error["image"] for error in report["errors"]] == ["", "b.png"]
    assert "line 4" in report["errors"][0]["problem"] and report["num_images"] == 2
    assert main(["data", "check", str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_command_line_split_preview_convert(psoriasis, tmp_path, capsys):
    source = str(psoriasis.parent)
    splits = tmp_path / "splits.csv"
    assert main(["data", "split", source, "--recipe", "psenet:demo", "-o", str(splits)]) == 0
    assert main(["data", "check", source, "--splits", str(splits)]) == 0
    assert "(synthetic)" in capsys.readouterr().out
    for name in ("sheet.png", "sheet.html"):
        assert main(["data", "preview", source, "-n", "5", "-o", str(tmp_path / name)]) == 0
    assert Image.open(tmp_path / "sheet.png").width > 400
    page = (tmp_path / "sheet.html").read_text()
    assert page.count("<figure>") == 5 and "SYNTHETIC" in page and "http" not in page
    arrays = tmp_path / "a.npz"
    options = ["--recipe", "psenet:demo", "--set", "image_size=(32,80)"]
    assert main(["data", "convert", source, "--to", "npz", "-o", str(arrays), *options]) == 0
    with np.load(arrays) as content:
        assert content["images"].shape[1:] == (32, 80, 3) and content["images"].dtype == np.uint8
        assert len(content["images"]) == len(content["severity"]) == len(content["group"]) and content["synthetic"]
        expected = [box for record in load(source).records for box in record.boxes]
        np.testing.assert_allclose(content["boxes"], np.array(expected) * [1, 0.5, 1, 0.5])
        assert len(content["box_record"]) == len(expected)
    assert main(["data", "convert", source, "--to", "npz", "-o", str(arrays)]) == 2
    assert main(["data", "convert", source, "--to", "manifest", "-o", str(tmp_path / "copy")]) == 0
    assert main(["data", "check", str(tmp_path / "copy")]) == 0


def test_a_mask_that_is_missing_is_an_error(tmp_path):
    scene(0).save(tmp_path / "a.png")
    data = Corpus("test", tmp_path, (Record("a.png", patient_id="P", label="x", mask="masks/a.png"),))
    assert [str(finding) for finding in check(data).errors] == ["a.png: its mask is missing: masks/a.png"]
    with pytest.raises(InputError, match="1 images or masks are missing, for instance masks/a.png"):
        to_manifest(data, tmp_path / "out")


def test_the_same_labels_in_another_order_are_no_other_label(tmp_path):
    for name in ("a.png", "b.png"):
        scene(0).save(tmp_path / name)
    report = check(corpus(tmp_path, "a.png", "b.png", labels=["Crust;Ulcer", "Ulcer; Crust"], groups=["P", "P"]))
    assert not report.errors and len(report.warnings) == 1
