"""Replay a bundle's golden vectors without tfderm: only ai-edge-litert, NumPy and Pillow.

    python replay_golden.py BUNDLE

The contract is read from inside the .tflite, the resize is written out from the specification in README.md, and
outputs are bound by signature name. Exit status: 0 every vector holds, 1 one does not, 2 wrong usage.
"""

import hashlib
import json
import math
import sys
import zipfile
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

METADATA_INPUTS = ("metadata", "metadata_known")
UNKNOWN = ("", "unknown", "unk", "nan", "none")


def central_part(image, image_size, crop):
    """The largest centred part of the shape of `image_size`, times `crop`; the whole image where `crop` is None."""
    if crop is None:
        return image
    height, width = image.shape[:2]
    sides = min(height, width * image_size[0] / image_size[1]), min(width, height * image_size[1] / image_size[0])
    rows, columns = (max(1, math.floor(side * crop + 0.5)) for side in sides)
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


def resize(image, image_size):
    """Bilinear, half-pixel centres, antialiased, 22-bit integer weights: (h, w, 3) uint8 -> (*image_size, 3) uint8."""
    for axis, size in ((1, image_size[1]), (0, image_size[0])):
        if image.shape[axis] != size:
            image = resize_axis(image, axis, size)
    return image


def resize_axis(image, axis, n_out):
    image = np.moveaxis(image, axis, 0).astype(np.int64)
    n_in = image.shape[0]
    scale = n_in / n_out
    support = max(scale, 1.0)
    result = np.empty((n_out, *image.shape[1:]), np.uint8)
    for i in range(n_out):
        center = (i + 0.5) * scale
        lo = max(int(center - support + 0.5), 0)
        hi = min(int(center + support + 0.5), n_in)
        weights = [max(0.0, 1.0 - abs((j - center + 0.5) / support)) for j in range(lo, hi)]
        total = sum(weights)
        weights = [math.floor(weight / total * (1 << 22) + 0.5) for weight in weights]
        accumulated = sum(weight * image[lo + k] for k, weight in enumerate(weights)) + (1 << 21)
        result[i] = np.clip(accumulated >> 22, 0, 255)
    return np.moveaxis(result, 0, axis)


def encode(known, columns):
    """What is known of a patient -> a number per column and whether it is known, (number of columns,) float32 each."""
    values, mask = np.zeros(len(columns), np.float32), np.zeros(len(columns), np.float32)
    for place, column in enumerate(columns):
        given = str(known.get(column["name"], "")).strip().lower()
        if given in UNKNOWN:
            continue
        words = [word.lower() for word in column["values"]]
        low, high = column["range"]
        if words and given in words:
            values[place], mask[place] = words.index(given), 1
        elif not words and low <= float(given) <= high:
            values[place], mask[place] = float(given), 1
    return dict(zip(METADATA_INPUTS, (values, mask), strict=True))


def replay(bundle):
    """Yield one line per mismatch."""
    with zipfile.ZipFile(bundle / "model.tflite") as archive:
        contract = json.loads(archive.read("contract.json"))
    if contract != json.loads((bundle / "contract.json").read_text()):
        yield "contract.json differs from the contract inside model.tflite"
    runner = Interpreter(model_path=str(bundle / "model.tflite")).get_signature_runner("serving_default")
    index = json.loads((bundle / "golden" / "index.json").read_text())
    names = {output["name"] for output in contract["outputs"]}
    if not index["images"]:
        yield "golden/index.json has no images"
    for entry in index["images"]:
        image, seen = np.asarray(Image.open(bundle / "golden" / entry["image"])), contract["image"]
        pixels = resize(central_part(image, seen["image_size"], seen["crop"]), seen["image_size"])
        if hashlib.sha256(pixels.tobytes()).hexdigest() != entry["input_sha256"]:
            yield f"{entry['image']}: resized pixels differ"
        if set(entry["outputs"]) != names:
            yield f"{entry['image']}: outputs {sorted(entry['outputs'])}, contract {sorted(names)}"
        inputs = {contract["image"]["name"]: pixels}
        if contract["metadata"]:
            inputs |= encode(entry["known"], contract["metadata"])
            for name in METADATA_INPUTS:
                if inputs[name].tolist() != entry[name]:
                    yield f"{entry['image']}: {name} is {inputs[name].tolist()}, expected {entry[name]}"
        outputs = runner(**{name: values[None] for name, values in inputs.items()})
        for name, expected in entry["outputs"].items():
            values = np.load(bundle / "golden" / expected["file"])
            received = outputs[name][0]
            if received.shape != values.shape or not np.isfinite(received).all():
                yield f"{entry['image']}: {name} has shape {received.shape} or is not finite, expected {values.shape}"
                continue
            difference = float(np.abs(received - values).max())
            if not difference <= expected["tolerance"]:
                yield f"{entry['image']}: {name} differs by {difference:.3g}, tolerance {expected['tolerance']:.3g}"


def main(arguments):
    if len(arguments) != 1 or not Path(arguments[0], "model.tflite").is_file():
        print("usage: replay_golden.py BUNDLE", file=sys.stderr)
        return 2
    mismatches = list(replay(Path(arguments[0])))
    for mismatch in mismatches:
        print(mismatch, file=sys.stderr)
    print("FAILED" if mismatches else "every golden vector holds")
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
