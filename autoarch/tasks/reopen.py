"""Ways back to a run from another process."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from autoarch.errors import RunDirectoryError
from autoarch.search.progress import Progress
from autoarch.tasks.base import BaseSearch
from autoarch.tasks.image import ImageSearch
from autoarch.tasks.runs import is_finished, tell_finished
from autoarch.tasks.settings import Settings
from autoarch.tasks.speech import SpeechSearch
from autoarch.tasks.text import TextSearch
from autoarch.trials import RunDirectory

_TASKS: dict[str, type[BaseSearch]] = {
    search.task: search for search in (ImageSearch, SpeechSearch, TextSearch)
}


def _estimator(run: RunDirectory, progress: Progress | None) -> BaseSearch:
    """The estimator with the settings that the run was started with."""
    stored = run.settings()
    task = stored.get("task")
    if task not in _TASKS:
        raise RunDirectoryError(
            f"{run.root} is a run of the unknown task {task!r}; use the version that made it."
        )
    settings = Settings.from_json(stored["settings"]).to_json()
    search = _TASKS[task]
    taken = {field.name for field in fields(search)}
    given = {name: value for name, value in settings.items() if name in taken}
    return search(settings["time_limit_s"], **given, output=run.root, progress=progress)


def load(run: str | Path) -> BaseSearch:
    """The fitted estimator of a finished run, in any process.

    Args:
        run: Directory of the run.

    Raises:
        RunDirectoryError: It is not a run, or an unfinished one.

    Example:
        >>> import autoarch
        >>> autoarch.load("runs/photos").predict(["new.jpg"])            # doctest: +SKIP
        array(['cat'], dtype='<U3')
    """
    directory = RunDirectory(Path(run))
    estimator = _estimator(directory, None)
    if not is_finished(directory):
        raise RunDirectoryError(
            f"{directory.root} is unfinished; go on with `autoarch resume {directory.root}`."
        )
    return estimator._adopt(directory)


def resume(
    run: str | Path,
    time: str | float | None = None,
    progress: Progress | None = None,
    started: float | None = None,
) -> BaseSearch:
    """Goes on with a run that was interrupted, on the same data; the time spent counts.

    Args:
        run: Directory of the run.
        time: Another time limit for all of it; None for the one it was started with.
        progress: Is told how the run goes.
        started: `time.monotonic()` from which this sitting counts; now where left out.

    Raises:
        RunDirectoryError: It is not a run, or its data is not where it was.
    """
    directory = RunDirectory(Path(run))
    estimator = _estimator(directory, progress)
    if is_finished(directory):
        tell_finished(directory, progress)
        return estimator._adopt(directory)
    if ":" in (space := str(directory.settings()["settings"]["space"])):
        raise RunDirectoryError(
            f"{directory.root} searches a space of its own, {space}, which only Python has; call "
            f"`fit` there with the same data, space and settings and output={str(run)!r}."
        )
    data = directory.settings()["data"]
    if not (Path(data).exists() or data.startswith("demo:")):
        raise RunDirectoryError(
            f"{directory.root} was run on {data}, which is not here; "
            "in Python, call `fit` with the same data and output."
        )
    if time is not None:
        estimator.time = time
        estimator.resume = True
    return estimator.fit(data, started=started)
