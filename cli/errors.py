"""How a failure reaches the user: one line on stderr and an exit code that says whose fault it is.

| exit code | meaning |
| --- | --- |
| 1 | the run failed, or some of the files of `predict` did |
| 2 | what was given cannot be used: wrong option, bad data, nowhere to write |
| 130, 143 | interrupted (Ctrl-C), terminated |
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from autoarch.cli.version import version

from autoarch.errors import AutoArchError

INTERRUPTED = 130
TERMINATED = 143

# The disk or the rights of the user, not the program: a line says more than a traceback.
_ENVIRONMENT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}


class Failure(click.ClickException):
    """Ends the program with a line on stderr.

    Args:
        message: The line; "Error: " is put before it.
        exit_code: What the shell sees.
    """

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance


class Interrupted(click.ClickException):
    """Ends the program after Ctrl-C or a request to terminate.

    Args:
        run: The run that was under way and can be gone on with, or None.
        exit_code: `INTERRUPTED` or `TERMINATED`.
    """

    def __init__(self, run: Path | None = None, exit_code: int = INTERRUPTED):
        end = "Interrupted" if exit_code == INTERRUPTED else "Terminated"
        hint = f" Go on with: autoarch resume {run}" if run is not None else ""
        super().__init__(f"{end}.{hint}")
        self.exit_code = exit_code  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: object = None) -> None:
        click.echo(self.message, err=True)


@contextmanager
def reported() -> Iterator[None]:
    """Turns whatever a command raises into what click shows and exits with.

    Errors of click and a closed pipe pass through: click knows what to do with them.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except AutoArchError as error:
        raise Failure(_one_line(error), error.exit_code) from error
    except KeyboardInterrupt as error:
        raise Interrupted from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        if error.errno not in _ENVIRONMENT_ERRORS:
            raise _bug(error) from error
        where = f"{error.filename}: " if error.filename else ""
        raise Failure(f"{where}{error.strerror}.", exit_code=2) from error
    except Exception as error:
        raise _bug(error) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _bug(error: Exception) -> Failure:
    """Prints the traceback of what nobody foresaw; the last line says where to take it."""
    import traceback

    traceback.print_exception(error, file=sys.stderr)
    return Failure(
        f"that was unexpected. Please report it on AutoArch's issue tracker with the lines above "
        f"and the output of `autoarch info` (version {version()})."
    )
