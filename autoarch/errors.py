"""The errors that AutoArch raises.

Everything raised on purpose derives from `AutoArchError` and from the builtin that fits, so a
caller chooses how wide to catch. Messages are one line: what is wrong, where, what to do. The
command line prints them as they are and exits with `exit_code`.
"""

from __future__ import annotations


class AutoArchError(Exception):
    """Root of all errors that AutoArch raises on purpose."""

    exit_code = 1


class InvalidInputError(AutoArchError, ValueError):
    """What the user gave (an argument, a file, a folder) cannot be used as it is."""

    exit_code = 2


class DataError(InvalidInputError):
    """The data cannot be used: missing, empty, unreadable, or inconsistent."""


class BudgetError(InvalidInputError):
    """The time or the number of trials is too small for anything to be trained."""


class RunDirectoryError(InvalidInputError):
    """The run directory holds something else, belongs to other settings, or cannot be written."""


class InvalidArchitectureError(AutoArchError, ValueError):
    """An architecture is not a legal graph: unknown input, clashing shapes, bad op settings."""


class TrialFailedError(AutoArchError, RuntimeError):
    """A candidate could not be trained (NaN, out of memory); the search goes on.

    Args:
        reason: One line for the leaderboard, e.g. "loss became NaN in epoch 2".
        infeasible: True where the candidate does not fit this machine rather than having failed.
    """

    def __init__(self, reason: str, *, infeasible: bool = False):
        super().__init__(reason)
        self.reason = reason
        self.infeasible = infeasible


class RepeatedFailureError(AutoArchError, RuntimeError):
    """The first trials all failed in the same way; going on would waste the budget."""


class ExportError(AutoArchError, RuntimeError):
    """An exported file could not be written, or does not answer as the trained model does."""
