"""Text classification on three small sets: AutoArch beside a linear model, official test parts.

    python benchmarks/text.py DATA --output benchmarks/text.md [--time 3m] [--seeds 0 1 2]

DATA holds the folders trec6, sst2 and waimai_zh with train.csv and test.csv. The linear model is
TF-IDF of word 1-2-grams and character 1-4-grams with logistic regression, C=10, trained on all that
is not test. Each run of AutoArch is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETS = ("trec6", "sst2", "waimai_zh")
TARGETS = {"trec6": 0.91, "sst2": 0.83, "waimai_zh": 0.90}


def linear(folder: Path) -> tuple[float, float]:
    """Test accuracy of the linear model, and its seconds."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union

    from autoarch.data.text_files import list_texts

    started = time.monotonic()
    parts = list_texts(folder)
    known = [parts[name] for name in ("train", "valid") if name in parts]
    model = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True),
            TfidfVectorizer(analyzer="char", ngram_range=(1, 4), min_df=2, sublinear_tf=True),
        ),
        LogisticRegression(C=10, max_iter=1000),
    )
    model.fit(
        [text for part in known for text in part.texts],
        [label for part in known for label in part.labels],
    )
    score = model.score(list(parts["test"].texts), list(parts["test"].labels))
    return float(score), time.monotonic() - started


def fit(folder: Path, limit: str, seed: int, run: Path) -> dict[str, object]:
    """One run of the command; its result."""
    command = [sys.executable, "-m", "autoarch.cli", "fit", str(folder), "--time", limit]
    command += ["--seed", str(seed), "--output", str(run), "--quiet", "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, object] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--time", default="3m")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    lines = [
        f"# Texts: `--time {options.time}`, official test parts",
        "",
        "| set | linear model | AutoArch, median | seeds | network | trials | seconds | wanted |",
        "| --- | ---: | ---: | --- | --- | --- | --- | ---: |",
    ]
    for name in options.sets:
        base, base_s = linear(options.data / name)
        scores, networks, trials, seconds = [], [], [], []
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as scratch:
                found = fit(options.data / name, options.time, seed, Path(scratch) / "run")
            scores.append(found["test"]["accuracy"])  # type: ignore[index]
            networks.append(found["best"]["decisions"]["network"])  # type: ignore[index]
            trials.append(str(found["trials"]["completed"]))  # type: ignore[index]
            seconds.append(f"{found['wall_s']:.0f}")
        lines.append(
            f"| {name} | {base:.3f} ({base_s:.0f} s) | {statistics.median(scores):.3f} | "
            f"{', '.join(f'{score:.3f}' for score in scores)} | {', '.join(networks)} | "
            f"{', '.join(trials)} | {', '.join(seconds)} | {TARGETS.get(name, 0):.2f} |"
        )
        print(lines[-1], flush=True)
    if options.output:
        options.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
