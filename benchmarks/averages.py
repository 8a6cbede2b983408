"""Trial 0 of texts alone, and averaged with the networks that are known to go with it.

    python benchmarks/averages.py [--sets trec6 sst2 waimai_zh] [--splits 0 1] [--seeds 0]
                                  [--passes 10]

Only training parts are read: a fifth is held out, the rest is learned from. Each network is
trained alone, for equal passes. What is finished is kept in `benchmarks/averages.jsonl`; the table
goes to `benchmarks/averages.md`. The sets lie in `../shared/data` beside the checkout.
"""

from __future__ import annotations

import argparse
from itertools import accumulate
from pathlib import Path
from typing import Any

from autoarch.training.runtime import prepare_environment

prepare_environment()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from fitting import DATA, HERE  # noqa: E402
from kept import Kept  # noqa: E402

from autoarch import TextSearch  # noqa: E402
from autoarch.data.text_source import list_texts  # noqa: E402
from autoarch.objectives import classification_metrics  # noqa: E402
from autoarch.tasks.text import DEEP, TextTask  # noqa: E402
from autoarch.training.fit import Trainer  # noqa: E402
from autoarch.training.precision import USUAL_MACS_PER_S, Speed  # noqa: E402
from autoarch.training.schedule import warm_up_cosine  # noqa: E402

HELD_OUT = 0.2
COLUMNS = ("trial 0 alone", "and the first companion", "and the second")


def measure(name: str, split: int, seed: int, passes: float) -> list[Any]:
    """Accuracy and log loss of the average of the first networks, by their number; the networks'
    names, and the number of texts held out."""
    rows = list_texts(DATA / name / "train.csv")["train"]
    # The validation part is not looked at, but must be there.
    search = TextSearch(time=None, test=HELD_OUT, valid=0.02, seed=split)
    settings = search._settings()
    task = search._open(list(rows.texts), list(rows.labels), None, settings)
    assert isinstance(task, TextTask)
    setup = task.setup(settings, Speed("float32", USUAL_MACS_PER_S, 1.0, None, "cpu"))
    assert setup.network == DEEP
    data = task.load(setup, None, None)
    space = task.space(settings, setup, data)
    held_out = data.held_out.reveal()
    candidates = [space.candidate(decisions) for decisions in ({}, *space.companions())]
    answers = []
    for candidate in candidates:
        keras.backend.clear_session()
        trainer = Trainer(
            candidate.architecture,
            candidate.recipe,
            data.train,
            task.augmenter(data.train.inputs.shape[1:], len(data.classes)),
            seed=seed,
            constants=candidate.constants,
        )
        trainer.train(lambda done: done / passes, warm_up_cosine, planned_epochs=passes)
        answers.append(trainer.predict_proba(held_out.inputs))
    found = [
        classification_metrics(held_out.labels, total / number)
        for number, total in enumerate(accumulate(answers), start=1)
    ]
    names = ["+".join((d["network"], d["second"])) for d in (c.decisions for c in candidates)]
    return [[[m["accuracy"], m["log_loss"]] for m in found], names, len(held_out)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=["trec6", "sst2", "waimai_zh"])
    parser.add_argument("--splits", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--passes", type=float, default=10)
    parser.add_argument("--output", type=Path, default=HERE / "averages.md")
    given = parser.parse_args()
    kept = Kept(given.output.with_suffix(".jsonl"))
    rows, gains = [], []
    for name in given.sets:
        for split in given.splits:
            for seed in given.seeds:
                found, names, n = kept.get(
                    f"{name}/{split}/{seed}/{given.passes:g}",
                    lambda name=name, split=split, seed=seed: measure(
                        name, split, seed, given.passes
                    ),
                )
                cells = [f"{accuracy:.4f} ({loss:.3f})" for accuracy, loss in found]
                rows.append(f"| {name} | {split} | {seed} | {n} | {' | '.join(cells)} |")
                gains.append([100 * (accuracy - found[0][0]) for accuracy, _ in found[1:]])
                print(rows[-1], names, flush=True)
    head = f"| set | split | seed | held out | {' | '.join(COLUMNS)} |\n{'|---' * 7}|\n"
    gained = ", ".join(f"{gain:+.2f}" for gain in np.mean(gains, axis=0))
    given.output.write_text(
        f"# Averages of known networks for texts\n\n{kept.told}. Made by `python "
        f"benchmarks/averages.py`: a fifth of the training part held out, {given.passes:g} passes "
        f"each, equal weights; {', '.join(names)}. Accuracy, and log loss in brackets. Points "
        f"gained on average: {gained}.\n\n" + head + "\n".join(rows) + "\n"
    )


if __name__ == "__main__":
    main()
