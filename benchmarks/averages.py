"""One known network for all passes, against several that share them and are averaged.

    python benchmarks/averages.py [--sets trec6 sst2 waimai_zh cifar10-mini clothing10]
                                  [--splits 0 1] [--networks 1 2 3] [--seeds 0]

Trial 0 and its companions (`SearchSpace.companions`) in their order, each with an equal part of
the set's passes, and equal weights. Only training parts are read: a fifth is held out, the rest is
learned from. What is finished is kept in `benchmarks/averages.jsonl`; the table goes to
`benchmarks/averages.md`. The sets lie in `../shared/data` beside the checkout.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from autoarch.training.runtime import prepare_environment

prepare_environment()

import keras  # noqa: E402
import numpy as np  # noqa: E402
from fitting import DATA, HERE  # noqa: E402
from kept import Kept  # noqa: E402

from autoarch import ImageSearch, TextSearch  # noqa: E402
from autoarch.data.text_source import list_texts  # noqa: E402
from autoarch.objectives import classification_metrics  # noqa: E402
from autoarch.search.plain import PlainProgress  # noqa: E402
from autoarch.spaces import Candidate  # noqa: E402
from autoarch.tasks.task import Task  # noqa: E402
from autoarch.training.fit import Trainer  # noqa: E402
from autoarch.training.precision import USUAL_MACS_PER_S, Speed  # noqa: E402
from autoarch.training.schedule import warm_up_cosine  # noqa: E402
from autoarch.trials import RunDirectory  # noqa: E402

PASSES = {"trec6": 36, "sst2": 24, "waimai_zh": 24, "cifar10-mini": 150, "clothing10": 150}
"""Of all networks together: about what two cores do in three minutes with texts, and in a quarter
of an hour with pictures, where runs take the first half of the time for smaller ones."""

HELD_OUT = 0.2
MINUTES = 15
"""For which trial 0 of pictures is sized."""


def opened(name: str, split: int) -> tuple[Task, Any]:
    """The set's training part as a task, a fifth held out, and what the user would have asked."""
    # The validation part is not looked at, but must be there.
    asked = {"test": HELD_OUT, "valid": 0.02, "seed": split}
    if (DATA / name / "train.csv").exists():
        rows = list_texts(DATA / name / "train.csv")["train"]
        search: Any = TextSearch(time=None, **asked)
        data = list(rows.texts), list(rows.labels)
    else:
        search = ImageSearch(time=60 * MINUTES, **asked)
        data = DATA / name / "train", None
    settings = search._settings()
    return search._open(*data, None, settings), settings


@dataclass(frozen=True)
class Found:
    """What networks answered on examples that they have not seen.

    Args:
        labels: Of the examples, `(n,)`.
        answers: Of each network: probabilities `(n, classes)`.
    """

    labels: Any
    answers: Sequence[Any]


def known_networks(
    name: str,
    split: int,
    networks: int,
    passes: float,
    seed: int,
    changed: Callable[[Candidate], Candidate] = lambda candidate: candidate,
) -> Found:
    """Trains trial 0 and its companions, as many as are asked for, and asks them.

    Args:
        name: The set.
        split: Seed of what is held out.
        networks: How many.
        passes: Of each network.
        seed: Of the first network's training; the next ones have the next seeds.
        changed: What is trained in place of a candidate.
    """
    task, settings = opened(name, split)
    setup = task.setup(settings, Speed("float32", USUAL_MACS_PER_S, 1.0, None, "cpu"))
    with tempfile.TemporaryDirectory() as scratch:
        run = RunDirectory(Path(scratch) / "run")
        run.create({})
        data = task.load(setup, run, PlainProgress())
        space = task.space(settings, setup, data)
        held_out = data.held_out.reveal()
        answers = []
        for decisions in ({}, *space.companions())[:networks]:
            candidate = changed(space.candidate(decisions))
            keras.backend.clear_session()
            trainer = Trainer(
                candidate.architecture,
                candidate.recipe,
                data.train,
                task.augmenter(data.train.inputs.shape[1:], len(data.classes)),
                seed=seed + len(answers),
                constants=candidate.constants,
            )
            trainer.train(lambda done: done / passes, warm_up_cosine, planned_epochs=passes)
            answers.append(trainer.predict_proba(held_out.inputs))
            if candidate.recipe.flip:  # as what is shipped answers
                mirrored = np.ascontiguousarray(held_out.inputs[:, :, ::-1])
                answers[-1] = (answers[-1] + trainer.predict_proba(mirrored)) / 2
    return Found(held_out.labels, answers)


