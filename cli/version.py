"""The version, read from the installed package without importing the package itself."""

from __future__ import annotations

import click


def version(distribution: str = "autoarch") -> str:
    """The installed version of a distribution, or "not installed"."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(distribution)
    except PackageNotFoundError:
        return "not installed"


def print_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    """Callback of `--version`: prints the version and ends."""
    if asked and not context.resilient_parsing:
        click.echo(f"autoarch {version()}")
        context.exit()
