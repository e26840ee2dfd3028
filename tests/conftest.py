"""Set-up shared by all tests: quiet TensorFlow, a cache of their own, real data where $TFDERM_DATA points to it."""

import math
import os
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="run the slow tests too")
    parser.addoption("--slow-minutes", type=float, default=math.inf, help="start no slow test after so many minutes")


def pytest_configure(config):
    config.started = time.monotonic()


def pytest_runtest_setup(item):
    minutes = item.config.getoption("--slow-minutes")
    if item.get_closest_marker("slow") and time.monotonic() - item.config.started > 60 * minutes:
        pytest.skip(f"slow: --slow-minutes {minutes:g} are over")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all"):
        skip = pytest.mark.skip(reason="slow: run with `make test-all`")
        for item in items:
            if item.get_closest_marker("slow"):  # Not `keywords`, which hold the names of folders too.
                item.add_marker(skip)


@pytest.fixture(scope="session", autouse=True)
def no_register(tmp_path_factory):
    """No test reads or writes the register of blind tests of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDERM_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def register(tmp_path, monkeypatch) -> Path:
    """The folder of an own register of blind tests, not yet there."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("TFDERM_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "blind"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with `ham10000/` and `pad_ufes_20/`; skips where $TFDERM_DATA is unset."""
    folder = os.environ.get("TFDERM_DATA")
    if not folder:
        pytest.skip("real images are looked up in $TFDERM_DATA, which is unset")
    return Path(folder)


@pytest.fixture(scope="session")
def psoriasis(tmp_path_factory) -> Path:
    """Manifest of a small synthetic set, 64x80 pixels."""
    from tfderm.datasets.synthetic.psoriasis import generate

    return generate(tmp_path_factory.mktemp("data") / "psoriasis", num_patients=10, image_size=(64, 80), seed=1)


@pytest.fixture(scope="session")
def coloured(tmp_path_factory) -> Path:
    """Manifest of 90 coloured images, 24x30 pixels, in the classes of the recipe `cnd`."""
    from PIL import Image
    from small_models import colour_images

    folder = tmp_path_factory.mktemp("data") / "coloured"
    folder.mkdir()
    rows = ["image,patient_id,label"]
    for index, (image, label) in enumerate(zip(*colour_images(90, (24, 30), seed=4), strict=True)):
        Image.fromarray(image).save(folder / f"{index}.png")
        rows.append(f"{index}.png,p{index},{('nv', 'bkl', 'mel')[label]}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"
