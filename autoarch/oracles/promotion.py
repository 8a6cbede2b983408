"""Asynchronous successive halving (ASHA): who deserves more training, as plain values.

Source: Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar (2020), "A system
for massively parallel hyperparameter tuning", MLSys, algorithm 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from autoarch.oracles.fidelity import decisions_of, promoted_from
from autoarch.oracles.history import EventKind, History

FACTOR = 3
"""Of so many trials on a rung, one is promoted."""


def rung_epochs(min_epochs: int, max_epochs: int, factor: int = FACTOR) -> tuple[int, ...]:
    """Epochs of each rung: `min_epochs`, growing by `factor`, and `max_epochs` at the end.

    The last step is a factor of its own, at least the square root of `factor`.

    >>> rung_epochs(1, 50)
    (1, 3, 9, 27, 50)
    >>> rung_epochs(1, 40)
    (1, 3, 9, 40)
    """
    rungs = [min_epochs]
    while rungs[-1] * factor * math.sqrt(factor) <= max_epochs:
        rungs.append(rungs[-1] * factor)
    return (*rungs, max_epochs) if max_epochs > min_epochs else (max_epochs,)


def best_share(utilities: Mapping[int, float], factor: int = FACTOR) -> list[int]:
    """Those on one rung that deserve the next: one of `factor`, best first.

    Args:
        utilities: Of all that were measured on the rung, by number; larger is better. Of equals
            the smaller number is the better.
        factor: Of so many, one is promoted.
    """
    ranked = sorted(utilities, key=lambda number: (-utilities[number], number))
    return ranked[: len(ranked) // factor]


class Ladder:
    """Follows a history in which each promotion is a trial of its own.

    Args:
        rungs: How many rungs there are.

    Attributes:
        networks: A history with one trial for each network: what an oracle that knows nothing of
            rungs learns from. A promotion revises a network's result; the last one counts.
        measured: For each rung, utilities by network, where it was measured there.
        started: For each rung, trials by network, where it was started there.
    """

    def __init__(self, rungs: int):
        self.networks = History()
        self.measured: list[dict[int, float]] = [{} for _ in range(rungs)]
        self.started: list[dict[int, int]] = [{} for _ in range(rungs)]
        self._places: list[tuple[int, int]] = []  # rung and network of each trial
        self._seen = 0

    def follow(self, history: History) -> None:
        """Takes in what has happened since the last call."""
        for kind, number, utility, _ in history.events[self._seen :]:
            trial = history.trials[number]
            if kind is EventKind.PROPOSED:
                parent = promoted_from(trial.values)
                if parent is None:
                    network = self.networks.propose(decisions_of(trial.values)).number
                    rung = 0
                else:
                    rung, network = self._places[int(parent)]
                    rung += 1
                self._places.append((rung, network))
                self.started[rung][network] = number
                continue
            rung, network = self._places[number]
            if utility is None:
                self.measured[rung].pop(network, None)
            else:
                self.measured[rung][network] = utility
            if network in self.networks.open:
                self.networks.finish(
                    network, utility, metrics=trial.metrics, values=decisions_of(trial.values)
                )
            elif network in self.networks.completed and not self._went_on(network, rung):
                self.networks.revise(network, utility, metrics=trial.metrics)
        self._seen = len(history.events)

    def promotion(self, factor: int) -> tuple[int, int] | None:
        """The next promotion, from the highest rung down: the rung to climb to, and the trial to
        go on with; or None."""
        for rung in range(len(self.measured) - 2, -1, -1):
            for network in best_share(self.measured[rung], factor):
                if network not in self.started[rung + 1]:
                    return rung + 1, self.started[rung][network]
        return None

    def _went_on(self, network: int, rung: int) -> bool:
        return any(network in measured for measured in self.measured[rung + 1 :])
