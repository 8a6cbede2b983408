"""Int8 models under limits on the file, beside MLPerf Tiny's ResNet-8 in the same minutes.

    python benchmarks/mobile.py [--data FOLDER] [--time 5m] [--kilobytes 25,50,100,250] [--out FILE]

Each line is one `autoarch fit --max-size` run; the last is ResNet-8 (78,666
weights) in place of the search, trained by the same final training for the whole time. Accuracy
is that of the int8 file on the test part; the limit is checked on the file.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import autoarch
from autoarch.architecture import Architecture
from autoarch.errors import AutoArchError
from autoarch.spaces import SPACES, SearchSpace
from autoarch.spaces.references import resnet8


class ResNet8Space(SearchSpace):
    """The one network, with trial 0's recipe."""

    name = "resnet8"

    def __init__(self, input_shape: Any, classes: int, *, width: int = 16, recipe: Any = None):
        super().__init__(input_shape, classes, recipe=recipe)

    def architecture(self, hp: Any) -> Architecture:
        height, width, channels = self.input_shape
        return resnet8((height, width, channels), self.classes)


def measured(data: str, time: str, output: Path, **settings: Any) -> dict[str, Any]:
    """The result of one run."""
    return autoarch.ImageSearch(time, ship="int8", output=output, **settings).fit(data).result_


def row(name: str, limit: int | None, result: dict[str, Any]) -> str:
    found, test = result["quantised"], result["test"]
    size = found["size_bytes"]
    kept = "" if limit is None else ("yes" if size <= limit else "NO")
    low, high = test["accuracy_ci95"]
    return (
        f"| {name} | {size:,} | {kept} | {result['model']['params']:,} | "
        f"{found['float']['test']['accuracy']:.3f} | {test['accuracy']:.3f} | "
        f"{low:.3f} to {high:.3f} | {100 * found['drop']['test']:+.1f} | "
        f"{result['trials']['completed']} | {result['wall_s']:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="../shared/data/cifar10-mini")
    parser.add_argument("--time", default="5m")
    parser.add_argument("--kilobytes", default="25,50,100,250", help="limits, 1 KB is 1,000 bytes")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/mobile.md"))
    given = parser.parse_args()
    SPACES["resnet8"] = ResNet8Space
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kilobytes in given.kilobytes.split(","):
            limit = int(float(kilobytes) * 1000)
            output = Path(folder) / kilobytes
            try:
                result = measured(given.data, given.time, output, constraints={"max_size": limit})
            except AutoArchError as error:
                rows.append(f"| {kilobytes} KB: {error} | | | | | | | | | |")
            else:
                rows.append(row(f"{kilobytes} KB", limit, result))
            print(rows[-1], flush=True)
        result = measured(given.data, given.time, Path(folder) / "r8", space="resnet8", trials=1)
        rows.append(row("ResNet-8", None, result))
        print(rows[-1], flush=True)
    given.out.write_text(
        f"# Int8 models under limits\n\n`{Path(given.data).name}`, `--time {given.time}`, one seed."
        " ResNet-8 gets the same time and recipe.\n\n"
        "| limit | int8 file, bytes | kept | weights | float test | int8 test | 95 % interval | "
        "drop, points | trials | s |\n|---|---|---|---|---|---|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    main()
