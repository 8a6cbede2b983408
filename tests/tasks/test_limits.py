"""What a user says of limits, targets and objectives; trial 0 under limits; a run of each."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import autoarch
from autoarch.architecture.front_end import integer_part
from autoarch.costs import load_profile, model_costs
from autoarch.costs.budgets import Budgets
from autoarch.costs.constraints import Constraints
from autoarch.errors import InvalidArchitectureError, InvalidInputError, RunDirectoryError
from autoarch.spaces import SpeechSpace, get_space
from autoarch.tasks.limits import (
    baseline_of,
    canonical_constraints,
    canonical_objectives,
    canonical_targets,
    fitting_scale,
    fitting_width,
)
from autoarch.tasks.scaling import Scale
from autoarch.tasks.settings import Settings


def squares(n=120, seed=0):
    """Grey pictures whose bright corner tells the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    images = rng.integers(0, 60, (n, 8, 8)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[2 * label : 2 * label + 3, 2:6] += 150
    return images, np.array(["left", "middle", "right"])[labels]


def test_limits_of_user_device_and_preset_come_together():
    of_device = canonical_constraints(Constraints(max_size="1KB"), "microcontroller", mobile=False)
    assert of_device["max_size"] == 1000
    assert of_device["max_ram"] == 192_000
    assert canonical_constraints(None, None, mobile=True) == {"max_size": 5e6, "max_macs": 1e8}
    stricter = canonical_constraints({"max_macs": "1M"}, None, mobile=True)
    assert stricter == {"max_size": 5e6, "max_macs": 1e6}
    assert canonical_constraints(stricter, None, mobile=True) == stricter  # as a resumed run does
    assert canonical_constraints(None, None, mobile=False) is None


def test_a_device_file_is_kept_by_its_whole_path(tmp_path, monkeypatch):
    (tmp_path / "board.toml").write_text('[limits]\nmax_size = "1MB"\n')
    monkeypatch.chdir(tmp_path)
    kept = autoarch.ImageSearch(device=Path("board.toml"))._settings().constraints
    assert kept == {"max_size": 1e6, "device": str(tmp_path / "board.toml")}


def test_only_a_search_needs_a_table_of_latencies(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # this machine was not measured
    for asked in ({"constraints": {"max_latency": "5ms"}}, {"prefer": "latency=5ms"}):
        with pytest.raises(InvalidInputError, match="measure this machine first"):
            autoarch.ImageSearch(**asked)._settings()
    stored = autoarch.ImageSearch(ship="int8")._settings().to_json()
    stored |= {"constraints": {"max_latency": 0.005}}
    assert Settings.from_json(stored).priced == ("latency",)


def test_targets_and_objectives_as_text_and_as_values():
    assert canonical_targets("latency=5ms") == canonical_targets({"latency": 0.005})
    assert canonical_targets(("size=100KB", "macs=5M")) == {"size": 100_000, "macs": 5_000_000}
    assert canonical_targets(()) is None
    assert canonical_objectives(["size", "accuracy"]) == "accuracy,size"
    assert canonical_objectives("auc, size,macs") == "auc,size,macs"
    assert canonical_objectives(None) is None


@pytest.mark.parametrize("prefer", ["speed=5", "latency", "latency=0ms", "latency=5 bananas"])
def test_targets_that_make_no_sense(prefer):
    with pytest.raises(InvalidInputError, match="prefer"):
        canonical_targets(prefer)


@pytest.mark.parametrize("objectives", ["accuracy", "size", "accuracy,auc", "accuracy,size,size"])
def test_objectives_that_make_no_sense(objectives):
    with pytest.raises(InvalidInputError, match="one of accuracy"):
        canonical_objectives(objectives)


@pytest.mark.parametrize("kind", ["residual", "mobile"])
@pytest.mark.parametrize("limit", [400_000, 60_000, 12_000])
def test_trial_0_keeps_the_limit_and_uses_it(kind, limit):
    budgets = Budgets(Constraints(max_size=limit))
    scale = fitting_scale(Scale(32, 24), get_space(kind), 3, 10, budgets, side_is_given=True)
    space = get_space(kind)((32, 32, 3), 10, width=scale.width)
    size = model_costs(baseline_of(space, budgets).architecture).int8_file_bytes
    assert size <= limit
    assert size >= (0.25 if limit == 12_000 else 0.75) * limit


def test_where_weights_are_limited_trial_0_still_uses_the_time():
    """It does about as many multiply-adds as the network that it stands for."""
    budgets, kind = Budgets(Constraints(max_size=100_000)), get_space("residual")
    scale = fitting_scale(Scale(32, 12), kind, 3, 10, budgets, side_is_given=True)
    found = baseline_of(kind((32, 32, 3), 10, width=scale.width), budgets).architecture
    wanted = kind((32, 32, 3), 10, width=12).candidate({}).architecture
    assert 0.8 * wanted.macs <= found.macs <= wanted.macs


@pytest.mark.parametrize("limit", [400_000, 60_000, 14_000])
def test_trial_0_of_sounds_keeps_the_limit_and_uses_it(limit):
    budgets = Budgets(Constraints(max_size=limit))

    def kind(width):
        return SpeechSpace((8000,), 10, rate=8000, width=width, integers=True)

    space = kind(fitting_width(24, kind, budgets))
    size = model_costs(baseline_of(space, budgets).architecture).int8_file_bytes
    assert 0.25 * limit <= size <= limit


def test_of_sounds_the_int8_file_is_limited_not_its_front_end():
    """Weights, multiply-adds and operations are those behind the front-end."""
    network = SpeechSpace((8000,), 10, rate=8000, width=8).candidate({}).architecture
    part = integer_part(network)
    assert network.params - part.params > 100_000
    prices = Budgets().prices(network, ["params", "macs", "size", "ram"])
    assert (prices["params"], prices["macs"]) == (part.params, part.macs)
    assert prices["size"] == model_costs(network).int8_file_bytes
    assert prices["ram"] < 8000 * 4, "no room for the waveform itself"
    board = Budgets(device=load_profile("microcontroller"))
    assert max(board.shares(network)) <= 1
    with pytest.raises(InvalidArchitectureError, match="only their int8 files"):
        _ = model_costs(network).float_file_bytes


def test_where_nothing_fits_no_width_does():
    budgets = Budgets(Constraints(max_size=2000))
    kind = partial(SpeechSpace, (8000,), 10, rate=8000, integers=True)
    assert fitting_width(16, lambda width: kind(width=width), budgets) is None
    with pytest.raises(InvalidInputError, match=r"inputs of 8000 .* \(at most 2,000 bytes\)"):
        baseline_of(kind(width=4), budgets)


def test_pictures_become_smaller_only_where_nothing_else_helps():
    kind = get_space("mobile")
    tight = Budgets(Constraints(max_ram=20_000))
    found = fitting_scale(Scale(96, 16), kind, 3, 10, tight, side_is_given=False)
    assert found.side < 96
    roomy = Budgets(Constraints(max_ram="10MB"))
    assert fitting_scale(Scale(96, 16), kind, 3, 10, roomy, side_is_given=False) == Scale(96, 16)
    with pytest.raises(InvalidInputError, match="Its smallest network for inputs of 96x96x3"):
        fitting_scale(Scale(96, 16), kind, 3, 10, tight, side_is_given=True)


def test_where_nothing_fits_the_error_names_the_smallest_network_and_nothing_is_left(tmp_path):
    x, y = squares()
    search = autoarch.ImageSearch(
        None, trials=1, constraints={"max_params": 5}, output=tmp_path / "run"
    )
    with pytest.raises(InvalidInputError, match=r"smallest network .* params \d+ \(at most 5\)"):
        search.fit(x, y)
    assert not (tmp_path / "run").exists()


def test_limits_go_with_the_int8_file_only():
    with pytest.raises(InvalidInputError, match="Limits hold for the int8 file"):
        autoarch.ImageSearch(None, constraints={"max_size": 5}, ship="float16").fit(*squares())
    with pytest.raises(InvalidInputError, match="go with the oracles"):
        autoarch.ImageSearch(None, objectives="accuracy,size", oracle="rl").fit(*squares())


def test_an_objective_beside_others_names_the_same_metric():
    search = autoarch.ImageSearch(objective="macro_f1", objectives="macro_f1,size")
    assert search._settings().objective == "macro_f1"
    with pytest.raises(InvalidInputError, match="name two metrics"):
        autoarch.ImageSearch(objective="macro_f1", objectives="accuracy,size")._settings()


def test_the_mobile_preset_goes_with_a_network_that_is_named():
    settings = autoarch.ImageSearch(mobile=True, architecture="mobilenet_v2")._settings()
    assert (settings.space, settings.ship) == ("auto", "int8")


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    x, y = squares()
    search = autoarch.ImageSearch(
        None,
        trials=3,
        constraints=autoarch.Constraints(max_size="9KB"),
        objectives="accuracy,macs",
        output=tmp_path_factory.mktemp("limited") / "run",
    )
    return search.fit(x, y)


def test_a_run_under_a_limit_trains_and_ships_nothing_above(limited):
    result = limited.result_
    size = result["limits"]["size"]
    file = limited.run_ / "model" / "model_int8.tflite"
    assert size["limit"] == 9000
    assert size["used"] == file.stat().st_size <= 9000
    assert size["headroom"] == 9000 - size["used"]
    for record in limited.trials_:
        assert record.last.metrics["size"] <= 9000
    stored = json.loads((limited.run_ / "run.json").read_text())["settings"]
    assert stored["constraints"] == {"max_size": 9000.0}
    assert "9,000 bytes" in limited.summary()
    assert "limit on size" in (limited.run_ / "model" / "README.md").read_text()


def test_a_run_of_two_objectives_has_a_front(limited):
    front = limited.result_["front"]
    macs = [point["costs"]["macs"] for point in front]
    assert macs == sorted(macs, reverse=True)
    knee = next(point for point in front if point["knee"])
    assert limited.result_["best"]["trial"] == knee["trial"]
    assert f"--trial {knee['trial']}" in knee["command"]
    page = (limited.run_ / "report.html").read_text()
    assert "Best trade-offs" in page
    assert knee["command"] in page


def test_other_limits_are_refused_when_a_run_goes_on(limited):
    x, y = squares()
    other = autoarch.ImageSearch(
        None, trials=3, constraints={"max_size": "8KB"}, objectives="accuracy,macs",
        output=limited.run_,
    )  # fmt: skip
    with pytest.raises(RunDirectoryError, match="max_size_bytes=9000, not 8000"):
        other.fit(x, y)


def test_a_soft_target_changes_the_score_and_not_the_metrics(tmp_path):
    x, y = squares()
    search = autoarch.ImageSearch(None, trials=1, prefer="macs=1k", output=tmp_path / "run")
    record = search.fit(x, y).trials_[0]
    metrics = SimpleNamespace(**record.last.metrics)
    assert record.score == pytest.approx(metrics.accuracy * (metrics.macs / 1000) ** -0.07)
    assert search.result_["preferred"]["used"]["macs"] == metrics.macs == record.macs
    told = f"target      macs {record.macs:,} where 1,000 were preferred"
    assert told in search.summary()
