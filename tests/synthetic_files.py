"""What a rendered set leaves on disk, for tests that hold its bytes."""

import csv
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

_RENDER_WITHOUT_CPU_FEATURES = """
import sys
from importlib import import_module
import cv2
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
cv2.setUseOptimized(False)
assert not cv2.useOptimized()
assert not any(__cpu_features__[name] for name in __cpu_dispatch__), __cpu_features__
generate = import_module(f"tfderm.datasets.synthetic.{sys.argv[2]}").generate
generate(sys.argv[1], num_patients=int(sys.argv[3]), image_size=tuple(map(int, sys.argv[4:6])), seed=int(sys.argv[6]))
"""


def checksum(folder: Path) -> str:
    """sha256 over names and bytes of all files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def rows_of(manifest: Path) -> list[dict[str, str]]:
    with open(manifest, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def render_plainly(folder: Path, name: str, num_patients: int, image_size: tuple[int, int], seed: int) -> None:
    """Render a set with not one of NumPy's run-time dispatched kernels, nor OpenCV's."""
    from numpy._core._multiarray_umath import __cpu_dispatch__

    opencv = [feature.lstrip("*") for feature in cv2.getCPUFeaturesLine().split() if feature.startswith("*")]
    environment = {
        **os.environ,
        "NPY_DISABLE_CPU_FEATURES": " ".join(__cpu_dispatch__),
        "OPENCV_CPU_DISABLE": ",".join(opencv),
    }
    given = [str(folder), name, str(num_patients), *map(str, image_size), str(seed)]
    command = [sys.executable, "-W", "ignore", "-c", _RENDER_WITHOUT_CPU_FEATURES, *given]
    subprocess.run(command, check=True, env=environment, cwd=Path(__file__).parents[1])


def decode_run_lengths(segmentation: dict) -> np.ndarray:
    """(H, W) bool from COCO's uncompressed RLE."""
    height, width = segmentation["size"]
    counts = segmentation["counts"]
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T
