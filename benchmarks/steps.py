"""Milliseconds of a training step: a batch whole or in two parts, batch norms fused, bfloat16.

    python benchmarks/steps.py [--steps 40] [--rounds 3]

Each way is a process of its own, since TensorFlow's threads are settled at its start: a whole batch
has all cores for each op, two parts have half of them each. Rounds take turns, so that what else
the machine does meets all ways alike; a cell is the median of the rounds' medians. Nothing else
should run. The table goes to `benchmarks/steps.md`.
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from fitting import HERE, machine, result_of

from autoarch.training.runtime import prepare_environment, usable_cores

if TYPE_CHECKING:
    from autoarch.architecture import Architecture

FLOAT, NARROW = "float32", "mixed_bfloat16"
WAYS = {
    "whole, Keras": (1, False, FLOAT, True),
    "whole, fused": (1, True, FLOAT, True),
    "two parts, fused": (2, True, FLOAT, True),
    "and all in bfloat16": (2, True, NARROW, False),
    "and products in bfloat16": (2, True, NARROW, True),
}
"""Parts of a batch, whether batch norms are fused, Keras's policy, and whether only products of
matrices follow it, by name. AutoArch does the third, or where the probe finds it faster the last.
"""

BATCHES = (32, 64)
SHAPE, CLASSES = (32, 32, 3), 10
ROWS, WORDS, BUCKETS = 40, 8_000, 16_384
WARM_UP = 3
"""Steps before the first that counts: one traces."""


def networks() -> Iterator[tuple[str, Architecture, Any]]:
    """Names, networks and what makes a batch of their inputs from a generator and a size."""
    from autoarch.data.tokenizer import COLUMNS
    from autoarch.spaces import CellSpace, MobileSpace, ResidualSpace, named_architecture
    from autoarch.spaces.text import TextSpace

    def pictures(rng: Any, n: int) -> Any:
        return rng.integers(0, 256, (n, *SHAPE)).astype("float32")

    def ids(rng: Any, n: int) -> Any:
        return rng.integers(0, WORDS, (n, ROWS, COLUMNS)).astype("int32")

    for width, decisions in ((13, {"growth": 1.5}), (16, {})):
        candidate = ResidualSpace(SHAPE, CLASSES, width=width).candidate(decisions)
        yield f"residual, width {width}", candidate.architecture, pictures
    mobile = MobileSpace(SHAPE, CLASSES, width=16).candidate({})
    yield "mobile, width 16", mobile.architecture, pictures
    yield "cell, width 8", CellSpace(SHAPE, CLASSES, width=8).candidate({}).architecture, pictures
    yield "ResNet-8", named_architecture("resnet8", SHAPE, CLASSES), pictures
    for network in ("bag", "cnn"):
        space = TextSpace((ROWS, COLUMNS), 6, words=WORDS, buckets=BUCKETS, network=network)
        yield f"text, {network}", space.candidate({}).architecture, ids


def measure(way: str, steps: int) -> dict[str, Any]:
    """Medians of one process, by network and batch, and the networks' sizes."""
    parts, fused, policy, products_only = WAYS[way]
    threads = max(1, usable_cores() // parts)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    prepare_environment()

    import numpy as np
    import tensorflow as tf

    from autoarch.architecture import Architecture
    from autoarch.data.dataset import ImageSet
    from autoarch.training import fit
    from autoarch.training.fused_norm import Forgetting
    from autoarch.training.recipe import Recipe

    found: dict[str, Any] = {}
    with ExitStack() as patches:
        if parts == 1:
            patches.enter_context(mock.patch.object(fit, "HALVED_FROM", math.inf))
        if not fused:
            unfused = mock.Mock(return_value=Forgetting())
            patches.enter_context(mock.patch.object(fit, "fuse_batch_norms", unfused))
        if not products_only:
            build = Architecture.build

            def everything(self: Architecture, **options: Any) -> Any:
                return build(self, **{**options, "products_only": False})

            patches.enter_context(mock.patch.object(Architecture, "build", everything))
        for (name, network, draw), size in itertools.product(networks(), BATCHES):
            rng = np.random.default_rng(0)
            inputs, (classes,) = draw(rng, size), network.output_shape
            data = ImageSet(inputs, rng.integers(0, classes, size), ("",) * size)
            trainer = fit.Trainer(network, Recipe(batch_size=size), data, None, policy=policy)
            x, y = tf.constant(inputs), tf.one_hot(data.labels, classes)
            times = []
            for _ in range(WARM_UP + steps):
                begun = time.perf_counter()
                trainer._step(x, y).numpy()
                times.append(1000 * (time.perf_counter() - begun))
            key = f"{name}|{network.params}|{network.macs}|{size}"
            found[key] = statistics.median(times[WARM_UP:])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--measure", choices=list(WAYS), help="one way, in this process, as JSON")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.steps)))
        return
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(given.rounds):
        for way, done in runs.items():
            command = [sys.executable, str(Path(__file__)), "--measure", way]
            done.append(result_of([*command, "--steps", str(given.steps)]))
    rows = []
    for key in (key for key in runs[next(iter(WAYS))][0] if "|" in key):
        name, params, macs, size = key.split("|")
        cells = [statistics.median(run[key] for run in done) for done in runs.values()]
        rows.append(
            f"| {name} | {int(params):,} | {int(macs) / 1e6:.1f} M | {size} | "
            f"{' | '.join(f'{cell:.1f}' for cell in cells)} |"
        )
    (HERE / "steps.md").write_text(
        f"# Milliseconds of a training step\n\n{datetime.date.today()}, {machine()}. Made by "
        f"`python benchmarks/steps.py`: medians of {given.rounds} processes in turn, "
        f"{given.steps} steps each, float32 but for the last two, without the making of batches. "
        "Random inputs.\n\n"
        f"| network | weights | multiply-adds | batch | {' | '.join(WAYS)} |\n"
        f"|---|---|---|---|{'---|' * len(WAYS)}\n" + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    main()
