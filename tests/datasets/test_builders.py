"""Published sets prepared for TensorFlow Datasets from fabricated folders, and read back."""

import os
import subprocess
import sys

import pytest
from test_publishers import HAM, ISIC, PAD, image, table

from tfderm.datasets import load

BUILD = """
import sys
import tensorflow_datasets as tfds
from tfderm.datasets import builders

name, manual, data = sys.argv[1:]
builders.register(name)
builder = tfds.builder(name, data_dir=data)
builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual))
assert builder.info.citation and builder.info.description and builder.info.splits["train"].num_examples == 2
"""


def ham10000(folder):
    table(folder / "HAM10000_metadata.csv", HAM, *(f"HAM_1,ISIC_{n},nv,histo,45.0,male,back" for n in (1, 2)))
    return ("HAM_1", "nv", {"age": "45", "sex": "male", "site": "back"})


def pad_ufes_20(folder):
    rows = (f"PAT_1,{n},False,60,MALE,2.0,FACE,6.0,BCC,True,ISIC_{n}.png,True" for n in (1, 2))
    table(folder / "metadata.csv", PAD, *rows)
    known = {"age": "60", "sex": "male", "site": "face", "fitzpatrick": "2", "itch": "True"}
    return ("PAT_1", "BCC", known)


def isic_archive(folder):
    rows = (f"ISIC_{n},ViDIR,CC-BY,45.0,back,Benign,nevi,Nevus,male,IL_1,histopathology" for n in (1, 2))
    table(folder / "metadata.csv", ISIC.format("diagnosis_1,diagnosis_2,diagnosis_3"), *rows)
    return ("IL_1", "Nevus", {"age": "45", "sex": "male", "site": "back"})


@pytest.mark.slow
@pytest.mark.parametrize("layout", [ham10000, pad_ufes_20, isic_archive], ids=lambda layout: layout.__name__)
def test_a_published_folder_becomes_a_tfds_set(layout, tmp_path, monkeypatch):
    manual, data, name = tmp_path / "published", tmp_path / "tfds", layout.__name__
    for number in (1, 2):
        image(manual / "images" / f"ISIC_{number}.jpg", 30 + number)
    group, label, known = layout(manual)
    command = [sys.executable, "-c", BUILD, name, str(manual), str(data)]
    subprocess.run(command, check=True, capture_output=True, env=os.environ)
    monkeypatch.setenv("TFDS_DATA_DIR", str(data))
    monkeypatch.setenv("TFDERM_CACHE", str(tmp_path / "cache"))
    corpus = load(f"tfds:{name}")
    assert [(record.group, record.label) for record in corpus.records] == [(group, label)] * 2
    for record, number in zip(corpus.records, (1, 2), strict=True):
        assert record.metadata == known | {"image_id": f"ISIC_{number}"}
        published = manual / "images" / f"ISIC_{number}.jpg"
        assert corpus.path(record).read_bytes() == published.read_bytes()
