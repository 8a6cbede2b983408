"""`autoarch spaces`: counts and sizes against the spaces themselves."""

from __future__ import annotations

import json

from autoarch.cli.main import cli
from click.testing import CliRunner

from autoarch.costs import model_costs
from autoarch.spaces import SPACES, NasBench201Space, SpeechSpace
from autoarch.spaces.text import TextSpace


def test_counts_and_sizes_are_those_of_the_space(runner: CliRunner) -> None:
    arguments = ["spaces", "nasbench201", "--input", "16x16x3", "--classes", "5", "--width", "8"]
    found = json.loads(runner.invoke(cli, [*arguments, "--json"]).stdout)["nasbench201"]
    assert found["settings"] == 15_625 and found["data"] == "image"
    assert found["decisions"] == len(found["values"]) == 6
    assert all(len(values) == 5 for values in found["values"].values())
    default = NasBench201Space((16, 16, 3), 5, width=8).candidate({}).architecture
    assert found["trial_0"] == {
        "params": default.params,
        "macs": default.macs,
        "int8_bytes": model_costs(default).int8_file_bytes,
    }
    sizes = [found[kind]["params"] for kind in ("smallest", "trial_0", "largest")]
    assert sizes == sorted(sizes) and sizes[0] < sizes[2]


def test_every_space_is_listed(runner: CliRunner, monkeypatch) -> None:
    monkeypatch.setattr("autoarch.spaces.space.descend", lambda space, setting, use: setting)
    found = json.loads(runner.invoke(cli, ["spaces", "--json"]).stdout)
    assert list(found) == [*SPACES, SpeechSpace.name, TextSpace.name]
    assert all(facts["settings"] > 1000 for facts in found.values())
    said = runner.invoke(cli, ["spaces"]).stdout
    assert all(name in said for name in found) and "10^" in said


def test_decisions_and_mistakes(runner: CliRunner) -> None:
    assert "squeeze_excite: True, False" in runner.invoke(cli, ["spaces", "residual"]).stdout
    wrong = runner.invoke(cli, ["spaces", "residul"])
    assert wrong.exit_code == 2 and "residual, mobile, cell" in wrong.output
    assert runner.invoke(cli, ["spaces", "--input", "3x3x3"]).exit_code == 2
