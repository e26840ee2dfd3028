"""Published layouts: tiny fabricated folders, and the real sets where $TFDERM_DATA has them."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from tfderm.datasets import load
from tfderm.datasets.check import check
from tfderm.errors import InputError

HAM = "lesion_id,image_id,dx,dx_type,age,sex,localization"
PAD = "patient_id,lesion_id,smoke,age,gender,fitspatrick,region,diameter_1,diagnostic,itch,img_id,biopsed"


def image(path, height=30, width=40, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), "pink").save(path, **options)


def table(path, *lines):
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def ham10000(tmp_path):
    table(
        tmp_path / "HAM10000_metadata.csv",
        HAM,
        "HAM_1,ISIC_1,nv,follow_up,45.0,male,back",
        "HAM_1,ISIC_2,nv,histo,,unknown,unknown",
        "HAM_2,ISIC_3,mel,histo,70.0,female,face",
    )
    image(tmp_path / "HAM10000_images_part_1" / "ISIC_1.jpg")
    image(tmp_path / "HAM10000_images_part_2" / "ISIC_2.jpg")
    return tmp_path


def test_ham10000_as_published(ham10000):
    corpus = load(ham10000)
    first, second, third = corpus.records
    assert corpus.name == "HAM10000" and corpus.licence == "CC BY-NC 4.0" and not corpus.synthetic
    assert (first.image, first.group, first.label) == ("HAM10000_images_part_1/ISIC_1.jpg", "HAM_1", "nv")
    assert first.metadata == {"age": "45", "sex": "male", "site": "back"}
    assert second.image == "HAM10000_images_part_2/ISIC_2.jpg" and second.metadata == {}
    assert not corpus.path(third).is_file()
    assert [finding.image for finding in check(corpus).errors] == [third.image]


def test_ham10000_boxes_from_the_table(ham10000):
    exif = Image.Exif()
    exif[0x0112] = 6
    image(ham10000 / "HAM10000_images_part_2" / "ISIC_2.jpg", 30, 40, exif=exif)
    header = "image,image_id,dx_type,box_left,box_top,box_right,box_bottom"
    rows = [header, "x,ISIC_1,histo,5,6,40,30", "x,ISIC_2,histo,0,0,30,40", "x,ISIC_3,histo,0,0,5,5"]
    table(ham10000 / "labels.csv", *rows)
    first, second, third = load(ham10000).records
    assert first.boxes == ((5, 6, 35, 24),) and first.image_size == (30, 40)
    assert second.boxes == ((0, 0, 30, 40),) and second.image_size == (40, 30)
    assert third.boxes is None
    table(ham10000 / "labels.csv", header, "x,ISIC_1,histo,5,6,41,30")
    with pytest.raises(InputError, match="labels.csv, line 2: the box leaves its image of 40x30"):
        load(ham10000)
    problems = []
    assert load(ham10000, problems).records[0].boxes is None and len(problems) == 1


def test_pad_ufes_20_as_published(tmp_path):
    table(
        tmp_path / "metadata.csv",
        PAD,
        "PAT_1,7,False,55,FEMALE,2.0,FACE,9.0,BCC,True,PAT_1_7_1.png,True",
        "PAT_2,8,,60,,,BACK,,NEV,UNK,PAT_2_8_1.png,False",
    )
    image(tmp_path / "images" / "imgs_part_1" / "PAT_1_7_1.jpg")
    image(tmp_path / "imgs_part_2" / "PAT_2_8_1.png")
    mask = np.zeros((30, 40), np.uint8)
    mask[2:5, 3:9] = mask[10:25, 20:40] = 255
    (tmp_path / "masks").mkdir()
    Image.fromarray(mask).convert("1").save(tmp_path / "masks" / "PAT_1_7_1_mask.png")
    corpus = load(tmp_path)
    first, second = corpus.records
    assert corpus.name == "PAD-UFES-20" and not check(corpus).errors
    assert (first.image, first.patient_id, first.lesion_id, first.label) == (
        "images/imgs_part_1/PAT_1_7_1.jpg", "PAT_1", "7", "BCC",
    )  # fmt: skip
    assert first.boxes == ((20, 10, 20, 15), (3, 2, 6, 3)) and first.image_size == (30, 40)
    assert first.mask == "masks/PAT_1_7_1_mask.png"
    assert first.metadata == {
        "age": "55", "sex": "female", "site": "face", "fitzpatrick": "2",
        "smoke": "False", "diameter_1": "9", "itch": "True",
    }  # fmt: skip
    assert second.image == "imgs_part_2/PAT_2_8_1.png" and second.boxes is None
    assert second.metadata == {"age": "60", "site": "back"}


def test_folders_without_images_and_look_alikes(tmp_path):
    table(tmp_path / "HAM10000_metadata.csv", HAM, "HAM_1,ISIC_1,nv,follow_up,45.0,male,back")
    with pytest.raises(InputError, match="holds HAM10000_metadata.csv but no images; unpack them into .*images"):
        load(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    table(other / "metadata.csv", "a,b", "1,2")
    with pytest.raises(InputError, match="holds no data that tfderm knows"):
        load(other)


def test_no_column_that_tells_the_diagnosis_becomes_metadata(real_data):
    for name in ("ham10000", "pad_ufes_20"):
        columns = {column for record in load(real_data / name).records for column in record.metadata}
        assert columns and not columns & {"dx", "dx_type", "biopsed", "biopsied", "diagnostic"}


def test_real_ham10000(real_data):
    corpus = load(real_data / "ham10000")
    assert Counter(record.label for record in corpus.records) == {
        "nv": 5325, "mel": 903, "bkl": 884, "bcc": 406, "akiec": 258, "vasc": 116, "df": 88,
    }  # fmt: skip
    assert len({record.group for record in corpus.records}) == 5975
    assert all(len(record.boxes) == 1 and record.image_size == (150, 200) for record in corpus.records)


def test_real_pad_ufes_20(real_data):
    corpus = load(real_data / "pad_ufes_20")
    assert Counter(record.label for record in corpus.records) == {
        "BCC": 248, "ACK": 187, "NEV": 167, "SEK": 116, "SCC": 43, "MEL": 37,
    }  # fmt: skip
    assert len({record.patient_id for record in corpus.records}) == 621
    assert sum(record.boxes is not None for record in corpus.records) == 750
    assert Counter(record.metadata.get("fitzpatrick") for record in corpus.records)[None] == 303
    report = check(corpus)
    assert not report.errors and report.num_images == 798
    assert report.duplicates["random_confirmed_rate"] < 1e-4


ISIC = "isic_id,attribution,copyright_license,age_approx,anatom_site_general,{},sex,lesion_id,diagnosis_confirm_type"


def test_what_isic_cli_downloads(tmp_path):
    """Columns as the archive names them; what is known with the diagnosis alone is no metadata."""
    table(
        tmp_path / "metadata.csv",
        ISIC.format("diagnosis_1,diagnosis_2,diagnosis_3"),
        "ISIC_0000001,ViDIR,CC-BY,45.0,posterior torso,Benign,Benign melanocytic,Nevus,male,IL_1,single image",
        "ISIC_0000002,ViDIR,CC-BY,,,Benign,Benign melanocytic,Nevus,,IL_1,single image",
        "ISIC_0000003,MSK,CC-BY-NC,70,head/neck,Malignant,,,female,,histopathology",
        "ISIC_0000004,MSK,CC-BY-NC,70,head/neck,,,,female,,",
    )
    for number in (1, 2, 3, 4):
        image(tmp_path / f"ISIC_000000{number}.jpg")
    corpus = load(tmp_path)
    first, second, third, fourth = corpus.records
    assert (corpus.name, corpus.licence) == ("ISIC archive", "CC-BY, CC-BY-NC")
    assert (first.image, first.label, first.group) == ("ISIC_0000001.jpg", "Nevus", "IL_1") and second.group == "IL_1"
    assert first.metadata == {"age": "45", "site": "posterior torso", "sex": "male"} and second.metadata == {}
    assert (third.label, third.group, fourth.label) == ("Malignant", "ISIC_0000003", None)


def test_isic_with_the_older_single_diagnosis(tmp_path):
    table(
        tmp_path / "metadata.csv",
        "isic_id,attribution,copyright_license,benign_malignant,diagnosis,patient_id,lesion_id",
        "ISIC_0000001,MSK,CC-0,malignant,melanoma,IP_1,IL_1",
        "ISIC_0000002,MSK,CC-0,benign,nevus,IP_1,IL_2",
    )
    image(tmp_path / "images" / "ISIC_0000001.jpg")
    first, second = load(tmp_path).records
    assert (first.image, first.label, first.group) == ("images/ISIC_0000001.jpg", "melanoma", "IP_1")
    assert second.group == "IP_1" and first.metadata == {}
