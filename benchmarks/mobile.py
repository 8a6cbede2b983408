"""Int8 models under limits on the file, beside MLPerf Tiny's ResNet-8 in the same minutes.

    python benchmarks/mobile.py [--data FOLDER] [--time 5m] [--kilobytes 25 50 100 250] [--seed 0]

Each line is one `autoarch fit --max-size` run, as a user starts it; the last is
`--architecture resnet8` (78,666 weights at its own width) with the same recipe for the whole time.
Accuracy is that of the int8 file on the test part; the limit is checked on the file. What is
finished is kept in `benchmarks/mobile.jsonl`; the table goes to `benchmarks/mobile.md`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fitting import DATA, HERE, CommandFailedError, fit
from kept import Kept

RESNET8 = ("--architecture", "resnet8", "--max-size", "100KB")


def run(data: Path, options: tuple[str, ...], time: str, seed: int) -> dict[str, Any]:
    """What the table shows of a run, or why it was refused."""
    try:
        result = fit(data, options, limit=time, seed=seed)
    except CommandFailedError as error:
        return {"failed": str(error).strip().splitlines()[-1]}
    found, test = result["quantised"], result["test"]
    return {
        "bytes": found["size_bytes"],
        "params": result["model"]["params"],
        "float": found["float"]["test"]["accuracy"],
        "int8": test["accuracy"],
        "interval": test["accuracy_ci95"],
        "drop": found["drop"]["test"],
        "trials": result["trials"]["completed"],
        "s": result["outside_s"],
    }


def row(name: str, limit: float, cell: dict[str, Any]) -> str:
    if "failed" in cell:
        return f"| {name}: {cell['failed']} | | | | | | | | | |"
    low, high = cell["interval"]
    return (
        f"| {name} | {cell['bytes']:,} | {'yes' if cell['bytes'] <= limit else 'NO'} | "
        f"{cell['params']:,} | {cell['float']:.3f} | {cell['int8']:.3f} | {low:.3f} to {high:.3f} "
        f"| {100 * cell['drop']:+.1f} | {cell['trials']} | {cell['s']:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA / "cifar10-mini")
    parser.add_argument("--time", default="5m")
    parser.add_argument("--kilobytes", nargs="*", type=float, default=[25, 50, 100, 250])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    kept = Kept(HERE / "mobile.jsonl")
    cases = [
        (f"{size:g} KB", 1000 * size, ("--max-size", f"{size:g}KB")) for size in given.kilobytes
    ]
    rows = []
    for name, limit, options in [*cases, ("ResNet-8", 100_000, RESNET8)]:
        cell = kept.get(
            f"{given.data.name}/{given.time}/{given.seed}/{name}",
            lambda options=options: run(given.data, options, given.time, given.seed),
            lasts=lambda cell: "failed" not in cell,
        )
        rows.append(row(name, limit, cell))
        print(rows[-1], flush=True)
    (HERE / "mobile.md").write_text(
        f"# Int8 models under limits\n\n{kept.told}. Made by `python "
        f"benchmarks/mobile.py`: `{given.data.name}`, `--time {given.time}`, seed {given.seed}. "
        "1 KB is 1,000 bytes. ResNet-8 gets the same time and recipe.\n\n"
        "| limit | int8 file, bytes | kept | weights | float test | int8 test | 95 % interval | "
        "drop, points | trials | s |\n|---|---|---|---|---|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    main()
