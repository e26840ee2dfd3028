import shutil

import pytest


@pytest.fixture
def tesseract():
    if not shutil.which("tesseract"):
        pytest.skip("Tesseract is not installed: apt-get install tesseract-ocr tesseract-ocr-ita")
