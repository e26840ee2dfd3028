"""LiteRT latency of three forms of PSENet, measured in turns in one process.

    python benchmarks/psenet_latency.py [--threads 1] [--rounds 10] [--image-size 800 1024]

Weights are fresh: latency does not depend on them. Every round runs each form once, in an order that rotates, so that
whatever else the machine does meets all of them; the ratio is the median over rounds of the two latencies of a round.
"""

import argparse
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from psenet_straightforward import psenet_straightforward

import tfderm
from tfderm.contract import ModelContract
from tfderm.datasets.corpus import Corpus
from tfderm.export.convert import convert
from tfderm.recipes import get_recipe
from tfderm.runtime.benchmark import cpu
from tfderm.runtime.graph import Graph
from tfderm.training.network import contract_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--image-size", type=int, nargs=2, default=(800, 1024), metavar=("HEIGHT", "WIDTH"))
    arguments = parser.parse_args()
    image_size = tuple(arguments.image_size)
    models = {"straightforward": psenet_straightforward(image_size)}
    for name in ("psenet", "psenet:phone"):
        recipe = get_recipe(name)
        models[name] = tfderm.create_model(recipe.model, image_size=image_size, **recipe.model_options)
    files = {name: convert(model, _contract(model, image_size)) for name, model in models.items()}
    runners = {name: _runner(content, arguments.threads) for name, content in files.items()}
    image = np.random.default_rng(0).integers(0, 256, (1, *image_size, 3), np.uint8)
    names = list(runners)
    for name in names:
        runners[name](image=image)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(arguments.rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = time.perf_counter()
            runners[name](image=image)
            seconds[name].append(time.perf_counter() - started)
    print(
        f"{cpu()}, {arguments.threads} thread(s), {arguments.rounds} rounds, {image_size[0]}x{image_size[1]}, float32"
    )
    print(f"{'form':16} {'GMACs':>6} {'MB':>6} {'median ms':>10} {'of straightforward':>19}")
    for name in names:
        ratio = np.median(np.divide(seconds[name], seconds["straightforward"]))
        macs = Graph.read(files[name]).total_macs / 1e9
        size, median = len(files[name]) / 1e6, 1000 * np.median(seconds[name])
        print(f"{name:16} {macs:6.1f} {size:6.1f} {median:10.0f} {ratio:19.2f}")


def _contract(model, image_size) -> ModelContract:
    recipe = get_recipe("psenet").with_settings([f"image_size={image_size}"])
    return contract_of(recipe, model, Corpus(name="none", root=None, records=()))


def _runner(content: bytes, threads: int):
    return Interpreter(model_content=content, num_threads=threads).get_signature_runner("serving_default")


if __name__ == "__main__":
    main()
