"""Costs before building, held against built and converted networks: 100 random ones of each space.

    python benchmarks/costs.py [NETWORKS]

Parameters against built Keras models, sizes against the files as they ship; of the float files,
which cost as much time each, those of the first `FLOATS` networks. Also how many
networks are priced in a second of processor time. The table goes to `benchmarks/costs.md`. What is
converted is kept in `benchmarks/costs.jsonl`: an interrupted run goes on.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from autoarch.training.runtime import prepare_environment

prepare_environment()

import keras  # noqa: E402
from converted import convert_floats, convert_int8, draw  # noqa: E402
from kept import Kept  # noqa: E402

from autoarch.architecture import Architecture  # noqa: E402
from autoarch.architecture.front_end import integer_part  # noqa: E402
from autoarch.costs import ModelCosts, model_costs  # noqa: E402
from autoarch.spaces import SPACES, SpeechSpace  # noqa: E402

CASES = [((32, 32, 3), 10, 8), ((32, 32, 3), 10, 16), ((96, 96, 3), 2, 16), ((28, 28, 1), 10, 8)]
"""Shape, classes and width, in turn."""
SOUND_CASES = [((8000,), 10, 8), ((5600,), 2, 16), ((16_000,), 35, 4), ((2000,), 10, 24)]
FILES = ("int8", "float32", "float16")
FLOATS = 40
"""Networks of each space whose float files are made, an equal part of each case."""


def main() -> None:
    networks = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    rows, speed = [], []
    kept = Kept(Path(__file__).with_suffix(".jsonl"))
    for name in (*SPACES, SpeechSpace.name):
        # Of each case the first, then of each the second, and so on.
        by_case = [
            draw(name, *case, -(-networks // len(CASES)), seed=20 + seed)
            for seed, case in enumerate(cases_of(name))
        ]
        drawn = [network for turn in zip(*by_case) for network in turn][:networks]
        speed.append((name, per_second(drawn)))
        errors = {file: [] for file in FILES}
        for number, architecture in enumerate(drawn, start=1):
            costs = model_costs(architecture)
            real_sizes = kept.get(
                f"{name}/{architecture.key}",
                lambda a=architecture, c=costs, floats=number <= FLOATS: sizes(a, c, floats),
            )
            for file, (found, real) in zip(FILES, zip(estimates(costs), real_sizes)):
                errors[file].append((found - real, 100 * (found - real) / real, real))
            shown = [f"{errors[file][-1][1]:.2f} %" for file, _ in zip(FILES, real_sizes)]
            print(name, number, shown, flush=True)
        for file in FILES:
            if not errors[file]:
                continue
            differences, shares, real = (np.array(column) for column in zip(*errors[file]))
            rows.append(
                f"| {name} | {file} | {len(real)} | {real.min():,} to {real.max():,} | "
                f"{np.abs(shares).mean():.2f} % | {np.abs(shares).max():.2f} % | "
                f"{int(differences.min()):+,} to {int(differences.max()):+,} | "
                f"{int((differences < 0).sum())} |"
            )
    text = (
        "# Costs before building\n\n"
        f"{kept.told}. Made by `python benchmarks/costs.py {networks}`: random "
        "networks of each space, sizes against the converted files as they ship; parameters "
        "and multiply-adds were equal to those of the built Keras models in every case; batch "
        "norms have seen random pictures, as trained ones have seen data. Target: within 3 %.\n\n"
        "| space | file | networks | bytes | mean error | largest error | difference in bytes | "
        "estimated too small |\n|---|---|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n\n"
        "Of sounds the int8 file begins behind the front-end, and the others are not priced. "
        "All costs of one network (parameters, multiply-adds, three files, peak memory), networks "
        "a second of one core's processor time: "
        + ", ".join(f"{name} {value:,.0f}" for name, value in speed)
        + " (target 2,000).\n"
    )
    print(text)
    (Path(__file__).parent / "costs.md").write_text(text)


def cases_of(name: str) -> list[tuple[tuple[int, ...], int, int]]:
    return SOUND_CASES if name == SpeechSpace.name else CASES


def estimates(costs: ModelCosts) -> tuple[int, ...]:
    """Estimated bytes of the three files, of sounds of int8 alone."""
    if integer_part(costs.architecture) is not costs.architecture:
        return (costs.int8_file_bytes,)
    return costs.int8_file_bytes, costs.float_file_bytes, costs.float16_file_bytes


def sizes(architecture: Architecture, costs: ModelCosts, floats: bool = True) -> tuple[int, ...]:
    """Real bytes of the files, of int8 first; raises where parameters or macs differ.

    Args:
        architecture: The network.
        costs: What it was estimated to cost.
        floats: Whether the float files are made, too; of sounds int8 alone is priced.
    """
    model = architecture.build()
    if costs.params != model.count_params() or costs.macs != built_macs(model):
        raise AssertionError(f"costs differ from the built model: {architecture.to_json()}")
    with tempfile.TemporaryDirectory() as folder:
        int8 = convert_int8(architecture, Path(folder) / "int8.tflite")
        if not floats or integer_part(architecture) is not architecture:
            keras.backend.clear_session()
            return (int8,)
        float32, float16 = convert_floats(architecture, Path(folder))
    keras.backend.clear_session()
    return int8, float32, float16


def built_macs(model: keras.Model) -> int:
    """Multiply-adds counted on the layers: products of each output number."""
    total = 0
    for layer in model.layers:
        if hasattr(layer, "kernel"):  # a convolution of either kind, or a matrix product
            positions = int(np.prod(layer.output.shape[1:-1]))
            total += positions * int(np.prod(layer.kernel.shape))
    return total


def per_second(drawn: list[Architecture]) -> float:
    """Networks priced in a second of processor time; the best of five times, the machine's others
    aside."""
    best = float("inf")
    for _ in range(5):
        copies = [Architecture(a.input_shape, a.nodes) for a in drawn]
        begin = time.process_time()
        for architecture in copies:
            costs = model_costs(architecture)
            _ = estimates(costs), costs.peak_ram_bytes
        best = min(best, time.process_time() - begin)
    return len(drawn) / best


if __name__ == "__main__":
    main()
