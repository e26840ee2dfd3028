"""What a bundle costs on this machine: latency, memory, size, arithmetic, and how much the delegate takes over."""

import json
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tfderm.errors import InputError
from tfderm.files import write_json
from tfderm.runtime.bundle import Bundle, write_manifest
from tfderm.runtime.graph import Graph, Op
from tfderm.runtime.patient_data import encode
from tfderm.runtime.predictor import LiteRTModel
from tfderm.runtime.preprocess import decode, fit

_FEATURES = (
    "sse4_2 avx avx2 fma f16c avx512f avx512bw avx512vl avx512_vnni avx_vnni avx512_bf16 avx512_fp16 amx_tile amx_int8 "
    "amx_bf16 asimd asimddp asimdhp fphp i8mm bf16 sve sve2"
).split()

_MEMORY_PROBE = """
import json, sys
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
import numpy as np
from ai_edge_litert.interpreter import Interpreter
before = peak()
interpreter = Interpreter(model_path=sys.argv[1], num_threads=int(sys.argv[2]))
runner = interpreter.get_signature_runner("serving_default")
details = runner.get_input_details()
runner(**{name: np.zeros(detail["shape"], detail["dtype"]) for name, detail in details.items()})
print(json.dumps([before, peak()]))
"""


def benchmark(
    bundle: Bundle, *, threads: Sequence[int] = (1,), warmup: int = 5, runs: int = 30, write: bool = True
) -> dict[str, Any]:
    """Measure a bundle and, with `write`, keep the result as its benchmark.json.

    Latency is the wall time of one invocation on a golden image that is already resized, copies in and out included.
    Peak memory is VmHWM (most resident memory) of a fresh process that loads the file and runs it once;
    `baseline_memory_mib` of it was there before the file was loaded (Python, NumPy and LiteRT).
    The delegated share is that of multiply-accumulates in operators that XNNPACK replaced; see `delegated_ops`.

    Args:
        bundle: the bundle.
        threads: thread counts to measure latency with.
        warmup: invocations before measuring.
        runs: measured invocations.
        write: store the result in the bundle and renew its manifest.

    Returns:
        {"cpu", "results", "peak_memory_mib", "baseline_memory_mib", "size_bytes", "macs", "num_ops",
        "delegated_share", "delegated_ops_share"}.

    Raises:
        InputError: a count below 1, or the bundle cannot be written.
    """
    for name, values in (("threads", threads), ("runs", (runs,)), ("warmup", (warmup + 1,))):
        if not values or min(values) < 1:
            raise InputError(f"`{name}` is too small: received {list(values)}.")
    content = bundle.model_path.read_bytes()
    graph = Graph.read(content)
    delegated = delegated_ops(content, graph)
    before, peak = peak_memory(bundle.model_path, max(threads))
    result = {
        "cpu": cpu(),
        "results": [latency(bundle, count, warmup, runs) for count in threads],
        "peak_memory_mib": round(peak, 1),
        "baseline_memory_mib": round(before, 1),
        "size_bytes": len(content),
        "macs": graph.total_macs,
        "num_ops": len(graph.ops),
        "delegated_share": _share(sum(map(graph.macs, delegated)), graph.total_macs),
        "delegated_ops_share": _share(len(delegated), len(graph.ops)),
    }
    if write:
        write_json(bundle.path / "benchmark.json", result)
        write_manifest(bundle.path)
    return result


def latency(bundle: Bundle, threads: int, warmup: int, runs: int) -> dict[str, Any]:
    """Median, 90th percentile and minimum of single invocations, milliseconds."""
    model = LiteRTModel(bundle.model_path.read_bytes(), bundle.contract, threads)
    image = decode(bundle.path / "golden" / bundle.golden["images"][0]["image"])
    inputs = {bundle.contract.image.name: fit(image, bundle.contract.image), **encode({}, bundle.contract.metadata)}
    for _ in range(warmup):
        model(**inputs)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        model(**inputs)
        times.append((time.perf_counter() - start) * 1000)
    median, p90 = np.percentile(times, [50, 90])
    return {
        "threads": threads,
        "warmup": warmup,
        "runs": runs,
        "median_ms": round(float(median), 3),
        "p90_ms": round(float(p90), 3),
        "min_ms": round(min(times), 3),
    }


def peak_memory(model_path: Path, threads: int = 1) -> tuple[float, float]:
    """Peak resident memory (MiB) of a fresh process before it loads the model and after one invocation (Linux)."""
    command = [sys.executable, "-c", _MEMORY_PROBE, str(model_path), str(threads)]
    probe = subprocess.run(command, capture_output=True, text=True, check=False)
    if probe.returncode:
        reason = (probe.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{model_path}: memory cannot be measured in a fresh process: {reason}")
    before, after = json.loads(probe.stdout.splitlines()[-1])
    return before / 1024, after / 1024


def delegated_ops(content: bytes, graph: Graph) -> list[Op]:
    """Operators that the default delegate (XNNPACK) replaced.

    After allocation the interpreter lists, beyond the file's own operators, one DELEGATE operator per replaced part
    with that part's inputs and outputs; the part is what lies between them.
    """
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    replaced: set[Op] = set()
    for entry in interpreter._get_ops_details()[len(graph.ops) :]:  # No public list of operators exists.
        if entry["op_name"] == "DELEGATE":
            inputs = set(entry["inputs"].tolist())
            outputs = tuple(entry["outputs"].tolist())
            replaced |= graph.upstream(outputs, lambda op, inputs=inputs: not inputs.isdisjoint(op.outputs))
    return sorted(replaced, key=lambda op: op.index)


def cpu() -> dict[str, Any]:
    """{"model", "features"}: the processor and those of its features that decide which kernels LiteRT runs."""
    model, flags = platform.processor() or platform.machine(), set()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Hardware"):
                model = value.strip()
            elif key.strip() in ("flags", "Features"):
                flags.update(value.split())
    return {"model": model, "features": [feature for feature in _FEATURES if feature in flags]}


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0
