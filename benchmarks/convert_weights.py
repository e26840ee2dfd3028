"""Time and peak memory of `tfderm models convert` on a ResNet-152 state dict of 240 MB.

    python benchmarks/convert_weights.py

The weights are random; their names, shapes and number format are the published file's.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from safetensors.numpy import save_file

import tfderm

_KINDS = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "bias": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def state_dict(model: keras.Model) -> dict[str, np.ndarray]:
    """PyTorch's order of axes, under the layers' own names, which are the modules' with underscores for dots."""
    tensors = {}
    for layer in model.layers:
        for variable in layer.weights:
            value = np.asarray(variable)
            value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
            tensors[f"{layer.name}.{_KINDS[variable.name]}"] = np.ascontiguousarray(value)
    return tensors


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "resnet152.safetensors"), Path(folder, "resnet152.keras")
        save_file(state_dict(tfderm.create_model("resnet152")), source)
        command = [sys.executable, "-m", "tfderm", "models", "convert", str(source), "--to", str(target)]
        began = time.monotonic()
        subprocess.run(command, check=True)
        seconds = time.monotonic() - began
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(f"{source.stat().st_size / 1e6:.0f} MB converted in {seconds:.1f} s, at most {peak:.2f} GiB of memory")


if __name__ == "__main__":
    main()
