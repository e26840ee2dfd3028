"""`tfderm benchmark BUNDLE...`: latency, memory, size and operations, written to each bundle's benchmark.json."""

import argparse
import json
from pathlib import Path


def add_parser(subparsers) -> None:
    parser = subparsers.add_parser(
        "benchmark",
        help="latency, memory, size and operations of bundles",
        description="Measure bundles with LiteRT on this machine and write each one's benchmark.json.",
    )
    parser.add_argument("bundles", metavar="BUNDLE", nargs="+", type=Path)
    parser.add_argument("--threads", metavar="N", type=int, nargs="+", default=[1], help="thread counts (default 1)")
    parser.add_argument("--runs", metavar="N", type=int, default=30, help="measured invocations (default 30)")
    parser.add_argument("--warmup", metavar="N", type=int, default=5, help="invocations before them (default 5)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from tfderm.runtime.benchmark import benchmark
    from tfderm.runtime.bundle import load_bundle

    bundles = [load_bundle(path) for path in arguments.bundles]
    results = {
        str(bundle.path): benchmark(bundle, threads=arguments.threads, warmup=arguments.warmup, runs=arguments.runs)
        for bundle in bundles
    }
    if arguments.json:
        print(json.dumps(results, indent=2))
        return 0
    for path, result in results.items():
        print(
            f"{path}: {result['size_bytes'] / 1e6:.2f} MB, {result['macs'] / 1e6:.1f} M MACs, {result['num_ops']} ops, "
            f"{result['delegated_share']:.1%} of MACs in XNNPACK, peak memory {result['peak_memory_mib']:.0f} MiB "
            f"({result['baseline_memory_mib']:.0f} without the model)"
        )
        for row in result["results"]:
            print(
                f"  {row['threads']} thread(s): median {row['median_ms']:.2f} ms, p90 {row['p90_ms']:.2f} ms, "
                f"min {row['min_ms']:.2f} ms over {row['runs']} runs"
            )
        print(f"  {result['cpu']['model']}: {' '.join(result['cpu']['features'])}")
    return 0
