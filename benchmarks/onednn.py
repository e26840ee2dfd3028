"""Seconds of a training step with TensorFlow's oneDNN kernels, which tfderm turns on, and without.

    python benchmarks/onednn.py

ResNet18 on 48×48 pixels, batch 32, Adam, as `tfderm reproduce nine_class --quick` trains it: a process for each
setting, one after the other and again in the other order, the median of the steps after the first. Prints the ratio and
the CPU.
"""

import os
import statistics
import subprocess
import sys

STEP = """
import time
import tfderm
from dataclasses import replace
import numpy as np
from tfderm.recipes import get_recipe
from tfderm.training.network import build_model
from tfderm.training.objective import compile_model
settings = {"image_size": (48, 48), "optimizer": "adam", "labels": tuple("abcdefghi")}
recipe = replace(get_recipe("nine_class:resnet18_scratch"), **settings)
model = build_model(recipe, "float32")
compile_model(model, recipe, steps_per_epoch=20)
rng = np.random.default_rng(0)
batch = rng.integers(0, 256, (32, 48, 48, 3), np.uint8), {"probabilities": rng.integers(0, 9, 32)}
model.train_on_batch(*batch)
for _ in range(10):
    started = time.perf_counter()
    model.train_on_batch(*batch)
    print(time.perf_counter() - started)
"""


def steps(onednn: str) -> list[float]:
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": onednn, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", STEP], env=environment, capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def cpu() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        lines = dict(line.split(":", 1) for line in file if ":" in line)
    facts = {key.strip(): value.strip() for key, value in lines.items()}
    features = [name for name in facts["flags"].split() if name.startswith(("avx", "amx"))]
    return f"{facts['model name']}, {os.cpu_count()} cores, {' '.join(features)}"


found: dict[str, list[float]] = {"1": [], "0": []}
for setting in ("1", "0", "0", "1"):
    found[setting] += steps(setting)
with_onednn, without = statistics.median(found["1"]), statistics.median(found["0"])
print(f"{cpu()}: {with_onednn:.3f} s with oneDNN, {without:.3f} s without, ratio {without / with_onednn:.1f}")
