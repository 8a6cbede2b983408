"""How large trial 0 of texts is under limits: its tables of vectors are nearly all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from autoarch.costs.budgets import Budgets
from autoarch.data.text import BUCKETS, TextPreprocessing
from autoarch.spaces import SearchSpace
from autoarch.tasks.limits import baseline_of

WIDTH = 64
"""Length of the vectors of trial 0's tokens without limits."""
DEEP = "dilated"
"""Trial 0's network beside the linear model, which brings the bag of n-grams along."""
SHALLOW = "cnn"
"""Under limits that leave `DEEP` too few vectors: its layers behind the first are the same however
narrow the vectors are, half of all weights at a width of 16."""
FEWEST_WORDS = 100
MOST_HALVED, MOST_HALVED_WIDTH = 6, 2
MOST_HALVED_IF_DEEP = 4


@dataclass(frozen=True)
class TextSize:
    """How large trial 0 is.

    Args:
        network: `DEEP`, `SHALLOW` or "bag".
        halved: How often the tables are halved: vocabulary and hashed ids.
        halved_width: How often the vectors are.
    """

    network: str
    halved: int = 0
    halved_width: int = 0

    @property
    def width(self) -> int:
        """Length of a token's vector."""
        return WIDTH >> self.halved_width

    def cut(self, learned: TextPreprocessing) -> TextPreprocessing:
        """The preprocessing with the most frequent words only, and fewer hashed ids."""
        left = max(len(learned.vocabulary) >> self.halved, FEWEST_WORDS)
        words, buckets = learned.vocabulary[:left], BUCKETS >> self.halved
        return replace(learned, vocabulary=words, buckets=buckets)


def fitting_size(
    kind: Callable[[TextSize], SearchSpace], budgets: Budgets, network: str
) -> TextSize:
    """The largest size at which trial 0 keeps the limits; where none does, the smallest.

    Tables and vectors are halved, as few times as possible in all, vectors first; plain
    convolutions take the place of dilated ones, and a bag theirs, where those would have fewer
    than 2,048 hashed ids. Halved tables cost
    little: validation accuracy of the linear model (a fifth of the training part; standard errors
    of 1.1 points) for 32,768 hashed ids, 16,384 and so on was 0.845, 0.845, 0.838, 0.838, 0.828,
    0.802, 0.766 on trec6 and 0.813, 0.817, 0.802, 0.780, 0.766, 0.726, 0.703 on sst2.

    Args:
        kind: Makes a space of a size.
        budgets: The limits.
        network: Trial 0's without limits.

    Raises:
        InvalidInputError: Nothing keeps them even in the smallest space.
    """
    for size in _sizes(network):
        if budgets.keep(kind(size).candidate({}).architecture):
            return size
    smallest = TextSize("bag", MOST_HALVED, MOST_HALVED_WIDTH)
    baseline_of(kind(smallest), budgets)
    return smallest


def _sizes(network: str) -> Iterator[TextSize]:
    """Largest first."""
    limits = (
        {DEEP: MOST_HALVED_IF_DEEP, SHALLOW: MOST_HALVED_IF_DEEP, "bag": MOST_HALVED}
        if network == DEEP
        else {"bag": MOST_HALVED}
    )
    for name, most in limits.items():
        for total in range(most + MOST_HALVED_WIDTH + 1):
            for halved in range(max(0, total - MOST_HALVED_WIDTH), min(total, most) + 1):
                yield TextSize(name, halved, total - halved)
