"""Runs that are really killed, at several points, and go on."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from autoarch.trials import TrialStatus, read_events, replay

PROGRAM = """
import sys, numpy as np, autoarch
rng = np.random.default_rng(0)
y = np.arange(150) % 3
x = rng.integers(0, 60, (150, 8, 8)).astype(np.uint8)
for image, label in zip(x, y):
    image[2 * label : 2 * label + 3, 2:6] += 150
autoarch.ImageSearch(time=None, trials=4, seed=2, output=sys.argv[1]).fit(x, y)
"""


def start(run):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(run)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(run, process, kind, count):
    """Waits until the log holds so many events of a kind."""
    deadline = time.monotonic() + 60
    log = run / "trials.jsonl"
    while time.monotonic() < deadline and process.poll() is None:
        if log.exists() and log.read_text().count(f'"event":"{kind}"') >= count:
            return
        time.sleep(0.01)
    pytest.fail(f"no {kind} event {count}: {process.stderr.read()}")


def essence(run):
    records = replay(read_events(run / "trials.jsonl"))
    return [(r.key, r.status, r.score, r.epochs) for r in records]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nobody interrupts."""
    run = tmp_path_factory.mktemp("whole") / "run"
    process = start(run)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return run


def test_kill_9_at_several_points_changes_nothing_in_the_end(whole, tmp_path):
    run = tmp_path / "run"
    for kind, count in (
        ("setup", 1),
        ("proposed", 1),
        ("measured", 1),
        ("proposed", 3),
        ("final", 1),
    ):
        process = start(run)
        wait_for(run, process, kind, count)
        process.kill()
        process.communicate()
        time.sleep(0.1)
    process = start(run)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors

    assert essence(run) == essence(whole)
    keys = [key for key, *_ in essence(run)]
    assert len(keys) == len(set(keys)) == 4
    events = read_events(run / "trials.jsonl")
    times = [event["t"] for event in events]
    assert times == sorted(times)  # the time spent counts on
    result = json.loads((run / "result.json").read_text())
    reference = json.loads((whole / "result.json").read_text())
    assert result["best"]["trial"] == reference["best"]["trial"]
    assert result["test"]["accuracy"] == pytest.approx(reference["test"]["accuracy"], abs=0.15)


def test_ctrl_c_after_trial_0_still_leaves_a_checked_model(tmp_path):
    run = tmp_path / "run"
    process = start(run)
    wait_for(run, process, "measured", 1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    result = json.loads((run / "result.json").read_text())
    assert result["interrupted"] is True
    assert result["trials"]["completed"] >= 1
    assert (run / "model" / "model.tflite").is_file()
    statuses = {record.status for record in replay(read_events(run / "trials.jsonl"))}
    assert statuses <= {TrialStatus.COMPLETED, TrialStatus.STOPPED}


def test_ctrl_c_before_anything_is_trained_aborts(tmp_path):
    run = tmp_path / "run"
    process = start(run)
    wait_for(run, process, "phase", 1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0 and "KeyboardInterrupt" in errors
    assert not (run / "result.json").exists()


def test_the_probabilities_of_the_resumed_model_are_finite(whole):
    import autoarch

    search = autoarch.load(whole)
    probabilities = search.predict_proba(np.zeros((3, 8, 8), np.uint8))
    assert np.isfinite(probabilities).all()
