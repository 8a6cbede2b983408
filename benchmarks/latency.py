"""How well the table of ops predicts latency: 48 random networks, converted and measured.

    python benchmarks/latency.py [FOLDER]

As many networks are from each space. Each is converted to full int8 as it ships and timed on LiteRT
with one thread; the table is built by measuring each distinct op once, in a file of its
own. Both are repeated `REPEATS` times at different moments, and the smallest median counts:
other work on the machine only ever adds. Converted files are kept in FOLDER, where given, and
found there again. The table goes to `benchmarks/latency.md`.
"""

from __future__ import annotations

import datetime
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from autoarch.training.runtime import prepare_environment

prepare_environment()

from converted import convert_int8, draw  # noqa: E402

from autoarch.costs import LatencyTable, measure_latency, measure_ops  # noqa: E402
from autoarch.costs.measuring import distinct_ops, machine  # noqa: E402
from autoarch.spaces import SPACES  # noqa: E402

NETWORKS = 48
REPEATS = 3
SHAPE, CLASSES, WIDTH = (32, 32, 3), 10, 16


def main() -> None:
    networks = [
        (name, architecture)
        for name in SPACES
        for architecture in draw(name, SHAPE, CLASSES, WIDTH, NETWORKS // len(SPACES), seed=11)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else scratch)
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for number, (_, architecture) in enumerate(networks):
            files.append(folder / f"{architecture.key}.tflite")
            if not files[-1].exists():
                convert_int8(architecture, files[-1])
            print(f"converted {number + 1}", flush=True)
        tables, measured = [], []
        for number in range(REPEATS):
            tables.append(measure_ops([architecture for _, architecture in networks]))
            measured.append([measure_latency(file).median_s for file in files])
            print(f"measured {number + 1}", flush=True)
    report(networks, smallest(tables), np.min(measured, axis=0))


def smallest(tables: list[LatencyTable]) -> LatencyTable:
    names = tables[0].seconds
    return replace(
        tables[0],
        seconds={name: min(table.seconds[name] for table in tables) for name in names},
        fixed_s=min(table.fixed_s for table in tables),
    )


def unmeasured(networks: list, table: LatencyTable) -> np.ndarray:
    """Predictions for each half of the networks from a table of the other half's ops."""
    predicted = np.zeros(len(networks))
    for own in (0, 1):
        others = [network for _, network in networks[1 - own :: 2]]
        known = replace(table, seconds={n: table.seconds[n] for n in distinct_ops(others)})
        for index in range(own, len(networks), 2):
            predicted[index] = known.predict_s(networks[index][1])
    return predicted


def ranks(values: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(values)).astype(float)


def report(networks: list, table: LatencyTable, measured: np.ndarray) -> None:
    predicted = np.array([table.predict_s(architecture) for _, architecture in networks])
    macs = np.array([architecture.macs for _, architecture in networks])
    errors = np.abs(predicted / measured - 1)
    of = {name: [i for i, (own, _) in enumerate(networks) if own == name] for name in SPACES}
    rows = []
    for name, chosen in [*of.items(), ("all", list(range(len(networks))))]:
        by_table = np.corrcoef(ranks(predicted[chosen]), ranks(measured[chosen]))[0, 1]
        by_macs = np.corrcoef(ranks(macs[chosen]), ranks(measured[chosen]))[0, 1]
        rows.append(
            f"| {name} | {len(chosen)} | {by_table:.3f} | {by_macs:.3f} | "
            f"{errors[chosen].mean():.1%} | {np.median(predicted[chosen] / measured[chosen]):.2f} |"
        )
    half = unmeasured(networks, table)
    rows.append(
        f"| all, ops of one half from the other half | {len(networks)} | "
        f"{np.corrcoef(ranks(half), ranks(measured))[0, 1]:.3f} | | "
        f"{np.abs(half / measured - 1).mean():.1%} | {np.median(half / measured):.2f} |"
    )
    kinds: dict[str, list[float]] = {}
    for name, seconds in table.seconds.items():
        kinds.setdefault(name.split()[0], []).append(1e6 * seconds)
    text = (
        "# Latency predicted by the table of ops\n\n"
        f"{datetime.date.today()}, {machine()}, 1 thread. Made by `python benchmarks/latency.py`: "
        f"{len(networks)} random networks of {SHAPE[0]} x {SHAPE[1]} pixels as int8 files, "
        f"{len(table.seconds)} distinct ops measured once each, all {REPEATS} times at different "
        "moments, the smallest median counting. The machine did other work meanwhile.\n\n"
        "Target: rank correlation at least 0.95, mean error at most 15 %. Measured latencies: "
        f"{1e3 * measured.min():.3f} to {1e3 * measured.max():.2f} ms.\n\n"
        "| space | networks | rank correlation | by multiply-adds alone | mean error | "
        "predicted / measured, median |\n|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n\n"
        "| op | distinct | median us |\n|---|---|---|\n"
        + "\n".join(
            f"| {kind} | {len(found)} | {np.median(found):.1f} |"
            for kind, found in sorted(kinds.items())
        )
        + "\n"
    )
    print(text)
    (Path(__file__).parent / "latency.md").write_text(text)


if __name__ == "__main__":
    main()
