"""What a later sitting finds of an earlier one."""

from types import SimpleNamespace

from autoarch import ImageSearch
from autoarch.search.progress import Progress
from autoarch.tasks.session import Session
from autoarch.trials import TrialLog


def test_who_began_the_final_training_stays_the_winner(tmp_path):
    settings, clock = ImageSearch(60.0)._settings(), SimpleNamespace(limit_s=60.0)
    with TrialLog(tmp_path / "trials.jsonl") as log:
        session = Session(None, settings, None, log, clock, Progress())
        search = SimpleNamespace(trials=["first", "second", "third"])
        assert session._begun(search) is None and not session._searched
        for trial in (2, 1):  # the others are those of an average
            log.append("final", t=50.0, trial=trial)
        assert session._begun(search) == "third" and session._searched