def scored(found: Found) -> dict[str, Any]:
    """Accuracy and log loss of the average with equal weights, and accuracy of its networks."""
    alone = [classification_metrics(found.labels, answers) for answers in found.answers]
    together = classification_metrics(found.labels, np.mean(found.answers, axis=0))
    return {
        "n": len(found.labels),
        "accuracy": together["accuracy"],
        "log_loss": together["log_loss"],
        "alone": [metrics["accuracy"] for metrics in alone],
    }


def measure(name: str, split: int, networks: int, seed: int) -> dict[str, Any]:
    """What the average of so many networks makes of the set's passes."""
    passes = PASSES[name] / networks
    return scored(known_networks(name, split, networks, passes, seed))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=list(PASSES), default=list(PASSES))
    parser.add_argument("--splits", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--networks", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--output", type=Path, default=HERE / "averages.md")
    given = parser.parse_args(arguments)
    kept = Kept(given.output.with_suffix(".jsonl"))
    for split in given.splits:
        for seed in given.seeds:
            for name in given.sets:
                for networks in given.networks:
                    key = f"{name}/{split}/{seed}/{networks}"
                    print(key, kept.get(key, partial(measure, name, split, networks, seed)))
                    given.output.write_text(page(kept), "utf-8")


def page(kept: Kept) -> str:
    """The table of all that is kept: a line for each set, split and seed."""
    cells = {tuple(key.split("/")): cell for key, cell in kept.cells.items()}
    numbers = sorted({key[-1] for key in cells})
    titles = [f"{number} averaged" if number != "1" else "trial 0 alone" for number in numbers]
    rows = [f"| set | passes | split | seed | held out | {' | '.join(titles)} |"]
    rows.append("|---" * (5 + len(numbers)) + "|")
    for name, split, seed in sorted({key[:-1] for key in cells}):
        of = {number: cells.get((name, split, seed, number)) for number in numbers}
        shown = [f"{c['accuracy']:.4f} ({c['log_loss']:.3f})" if c else "" for c in of.values()]
        (n, *_) = [c["n"] for c in of.values() if c]
        rows.append(f"| {name} | {PASSES[name]} | {split} | {seed} | {n} | {' | '.join(shown)} |")
    means = [f"{number}: {gain:+.2f}" for number in numbers[1:] if (gain := _gain(cells, number))]
    return (
        f"# Averages of known networks\n\n{kept.told}. Made by `python benchmarks/averages.py`: "
        "a fifth of the training part held out; the networks share the passes, equal weights. "
        "Accuracy, and log loss in brackets. Points above trial 0 alone on average, by the number "
        f"of networks: {', '.join(means)}.\n\n" + "\n".join(rows) + "\n"
    )


def _gain(cells: Mapping[tuple[str, ...], Any], number: str) -> float | None:
    """Points of averages of so many networks above trial 0 alone, where both were measured."""
    pairs = [
        (cells.get((*key[:-1], "1")), cell) for key, cell in cells.items() if key[-1] == number
    ]
    gains = [100 * (cell["accuracy"] - one["accuracy"]) for one, cell in pairs if one]
    return statistics.fmean(gains) if gains else None


if __name__ == "__main__":
    main()
