"""The memory of a run: trial records, the append-only log, checkpoints, the run directory.

Neither Keras nor TensorFlow is imported here, so finished runs are read at once.
"""

from autoarch.trials.checkpoints import load_arrays, save_arrays
from autoarch.trials.log import TrialLog, events_of, read_events
from autoarch.trials.record import (
    Fidelity,
    Inherited,
    Measurement,
    TrialRecord,
    TrialStatus,
    replay,
)
from autoarch.trials.run_directory import RunDirectory

__all__ = [
    "Fidelity",
    "Inherited",
    "Measurement",
    "RunDirectory",
    "TrialLog",
    "TrialRecord",
    "TrialStatus",
    "events_of",
    "load_arrays",
    "read_events",
    "replay",
    "save_arrays",
]
