"""The contract of an evaluator: a candidate and a fidelity in, a measurement out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from autoarch.spaces import Candidate
from autoarch.trials import Fidelity, Measurement


class StoppedError(Exception):
    """An evaluation was ended from outside before its fidelity was reached; nothing is measured."""


class Evaluator(Protocol):
    """Measures candidates; the search knows nothing of how."""

    def evaluate(
        self,
        candidate: Candidate,
        trial: int,
        fidelity: Fidelity,
        *,
        should_stop: Callable[[], bool],
        on_epoch: Callable[[float, float], None],
    ) -> Measurement:
        """Measures a candidate on the validation part.

        Args:
            candidate: Architecture and recipe.
            trial: Number of the trial; names its checkpoint and its random streams.
            fidelity: How far to go; `done` > 0 continues where the trial's last call ended.
            should_stop: Asked often; True ends the evaluation.
            on_epoch: Told (epochs done, mean loss) as training goes on.

        Raises:
            TrialFailedError: The candidate cannot be measured; the search goes on.
            StoppedError: `should_stop` said so.
        """
        ...
