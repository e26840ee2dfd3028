"""The manifest reader: what it accepts, and that each bad input is one line with file, line and column."""

import json

import pytest
from PIL import Image

from tfderm.datasets import load
from tfderm.datasets.check import check
from tfderm.datasets.convert import to_manifest
from tfderm.datasets.manifest import read_manifest, write_manifest
from tfderm.errors import InputError

HEADER = "image,patient_id,severity"


def manifest(folder, *lines, encoding="utf-8"):
    path = folder / "manifest.csv"
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def lesions(folder, images, boxes):
    """images: {file_name: (height, width)}, boxes: [(file_name, box)]."""
    ids = {name: number for number, name in enumerate(images, 7)}
    content = {
        "images": [{"id": ids[n], "file_name": n, "height": h, "width": w} for n, (h, w) in images.items()],
        "annotations": [
            {"id": i, "image_id": ids[n], "category_id": 1, "bbox": list(box)} for i, (n, box) in enumerate(boxes)
        ],
    }
    (folder / "lesions.json").write_text(json.dumps(content))


def test_reads_every_column(tmp_path):
    path = manifest(
        tmp_path,
        "image,patient_id,lesion_id,severity,label,visit,age,camera,erythema,induration,desquamation,area",
        "a.png,P1,L1,18,psoriasis,1,40,phone,2,2,2,3",
        " b.png ,,L2,,eczema,,,,,,,",
    )
    first, second = read_manifest(path).records
    assert (first.image, first.patient_id, first.lesion_id, first.severity, first.label) == (
        "a.png", "P1", "L1", 18.0, "psoriasis",
    )  # fmt: skip
    assert first.metadata == {
        "visit": "1", "age": "40", "camera": "phone",
        "erythema": "2", "induration": "2", "desquamation": "2", "area": "3",
    }  # fmt: skip
    assert (second.image, second.group, second.severity, second.metadata) == ("b.png", "L2", None, {})


def test_byte_order_mark_quotes_and_spreadsheet_line_ends(tmp_path):
    path = tmp_path / "m.csv"
    path.write_bytes('\ufeffimage,patient_id,label\r\n"ä, b.png",P1,x\r\n\r\n'.encode())
    assert [record.image for record in load(path).records] == ["ä, b.png"]


def test_boxes_by_file_name(tmp_path):
    path = manifest(tmp_path, HEADER, "i/a.png,P,1", "i/b.png,P,1", "i/c.png,P,1")
    lesions(
        tmp_path, {"i/a.png": (20, 30), "i/b.png": (20, 30)}, [("i/a.png", (0, 0, 30, 20)), ("i/a.png", (1, 2, 3, 4))]
    )
    a, b, c = read_manifest(path).records
    assert a.boxes == ((0, 0, 30, 20), (1, 2, 3, 4)) and a.image_size == (20, 30)
    assert b.boxes == () and b.image_size == (20, 30)
    assert c.boxes is None and c.image_size is None


def test_dataset_json_marks_synthetic_sets(tmp_path):
    path = manifest(tmp_path, HEADER, "a.png,P,1")
    assert not load(tmp_path).synthetic
    (tmp_path / "dataset.json").write_text('{"name": "made up", "synthetic": true, "licence": "CC0"}')
    corpus = load(path)
    assert (corpus.name, corpus.synthetic, corpus.licence) == ("made up", True, "CC0")
    (tmp_path / "dataset.json").write_text('{"synthetic": "no"}')
    with pytest.raises(InputError, match="dataset.json"):
        load(path)


def test_masks_beside_the_manifest(tmp_path):
    (tmp_path / "masks").mkdir()
    for name in ("a.png", "b_mask.png"):
        (tmp_path / "masks" / name).touch()
    path = manifest(tmp_path, HEADER, "i/a.jpg,P,1", "i/b.jpg,P,1", "i/c.jpg,P,1")
    assert [record.mask for record in read_manifest(path).records] == ["masks/a.png", "masks/b_mask.png", None]


