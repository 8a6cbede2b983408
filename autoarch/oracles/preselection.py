"""Which child is worth a trial: fitness inherited from the trials around it.

Sources: Smith, Dike and Stegmann, "Fitness Inheritance in Genetic Algorithms", SAC 1995;
preselection of children: Jin, "Surrogate-Assisted Evolutionary Computation", Swarm and
Evolutionary Computation 2011; distance: Gower, "A General Coefficient of Similarity and Some of
its Properties", Biometrics 1971; weighted mean: Nadaraya, 1964, and Watson, 1964.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autoarch.oracles.decisions import DecisionSpace, Setting
from autoarch.oracles.encoding import BinaryCode, hamming
from autoarch.oracles.event_reader import EventReader
from autoarch.oracles.history import EventKind, History, HistoryEvent

FloatArray = npt.NDArray[np.float64]

_DECAY = np.log(5.0)  # a trial one decision further away counts a fifth
# What is unknown is assumed to be good: as if a trial one decision away had beaten 95 % of all.
_PRIOR_WEIGHT = np.exp(-_DECAY)
_PRIOR_RANK = 0.95
_MEMORY = 200  # trials that are looked at, the latest: a proposal stays under a millisecond


def ranks(utilities: FloatArray) -> FloatArray:
    """The place of each utility in their order, as a share in [0, 1)."""
    return utilities.argsort().argsort() / len(utilities)


class InheritedFitness(EventReader):
    """Predicts the rank of a setting: a mean over the completed trials, the near ones foremost.

    A trial at distance d (number of decisions that differ, a partly different size counting in
    part, see `BinaryCode`) has the weight 5 ** -d. Ranks, so that neither a collapsed
    training nor a crowd of near equals at the top decides alone. What is far from all trials is
    assumed to be good: otherwise a search goes round in the valley that it knows best.
    """

    def begin(self, space: DecisionSpace) -> None:
        self._code = BinaryCode(space)
        self._rows = np.empty((64, len(self._code.shares)))

    def take(self, event: HistoryEvent, space: DecisionSpace, history: History) -> None:
        if event.kind is EventKind.FINISHED and event.utility is not None:
            while event.number >= len(self._rows):
                self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
            values = space.activate(history.trials[event.number].values)
            self._rows[event.number] = self._bits([values])[0]

    def _bits(self, settings: Sequence[Setting]) -> FloatArray:
        return self._code.bits(self._code.levels(settings))

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
        trials = history.latest(_MEMORY)
        rows = self._rows[[trial.number for trial in trials]]
        utilities = np.array([trial.utility for trial in trials])
        distances = hamming(self._bits(children), rows, self._code.shares)
        weights = np.exp(-_DECAY * distances)
        predicted = (weights @ ranks(utilities) + _PRIOR_WEIGHT * _PRIOR_RANK) / (
            weights.sum(axis=1) + _PRIOR_WEIGHT
        )
        return [children[place] for place in np.argsort(-predicted, kind="stable")]
