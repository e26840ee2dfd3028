"""Golden vectors: rendered images with the outputs of this very `.tflite`, for clients to replay."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tfderm.clinical.pasi import SEVERITY_BANDS
from tfderm.contract import MetadataColumn, ModelContract
from tfderm.export.parity import ANSWER_TOLERANCE, FLOAT32_TOLERANCES
from tfderm.files import sha256, write_json
from tfderm.runtime.patient_data import encode
from tfderm.runtime.predictor import LiteRTModel
from tfderm.runtime.preprocess import load, resize

_WHOLE = ("band", "answered", "set", "present", "unsuitable")

TOLERANCES = {
    "float": FLOAT32_TOLERANCES
    | {"interval": ANSWER_TOLERANCE, "class_activation_map": 0.05, "area_of_interest": 2.0}
    | dict.fromkeys(_WHOLE, 0.0),
    "int8": dict.fromkeys(_WHOLE, 0.0)
    | {
        "probabilities": 2 / 256,
        "severity": 0.05,
        "interval": 0.05,
        "location_map": 2 / 256,
        "class_activation_map": 0.05,
        "glimpse": 2 / 256,
        "transform": 0.02,
        "area_of_interest": 32.0,
        "component": 0.05,
    },
}
"""Largest absolute difference a replay may show, by arithmetic and kind of output: kernels of other processors round
sums in another order, which 8-bit arithmetic can turn into a step of its grid."""

_FLOAT_SCHEMES = {"float32", "float16", "weight_only_wi8_afp32"}
_SCALES = ((1.0, 1.0), (1.5, 1.5), (0.75, 1.25), (1.0, 1.0))  # Height and width of each image by the model's.


def write_golden(folder: Path, content: bytes, contract: ModelContract, scheme: str) -> None:
    """Write golden/: index.json, one PNG per image and one .npy (float32, no batch axis) per output.

    Two images are not of the model's size, so that a replay tests the client's resize, whose result index.json pins
    by sha256.

    Args:
        folder: the `golden` folder of a bundle.
        content: of the `.tflite`.
        contract: of the model.
        scheme: decides the tolerance.
    """
    tolerances = TOLERANCES["float" if scheme in _FLOAT_SCHEMES else "int8"]
    model = LiteRTModel(content, contract)
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for index, (tall, wide) in enumerate(_SCALES):
        height, width = contract.image.image_size
        path = folder / f"{index}.png"
        Image.fromarray(golden_image(index, (round(height * tall), round(width * wide)))).save(path)
        pixels = load(path, contract.image)
        known = golden_known(index, contract.metadata)
        metadata = encode(known, contract.metadata)
        answer, outputs = model(pixels, **metadata), {}
        jumps = _jumps(contract, answer, tolerances)
        for output in contract.outputs:
            np.save(folder / f"{index}.{output.name}.npy", answer[output.name])
            tolerance = tolerances[output.kind] + jumps.get(output.kind, 0.0)
            outputs[output.name] = {"file": f"{index}.{output.name}.npy", "tolerance": tolerance}
        entries.append(
            {
                "image": path.name,
                "image_sha256": sha256(path),
                "input_shape": list(pixels.shape),
                "input_sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
                "outputs": outputs,
            }
            | ({"known": known, **{name: values.tolist() for name, values in metadata.items()}} if metadata else {})
        )
    write_json(folder / "index.json", {"synthetic": True, "images": entries})


def golden_known(index: int, columns: Sequence[MetadataColumn]) -> dict[str, str | float]:
    """What is known beside a golden image: everything, nothing, every second column, and what training never saw."""
    known: dict[str, str | float] = {}
    for place, column in enumerate(columns):
        low, high = column.range
        word, number = column.values and column.values[(index + place) % len(column.values)], round((low + high) / 2, 1)
        if index == 0 or (index == 2 and place % 2 == 0):
            known[column.name] = word or number
        elif index == 3:
            known[column.name] = f"not {word}" if word else high + column.std
    return known


def golden_image(seed: int, image_size: tuple[int, int]) -> np.ndarray:
    """A skin-coloured gradient with reddish patches and texture: (height, width, 3) uint8.

    Rendered in integers, so that it is the same on every machine. Shows nobody.
    """
    random = np.random.default_rng(seed)
    tones = np.array([[222, 184, 160], [198, 150, 120], [160, 112, 84], [104, 70, 52]])
    height, width = image_size
    tone = tones[seed % len(tones)]
    inflamed = tone * (11, 6, 6) // 10
    skin = _smooth(random, (5, 6), image_size, tone - 20, tone + 20)
    red = _smooth(random, (5, 6), image_size, inflamed - 10, inflamed)
    weight = np.clip((_smooth(random, (6, 7), image_size, 0, 255)[..., :1] - 140) * 6, 0, 255)
    texture = _smooth(random, (max(height // 6, 2), max(width // 6, 2)), image_size, 0, 24) - 12
    return np.clip((skin * (255 - weight) + red * weight) // 255 + texture, 0, 255).astype(np.uint8)


def _smooth(random: np.random.Generator, grid: tuple[int, int], image_size, low, high) -> np.ndarray:
    values = random.integers(np.clip(low, 0, 254), np.clip(high, 1, 255) + 1, (*grid, 3))
    return resize(values.astype(np.uint8), image_size).astype(np.int64)


def _jumps(
    contract: ModelContract, answer: Mapping[str, np.ndarray], tolerances: Mapping[str, float]
) -> dict[str, float]:
    """What an answer that a replay carries over a threshold adds to the tolerances, by kind of output."""
    jumps = {}
    if contract.outputs_of_kind("interval"):
        score = answer[contract.output("severity").name].item()
        if any(abs(score - threshold) <= tolerances["severity"] for _, threshold in SEVERITY_BANDS):
            half_widths = contract.uncertainty["interval"]["half_widths"].values()
            jumps |= {"band": 1.0, "interval": max(half_widths) - min(half_widths)}
    if contract.labels:
        probabilities, reach = answer[contract.output("probabilities").name], tolerances["probabilities"]
        if contract.outputs_of_kind("answered"):
            threshold = contract.uncertainty["abstention"]["threshold"]
            jumps["answered"] = float(abs(probabilities.max() - threshold) <= reach)
        for kind, field in (("set", "sets"), ("present", "labels")):
            if contract.outputs_of_kind(kind):
                thresholds = list(contract.uncertainty[field]["thresholds"].values())
                jumps[kind] = float(np.any(np.abs(probabilities - thresholds) <= reach))
        second, first = np.sort(probabilities)[-2:]  # Another class may become the most probable one.
        jumps["class_activation_map"] = float(first - second <= 2 * reach)
    return jumps
