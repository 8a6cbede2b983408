"""Finding or making the directory of a run, and knowing whether it may be continued."""

from __future__ import annotations

import datetime
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from autoarch.data.formats import is_ignored
from autoarch.data.split import SPLIT_OF_NAME
from autoarch.errors import AutoArchError, RunDirectoryError
from autoarch.objectives import get_objective
from autoarch.search.progress import Progress
from autoarch.tasks.result import default_output, versions
from autoarch.tasks.settings import Settings
from autoarch.tasks.task import Task
from autoarch.tasks.warm_start import read_evidence
from autoarch.trials import RunDirectory, events_of, read_events


def is_finished(run: RunDirectory) -> bool:
    """Whether the run came to its end."""
    return bool(events_of(read_events(run.log_file), "finished"))


def tell_finished(run: RunDirectory, progress: Progress | None) -> None:
    """Says that there is nothing to go on with: who asks again may want more training."""
    if progress is not None:
        progress.note(
            f"{run.root} is finished: nothing is trained. To go on from what it found, begin "
            f"another run with `--warm-start {run.root}`."
        )


def refuse_inside(run: RunDirectory, data: Any, task: str) -> None:
    """Raises `RunDirectoryError` where a new run would lie in the folder of its own data."""
    if run.exists() or not isinstance(data, str | Path) or not Path(data).is_dir():
        return
    parts = (SPLIT_OF_NAME.get(path.stem.lower()) for path in Path(data).iterdir())
    if task == "text" and "train" in parts:
        return  # tables or folders by split, beside which nothing is read
    root, folder = run.root.resolve(), Path(data).resolve()
    if root.is_relative_to(folder) and not any(map(is_ignored, root.relative_to(folder).parts)):
        raise RunDirectoryError(
            f"Output {run.root} lies inside the data {data}, where it would be read as a class; "
            "give `output` (--output) elsewhere."
        )


def choose_run(output: str | Path | None, name: str, settings: Settings, data: str) -> RunDirectory:
    """The directory for a run: the user's, or the first fitting one below `runs/`.

    Without `output`, an unfinished run of the same settings on the same data is continued, so
    that the same command goes on where it was killed; finished ones are left alone.
    """
    if output is not None:
        return RunDirectory(Path(output))
    base = default_output(name)
    for number in range(1, 10_000):
        run = RunDirectory(base if number == 1 else base.with_name(f"{base.name}-{number}"))
        if not run.root.exists():
            return run
        if run.exists() and not is_finished(run) and _same(run, settings, data):
            return run
    raise RunDirectoryError(f"{base.parent} holds too many runs; give `output`.")


def _same(run: RunDirectory, settings: Settings, fingerprint: str) -> bool:
    stored = run.settings()
    return stored.get("settings") == settings.to_json() and stored.get("fingerprint") == fingerprint


def check_continuable(
    run: RunDirectory, settings: Settings, fingerprint: str, *, more_time: bool
) -> None:
    """Makes sure that a run is continued as it was begun.

    Args:
        run: The existing run.
        settings: What is asked for now.
        fingerprint: Of the data given now.
        more_time: Whether another time limit is allowed (`--resume`).

    Raises:
        RunDirectoryError: Other settings, or other data; the message names the first.
    """
    stored = run.settings()
    if stored.get("fingerprint") != fingerprint:
        raise RunDirectoryError(
            f"{run.root} is a run on other data than given now; choose another output directory."
        )
    # A setting that came with a later version had its default.
    defaults = {f.name: f.default for f in fields(Settings) if f.default is not MISSING}
    before = {**defaults, **stored.get("settings", {})}
    for name, value in settings.to_json().items():
        if before.get(name) != value and not (more_time and name == "time_limit_s"):
            raise RunDirectoryError(
                f"{run.root} is a run with {name}={before.get(name)!r}, not {value!r}; "
                "choose another output directory or give the same settings."
            )


def run_description(task: Task, settings: Settings) -> dict[str, Any]:
    """What `run.json` says.

    Raises:
        InvalidInputError: Nothing can be learned from the earlier run; see `read_evidence`.
    """
    evidence = None
    if settings.warm_start is not None:  # its directory may be gone when this run is resumed
        evidence = read_evidence(
            settings.warm_start, task.name, settings.to_json(), get_objective(settings.objective)
        ).to_json()
    return {
        "task": task.name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "data": task.description,
        "settings": settings.to_json(),
        "fingerprint": task.fingerprint,
        **task.facts,
        "warm_start": evidence,
        "versions": versions(),
        "machine": {
            "system": platform.platform(),
            "processor": platform.machine(),
            "cores": os.cpu_count(),
        },
    }


def missing_directories(root: Path) -> list[Path]:
    """The directories that `root.mkdir(parents=True)` would make, the innermost first."""
    return [path for path in (root, *root.parents) if not path.exists()]


@contextmanager
def fresh_run_removed_on_error(
    run: RunDirectory, *, fresh: bool, made: Sequence[Path]
) -> Iterator[None]:
    """Removes what a run has made that is refused before it has a trial.

    Bad input leaves nothing half-written; a run that has trials keeps them whatever happens.

    Args:
        run: The run.
        fresh: Whether it began just now.
        made: What `missing_directories` gave before it began.
    """
    try:
        yield
    except AutoArchError:
        if fresh and not events_of(read_events(run.log_file), "proposed"):
            for path in list(run.root.iterdir()):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            with suppress(OSError):  # another run has begun beside it
                for directory in made:
                    directory.rmdir()
        raise
