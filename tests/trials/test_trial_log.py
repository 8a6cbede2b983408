import json
import math

import numpy as np
import pytest

from autoarch.errors import RunDirectoryError
from autoarch.trials import Fidelity, Measurement, TrialLog, TrialStatus, read_events, replay

PROPOSED = {"decisions": {"width": 8}, "key": "k", "params": 10, "macs": 20}


def measurement(score=0.5, epochs=2.0):
    return Measurement(score, {"accuracy": score}, epochs, 1.0, 1.5, ({"epoch": 1, "loss": 2.0},))


def test_events_become_trials(tmp_path):
    with TrialLog(tmp_path / "log") as log:
        log.append("proposed", t=1, trial=0, **PROPOSED)
        log.append("measured", t=2, trial=0, measurement=measurement(0.5).to_json())
        log.append("proposed", t=3, trial=1, **PROPOSED)
        log.append("measured", t=4, trial=0, measurement=measurement(0.6, 6.0).to_json())
        log.append("ended", t=5, trial=1, status="failed", reason="NaN")
        log.append("proposed", t=6, trial=2, **PROPOSED)
        assert log.spent_s == 6
    first, second, third = replay(read_events(tmp_path / "log"))
    assert (first.status, first.score, first.epochs) == (TrialStatus.COMPLETED, 0.6, 6.0)
    assert first.measurements[0] == measurement(0.5)
    assert first.wall_s == 3.0
    assert (second.status, second.reason, second.score) == (TrialStatus.FAILED, "NaN", None)
    assert third.status is TrialStatus.RUNNING


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_last_line_is_dropped_and_the_log_goes_on(tmp_path, cut):
    path = tmp_path / "log"
    with TrialLog(path) as log:
        log.append("clock", t=1)
        log.append("proposed", t=2, trial=0, **PROPOSED)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.warns(UserWarning, match="torn"):
        events = read_events(path)
    assert [event["event"] for event in events] == ["clock"]
    with pytest.warns(UserWarning, match="torn"):
        log = TrialLog(path)
    with log:
        log.append("clock", t=3)
    assert [event["t"] for event in read_events(path)] == [1, 3]


def test_a_damaged_line_in_the_middle_is_an_error_that_says_where(tmp_path):
    path = tmp_path / "log"
    path.write_text('{"event": "clock", "t": 1}\nnonsense\n{"event": "clock", "t": 2}\n')
    with pytest.raises(RunDirectoryError, match="line 2"):
        read_events(path)


def test_each_event_is_on_the_disk_at_once(tmp_path):
    with TrialLog(tmp_path / "log") as log:
        log.append("clock", t=1)
        assert len(read_events(tmp_path / "log")) == 1


def test_nan_and_numpy_numbers_are_json(tmp_path):
    with TrialLog(tmp_path / "log") as log:
        log.append("x", t=1, nan=math.nan, number=np.float32(0.5), array=[np.int64(3)])
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert json.loads(line) == {"event": "x", "t": 1, "nan": None, "number": 0.5, "array": [3]}


def test_a_missing_log_is_empty(tmp_path):
    assert read_events(tmp_path / "none") == []


def test_fidelity_must_lead_forward():
    assert Fidelity(3, done=1).epochs == 3
    with pytest.raises(ValueError, match="done"):
        Fidelity(3, done=3)
