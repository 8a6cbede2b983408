"""How much the process grows with each trial: 40 trials on scikit-learn's digits.

    python benchmarks/memory.py

Prints the resident memory after each trial and the slope of a line through the last 30; the
target is less than 5 MB a trial. The table goes to `benchmarks/memory.md`.
"""

from __future__ import annotations

import datetime
import os
import tempfile
from pathlib import Path

import numpy as np

from autoarch.training.runtime import prepare_environment

prepare_environment()

import autoarch  # noqa: E402

TRIALS = 40
SETTLED = 10


class Memory(autoarch.Progress):
    """Notes the resident memory after each new trial."""

    def __init__(self) -> None:
        self.megabytes: list[float] = []

    def trial_measured(self, record, best) -> None:
        if len(record.measurements) == 1:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.megabytes.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
            print(f"trial {record.trial}: {self.megabytes[-1]:.0f} MB", flush=True)


def main() -> None:
    memory = Memory()
    with tempfile.TemporaryDirectory() as folder:
        autoarch.ImageSearch(
            time=None, trials=TRIALS, seed=0, output=f"{folder}/run", progress=memory
        ).fit("demo:digits")
    later = memory.megabytes[SETTLED:]
    slope = np.polyfit(np.arange(len(later)), later, 1)[0]
    text = (
        "# Memory over trials\n\n"
        f"{datetime.date.today()}, seed 0, {os.cpu_count()} cores. Made by "
        "`python benchmarks/memory.py`: 40 trials on digits in one process.\n\n"
        "| after trial 1 | after trial 10 | after trial 40 | growth a trial, last 30 | target |\n"
        "|---|---|---|---|---|\n"
        f"| {memory.megabytes[0]:.0f} MB | {memory.megabytes[SETTLED - 1]:.0f} MB | "
        f"{memory.megabytes[-1]:.0f} MB | {slope:.2f} MB | < 5 MB |\n"
    )
    print(text)
    (Path(__file__).parent / "memory.md").write_text(text)


if __name__ == "__main__":
    main()
