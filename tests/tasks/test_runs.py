"""What a run leaves behind that was refused before it had a trial."""

import pytest

from autoarch import TextSearch
from autoarch.errors import AutoArchError, InvalidInputError, RunDirectoryError
from autoarch.tasks.runs import fresh_run_removed_on_error, missing_directories, refuse_inside
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


def test_only_a_run_that_is_named_is_resumed():
    with pytest.raises(InvalidInputError, match="`resume` needs `output`"):
        TextSearch(None, resume=True).fit(TEXTS, LABELS)


def test_a_run_among_its_own_data_is_refused_and_one_beside_it_is_not(tmp_path):
    data = tmp_path / "reviews"
    for i, (text, label) in enumerate(zip(TEXTS, LABELS)):
        (data / label).mkdir(parents=True, exist_ok=True)
        (data / label / f"{i}.txt").write_text(text)
    with pytest.raises(RunDirectoryError, match="lies inside the data"):
        TextSearch(None, trials=1, output=data / "runs" / "a").fit(data)
    assert {path.name for path in data.iterdir()} == {"good", "bad"}
    refuse_inside(RunDirectory(tmp_path / "reviews-run"), data, "text")
    refuse_inside(RunDirectory(data / ".runs" / "a"), data, "text")
    for name in ("train", "test"):
        (data / name).mkdir()
    refuse_inside(RunDirectory(data / "runs" / "a"), data, "text")
    with pytest.raises(RunDirectoryError, match="lies inside the data"):
        refuse_inside(RunDirectory(data / "runs" / "a"), data, "image")


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