@pytest.mark.parametrize(
    "lines, message",
    [
        (["patient_id,severity", "P,1"], r"line 1: column image is missing"),
        (["image,severity", "a.png,1"], r"line 1: column patient_id or lesion_id is missing"),
        (["image,patient_id", "a.png,P"], r"line 1: column label or severity is missing"),
        (["image,image,label", "a.png,a.png,P"], r"line 1: two columns have the same name"),
        ([HEADER], r"lists no images"),
        ([""], r"is empty"),
        ([HEADER, "a.png,P,1", "b.png,P,mild"], r"line 3, column severity: must be a number from 0 to 72.*mild"),
        ([HEADER, "a.png,P,72.5"], r"line 2, column severity.*72.5"),
        ([HEADER, "a.png,P,-1"], r"line 2, column severity"),
        ([HEADER, "a.png,P,nan"], r"line 2, column severity"),
        ([HEADER, "a.png,P,1", "", "./a.png,P,1"], r"line 4, column image: a.png is already listed in line 2"),
        ([HEADER, "a.png,,1"], r"line 2, column patient_id: empty, and no lesion_id"),
        ([HEADER, ",P,1"], r"line 2, column image: empty"),
        ([HEADER, "/etc/a.png,P,1"], r"line 2, column image: /etc/a.png leaves"),
        ([HEADER, "i/../../a.png,P,1"], r"line 2, column image: .*leaves"),
        ([HEADER, "C:\\a.png,P,1"], r"line 2, column image: .*leaves"),
        ([HEADER, "a.png,P,1,2"], r"line 2: more cells than the header's 3"),
        (
            [HEADER + ",erythema,induration,desquamation,area", "a.png,P,13,1,2,3,2"],
            r"line 2, column severity: 13 is not .* = 12",
        ),
        ([HEADER + ",erythema", "a.png,P,13,5"], r"line 2, column erythema: must be a number from 0 to 4"),
    ],
)
def test_bad_input_is_one_line_with_file_line_and_column(tmp_path, lines, message):
    path = manifest(tmp_path, *lines)
    with pytest.raises(InputError, match=message) as error:
        load(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


def test_other_encodings_are_refused(tmp_path):
    path = manifest(tmp_path, HEADER, "ä.png,P,1", encoding="latin-1")
    with pytest.raises(InputError, match="not a UTF-8 CSV"):
        load(path)


@pytest.mark.parametrize(
    "box", [(0, 0, 31, 5), (0, 16, 5, 5), (-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, 5), (0, 0, float("nan"), 1)]
)
def test_box_outside_its_image(tmp_path, box):
    path = manifest(tmp_path, HEADER, "a.png,P,1")
    lesions(tmp_path, {"a.png": (20, 30)}, [("a.png", box)])
    with pytest.raises(InputError, match=r"lesions.json, a.png: box .* leaves its image of 30x20 pixels"):
        load(path)


def test_lesions_of_other_images_and_malformed_coco(tmp_path):
    path = manifest(tmp_path, HEADER, "a.png,P,1")
    lesions(tmp_path, {"other/a.png": (20, 30)}, [])
    with pytest.raises(InputError, match="no `file_name` is an image of the manifest"):
        load(path)
    (tmp_path / "lesions.json").write_text('{"images": [{"id": 1}], "annotations": []}')
    with pytest.raises(InputError, match="is not COCO.*file_name"):
        load(path)
    (tmp_path / "lesions.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        load(path)


def test_problems_are_collected_and_good_rows_kept(tmp_path):
    path = manifest(tmp_path, HEADER, "a.png,P,1", "b.png,P,99", "c.png,,2", "d.png,Q,3")
    lesions(tmp_path, {"a.png": (20, 30)}, [("a.png", (0, 0, 31, 5))])
    problems = []
    assert [record.image for record in load(path, problems).records] == ["a.png", "d.png"]
    assert ["lesions.json" in problems[0], "line 3" in problems[1], "line 4" in problems[2]] == [True] * 3


def test_write_then_read_gives_the_same_records(tmp_path):
    path = manifest(tmp_path, HEADER + ",lesion_id,site", "a.png,P,1.5,,back", "b.png,Q,40,L2,", "c.png,Q,0,,")
    lesions(tmp_path, {"a.png": (20, 30), "b.png": (20, 30)}, [("a.png", (0.5, 0, 3, 4))])
    corpus = load(path)
    again = load(write_manifest(tmp_path / "again", corpus))
    assert again.records == corpus.records and again.fingerprint == corpus.fingerprint and again.name == corpus.name


def test_unknown_sources_list_what_is_accepted(tmp_path):
    (tmp_path / "x.txt").touch()
    for source in (tmp_path, tmp_path / "absent", tmp_path / "x.txt"):
        with pytest.raises(InputError, match="a manifest CSV, .*, synthetic:psoriasis, .*synthetic:inflammatory, or"):
            load(source)
    with pytest.raises(InputError, match="No synthetic set"):
        load("synthetic:eczema")
    with pytest.raises(InputError, match="with a number of patients"):
        load("synthetic:psoriasis:many")


def test_class_folders_become_a_manifest_to_complete(tmp_path):
    for label, colour in (("x", "red"), ("y", "blue")):
        (tmp_path / "in" / label).mkdir(parents=True)
        Image.new("RGB", (8, 8), colour).save(tmp_path / "in" / label / "1.png")
    corpus = load(tmp_path / "in")
    assert [(record.image, record.label, record.group) for record in corpus.records] == [
        ("x/1.png", "x", ""),
        ("y/1.png", "y", ""),
    ]
    assert not check(corpus).errors
    path = to_manifest(corpus, tmp_path / "out")
    with pytest.raises(InputError, match="line 2, column patient_id: empty"):
        load(path)
    path.write_text(path.read_text().replace("/1.png,", "/1.png,P"))
    assert [record.group for record in load(path).records] == ["P", "P"]
    with pytest.raises(InputError, match="not an empty folder"):
        to_manifest(corpus, tmp_path / "in")
    assert (tmp_path / "in" / "x" / "1.png").is_file()


def test_the_synthetic_set_is_rendered_once_into_the_cache(tmp_path, monkeypatch, capsys):
    from tfderm.datasets.synthetic import psoriasis

    calls = []

    def generate(folder, num_patients=2):
        calls.append(folder.name)
        return render(folder, num_patients=num_patients, image_size=(32, 40))

    render = psoriasis.generate
    monkeypatch.setattr(psoriasis, "generate", generate)
    monkeypatch.setenv("TFDERM_CACHE", str(tmp_path / "cache"))
    first, second = load("synthetic:psoriasis"), load("synthetic:psoriasis")
    assert first.synthetic and first.records == second.records and len(first.records) >= 8
    assert all(record.boxes is not None and record.mask and record.severity is not None for record in first.records)
    assert {record.group for record in load("synthetic:psoriasis:3").records} > {item.group for item in first.records}
    name = f"synthetic-psoriasis-{psoriasis.VERSION}"
    assert calls == [name, f"{name}-3"] and (tmp_path / "cache" / name).is_dir()
    assert "rendering synthetic:psoriasis" in capsys.readouterr().err
