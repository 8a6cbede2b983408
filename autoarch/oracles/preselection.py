"""Which child is worth a trial: fitness inherited from the trials around it.

Sources: Smith, Dike and Stegmann, "Fitness Inheritance in Genetic Algorithms", SAC 1995;
preselection of children: Jin, "Surrogate-Assisted Evolutionary Computation", Swarm and
Evolutionary Computation 2011; distance: Gower, "A General Coefficient of Similarity and Some of
its Properties", Biometrics 1971; weighted mean: Nadaraya, 1964, and Watson, 1964.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from autoarch.oracles.decisions import Decision, DecisionSpace, Setting
from autoarch.oracles.domains import Value
from autoarch.oracles.history import EventKind, History, HistoryEvent
from autoarch.oracles.learner import Learner

FloatArray = npt.NDArray[np.float64]

_INACTIVE = -1.0
_DECAY = np.log(5.0)  # a trial one decision further away counts a fifth
# What is unknown is assumed to be good: as if a trial one decision away had beaten 95 % of all.
_PRIOR_WEIGHT = np.exp(-_DECAY)
_PRIOR_RANK = 0.95


def encode(space: DecisionSpace, setting: Mapping[str, Value]) -> FloatArray:
    """A legal setting as one number per decision, for `gower_distances`.

    Ordered decisions become their position in [0, 1], unordered ones their rank and a half,
    inactive ones -1: values of one kind and inactivity are all at least 1 apart.
    """
    row = np.full(len(space), _INACTIVE)

    def write(place: int, decision: Decision) -> Value:
        domain, value = decision.domain, setting[decision.name]
        row[place] = domain.to_unit(value) * (1 if domain.ordered else domain.size)
        return value

    space.fill(write)
    return row


def gower_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Number of decisions that differ, a partly different size counting in part.

    Args:
        a: Encoded settings, shape (m, decisions).
        b: Encoded settings, shape (n, decisions).

    Returns:
        Shape (m, n).
    """
    return np.minimum(np.abs(a[:, None] - b), 1).sum(axis=-1)


def ranks(utilities: FloatArray) -> FloatArray:
    """The place of each utility in their order, as a share in [0, 1)."""
    return utilities.argsort().argsort() / len(utilities)


class InheritedFitness(Learner):
    """Predicts the rank of a setting: the mean of the completed trials', the near ones' foremost.

    A trial at Gower distance d has the weight 5 ** -d. Ranks, so that neither a collapsed
    training nor a crowd of near equals at the top decides alone. What is far from all trials is
    assumed to be good, which leads a search on that goes round in a valley it knows well:
    without, a genetic search stops at 0.27 / 0.29 points of regret (see `GeneticOracle`).
    """

    def begin(self, space: DecisionSpace) -> None:
        self._rows = np.empty((64, len(space)))

    def take(self, event: HistoryEvent, space: DecisionSpace, history: History) -> None:
        if event.kind is EventKind.FINISHED and event.utility is not None:
            while event.number >= len(self._rows):
                self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
            values = space.activate(history.trials[event.number].values)
            self._rows[event.number] = encode(space, values)

    def best_first(
        self,
        space: DecisionSpace,
        history: History,
        children: Sequence[Setting],
    ) -> list[Setting]:
        """The children in the order of their predicted rank, best first.

        `history` has at least one completed trial.
        """
        if len(children) == 1:
            return list(children)
        self.follow(space, history)
        rows = self._rows[list(history.completed)]
        utilities = np.fromiter((t.utility for t in history.completed.values()), np.float64)
        rows_of_children = np.array([encode(space, child) for child in children])
        weights = np.exp(-_DECAY * gower_distances(rows_of_children, rows))
        predicted = (weights @ ranks(utilities) + _PRIOR_WEIGHT * _PRIOR_RANK) / (
            weights.sum(axis=1) + _PRIOR_WEIGHT
        )
        return [children[place] for place in np.argsort(-predicted, kind="stable")]
