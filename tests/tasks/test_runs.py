"""What a run leaves behind that was refused before it had a trial."""

import pytest

from autoarch import TextSearch
from autoarch.errors import AutoArchError, InvalidInputError
from autoarch.tasks.runs import fresh_run_removed_on_error, missing_directories
from autoarch.trials import RunDirectory, TrialLog

TEXTS = [f"what a lovely meal number {i}" for i in range(12)]
TEXTS += [f"never again , cold soup {i}" for i in range(12)]
LABELS = ["good"] * 12 + ["bad"] * 12


@pytest.mark.parametrize("asked", [{"forbidden": ["nosuch=1"]}, {"constraints": {"max_params": 9}}])
def test_a_search_that_is_refused_leaves_no_directory(tmp_path, asked):
    search = TextSearch(None, trials=1, output=tmp_path / "runs" / "a", **asked)
    with pytest.raises(InvalidInputError):
        search.fit(TEXTS, LABELS)
    assert list(tmp_path.iterdir()) == []


def begin(root):
    made = missing_directories(root)
    run = RunDirectory(root)
    run.create({})
    return run, made


def refuse(run, made, *, fresh=True):
    with (
        pytest.raises(AutoArchError, match="no"),
        fresh_run_removed_on_error(run, fresh=fresh, made=made),
    ):
        raise AutoArchError("no")


def test_only_what_the_run_made_goes(tmp_path):
    (tmp_path / "given").mkdir()
    refuse(*begin(tmp_path / "given"))
    assert (tmp_path / "given").is_dir() and not list((tmp_path / "given").iterdir())
    run, made = begin(tmp_path / "runs" / "a")
    (tmp_path / "runs" / "b").mkdir()
    refuse(run, made)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["b"]


def test_a_run_with_a_trial_or_of_an_earlier_sitting_stays(tmp_path):
    run, made = begin(tmp_path / "a")
    refuse(run, made, fresh=False)
    assert run.exists()
    with TrialLog(run.log_file) as log:
        log.append("proposed", t=0.1, trial=0, decisions={}, key="k", params=1, macs=1)
    refuse(run, made)
    assert run.exists() and run.log_file.is_file()
