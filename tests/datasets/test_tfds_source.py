"""A set prepared by TensorFlow Datasets becomes a manifest with its stored bytes."""

import os
import subprocess
import sys

import pytest
from image_files import encode
from PIL import Image

from tfderm.datasets import load
from tfderm.datasets.check import check
from tfderm.errors import InputError

BUILD = """
import io, sys
import numpy as np, tensorflow_datasets as tfds
from PIL import Image

class TinySkin(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    def _info(self):
        features = {"image": tfds.features.Image(), "label": tfds.features.ClassLabel(names=["nv", "mel"]),
                    "age": np.int32, "site": tfds.features.Text()}
        if GROUP:
            features["patient_id"] = tfds.features.Text()
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))
    def _split_generators(self, manager):
        return {"train": self._generate_examples(0, 3), "test": self._generate_examples(3, 5)}
    def _generate_examples(self, start, stop):
        for n in range(start, stop):
            data = io.BytesIO()
            Image.new("RGB", (8, 6), (10 * n, 0, 0)).save(data, "PNG")
            data.seek(0)
            example = {"image": data, "label": n % 2, "age": 30 + n, "site": "back" if n else ""}
            if GROUP:
                example["patient_id"] = f"P{n // 2}"
            yield n, example

TinySkin(data_dir=sys.argv[1]).download_and_prepare()
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    def prepare(group):
        folder = tmp_path_factory.mktemp("tfds")
        script = folder / "build.py"
        script.write_text(BUILD.replace("GROUP", repr(group)))
        subprocess.run([sys.executable, script, folder / "data"], check=True, capture_output=True, env=os.environ)
        return folder / "data"

    return prepare


@pytest.mark.slow
def test_a_prepared_set_is_exported_once(build, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(build(True)))
    monkeypatch.setenv("TFDERM_CACHE", str(tmp_path))
    corpus = load("tfds:tiny_skin")
    records = {(r.patient_id, r.label, tuple(sorted(r.metadata.items()))): r for r in corpus.records}
    assert set(records) == {
        (f"P{n // 2}", ("nv", "mel")[n % 2], (("age", str(30 + n)), *((("site", "back"),) if n else ())))
        for n in range(5)
    }
    for (_, _, metadata), record in records.items():
        n = int(dict(metadata)["age"]) - 30
        assert corpus.path(record).read_bytes() == encode(Image.new("RGB", (8, 6), (10 * n, 0, 0)))
    assert not check(corpus).errors
    assert load("tfds:tiny_skin").records == corpus.records


@pytest.mark.slow
def test_a_set_without_groups_or_not_prepared(build, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(build(False)))
    monkeypatch.setenv("TFDERM_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="tfds:tiny_skin has no feature patient_id or lesion_id. It has: .*label"):
        load("tfds:tiny_skin")
    with pytest.raises(InputError, match="tfds:no_such_set: TensorFlow Datasets does not know it"):
        load("tfds:no_such_set")
    with pytest.raises(InputError, match="tfds:beans is not prepared"):
        load("tfds:beans")
