"""What is no report, or is made to do harm, gets one line within seconds."""

import resource

import pytest
from hostile import HOSTILE

from tfderm.clinical.labs import documents, parse
from tfderm.errors import InputError


def processor_seconds():
    """Of this process and those it started: the clock says little on a busy machine."""
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        yield used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name, tmp_path):
    make, complaint = HOSTILE[name]
    path = make(tmp_path / name)
    start = sum(processor_seconds())
    with pytest.raises(InputError) as error:
        parse(path)
    assert sum(processor_seconds()) - start < documents.MAX_SECONDS + 5
    assert complaint in str(error.value) and str(path) in str(error.value) and "\n" not in str(error.value)


def test_absent_and_folder(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        parse(tmp_path / "absent.pdf")
    with pytest.raises(InputError, match="is no file"):
        parse(tmp_path)


def test_tesseract_is_named_where_it_is_missing(tmp_path, monkeypatch):
    import pytesseract
    from PIL import Image

    monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", str(tmp_path / "absent"))
    pytesseract.get_languages.cache_clear() if hasattr(pytesseract.get_languages, "cache_clear") else None
    Image.new("L", (600, 800), "white").save(tmp_path / "scan.png")
    with pytest.raises(InputError, match="apt-get install tesseract-ocr"):
        parse(tmp_path / "scan.png")
