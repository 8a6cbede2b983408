"""What the probe decides, and what it decides nothing by."""

import pytest

from autoarch.errors import InvalidInputError
from autoarch.training import precision
from autoarch.training.precision import USUAL_MACS_PER_S, probe_speed


@pytest.mark.parametrize(
    ("float32_s", "bfloat16_s", "policy"),
    [(0.010, 0.005, "mixed_bfloat16"), (0.010, 0.0095, "float32"), (0.005, 0.010, "float32")],
)
def test_bfloat16_is_taken_where_it_is_clearly_faster(monkeypatch, float32_s, bfloat16_s, policy):
    times = {"float32": float32_s, "mixed_bfloat16": bfloat16_s}
    monkeypatch.setattr(precision, "_seconds", lambda policies: [times[p] for p in policies])
    found = probe_speed()
    assert found.policy == policy and found.bfloat16_ms == 1000 * bfloat16_s
    assert found.macs_per_s == precision._MACS / float32_s


def test_without_a_time_limit_nothing_depends_on_what_is_measured(monkeypatch):
    for seconds in (0.001, 0.1):
        monkeypatch.setattr(precision, "_seconds", lambda policies, s=seconds: [s] * len(policies))
        found = probe_speed(timed=False)
        assert (found.policy, found.macs_per_s) == ("float32", USUAL_MACS_PER_S)
    assert probe_speed("mixed_bfloat16", timed=False).policy == "mixed_bfloat16"


def test_the_probe_takes_turns_and_the_best_time(monkeypatch):
    now, steps = 0.0, []

    def step(policy):
        def run():
            nonlocal now
            steps.append(policy)
            # one fast step of each, at different moments; everything else is a busy machine
            fast = len(steps) in (4, 7)
            now += (0.001 if policy == "a" else 0.002) if fast else 0.1

        return run

    monkeypatch.setattr(precision, "_step", step)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now)
    assert precision._seconds(["a", "b"]) == pytest.approx([0.001, 0.002])
    assert steps == ["a", "b"] * precision._REPEATS


def test_the_probe_does_not_wait_for_emulated_arithmetic(monkeypatch):
    now, steps = 0.0, []

    def step(policy):
        def run():
            nonlocal now
            steps.append(policy)
            now += 0.01 if policy == "a" else 0.1

        return run

    monkeypatch.setattr(precision, "_step", step)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now)
    assert precision._seconds(["a", "b"]) == pytest.approx([0.01, 0.1])
    assert steps.count("a") == precision._REPEATS
    assert steps.count("b") < precision._REPEATS / 2


def test_an_unknown_precision_is_refused():
    with pytest.raises(InvalidInputError, match="`precision` must be one of auto"):
        probe_speed("float64")
