"""The run directory that a command was given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from autoarch.trials import RunDirectory

# Existence is checked by `find_run`, which can say more than click.
run_argument = click.argument("run", type=click.Path(path_type=Path))


def find_run(path: Path) -> RunDirectory:
    """The run at that path.

    Raises:
        RunDirectoryError: There is none; the message says what is there instead.
    """
    from autoarch.errors import RunDirectoryError
    from autoarch.trials import RunDirectory

    run = RunDirectory(path)
    if run.exists():
        return run
    if not path.exists():
        raise RunDirectoryError(f"No run at {path}: there is no such directory.")
    if not path.is_dir():
        raise RunDirectoryError(f"No run at {path}: it is a file; give the directory of a run.")
    hint = f"; did you mean {path.parent}?" if RunDirectory(path.parent).exists() else "."
    raise RunDirectoryError(f"No run at {path}: it holds no {run.settings_file.name}{hint}")
