"""Replay of a bundle's golden vectors: does this machine give the outputs that export recorded?"""

import hashlib
from typing import Any

import numpy as np

from tfderm.errors import InputError
from tfderm.runtime.bundle import Bundle
from tfderm.runtime.patient_data import encode
from tfderm.runtime.predictor import LiteRTModel
from tfderm.runtime.preprocess import load


def replay_golden(bundle: Bundle, num_threads: int = 1) -> list[dict[str, Any]]:
    """Run every golden image and compare with the recorded outputs.

    Returns:
        One check per image and output, as in parity.json, the value being the largest absolute difference; and one per
        image for the resize, and for each metadata input, whose value is 0 where the numbers are those that were
        recorded, else 1.

    Raises:
        InputError: the golden vectors are damaged or there are none.
    """
    folder = bundle.path / "golden"
    model = LiteRTModel(bundle.model_path.read_bytes(), bundle.contract, num_threads)
    checks = []
    try:
        for entry in bundle.golden["images"]:
            pixels = load(folder / entry["image"], bundle.contract.image)
            same = hashlib.sha256(pixels.tobytes()).hexdigest() == entry["input_sha256"]
            checks.append(_check(f"golden {entry['image']} resized pixels", float(not same), 0.0))
            metadata = encode(entry.get("known", {}), bundle.contract.metadata)
            for name, values in metadata.items():
                same = values.tolist() == entry[name]
                checks.append(_check(f"golden {entry['image']} {name}", float(not same), 0.0))
            outputs = model(pixels, **metadata)
            for name, expected in entry["outputs"].items():
                values = np.load(folder / expected["file"], allow_pickle=False)
                difference = _difference(values, outputs[name])
                checks.append(_check(f"golden {entry['image']} {name}", difference, expected["tolerance"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder}: damaged golden vectors ({error!r}); export again.") from None
    if not checks:
        raise InputError(f"{folder}: there are no golden images; export again.")
    return checks


def _difference(expected: np.ndarray, received: np.ndarray) -> float:
    """Largest absolute difference; 1e30 where shapes differ or a value is not finite."""
    if expected.shape != received.shape or not np.isfinite(received).all():
        return 1e30  # JSON has no infinity.
    return float(np.abs(expected - received).max())


def _check(name: str, value: float, limit: float) -> dict[str, Any]:
    return {"name": name, "value": value, "limit": limit, "comparison": "<=", "passed": value <= limit}
