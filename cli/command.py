"""The click classes that all commands share: options in sections, examples, a cheap `--version`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from autoarch.cli.errors import reported
from autoarch.cli.version import print_version

# One pair for each example: what it is for, and the command.
Examples = Sequence[tuple[str, str]]

CONTEXT = {"help_option_names": ["-h", "--help"]}


class Option(click.Option):
    """An option that belongs to a section of the help page.

    Args:
        section: Heading under which `--help` lists it.
    """

    def __init__(self, *args: Any, section: str, **settings: Any):
        super().__init__(*args, **settings)
        self.section = section


def _version_option(*, hidden: bool) -> click.Option:
    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        hidden=hidden,
        callback=print_version,
        help="Show the version and exit.",
    )


def _write_examples(formatter: click.HelpFormatter, examples: Examples) -> None:
    with formatter.section("Examples"):
        for purpose, line in examples:
            formatter.write(f"{'':>{formatter.current_indent}}# {purpose}\n")
            formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Command(click.Command):
    """A command whose help lists its options by section and ends with examples.

    Args:
        examples: Pairs of (what it is for, command line).
    """

    def __init__(self, *args: Any, examples: Examples, **settings: Any):
        settings["context_settings"] = {**CONTEXT, **settings.get("context_settings", {})}
        super().__init__(*args, **settings)
        self.params.append(_version_option(hidden=True))
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        options = [option for option in self.get_params(ctx) if isinstance(option, click.Option)]
        has_sections = any(isinstance(option, Option) for option in options)
        for option in options:
            record = option.get_help_record(ctx)
            if record is not None:  # None for a hidden one
                others = "Other options" if has_sections else "Options"
                section = option.section if isinstance(option, Option) else others
                sections.setdefault(section, []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records)
        _write_examples(formatter, self.examples)


class Group(click.Group):
    """The top command: lists its commands in the order given, and turns errors into exit codes."""

    def __init__(self, *args: Any, examples: Examples, **settings: Any):
        super().__init__(*args, context_settings=CONTEXT, **settings)
        self.params.append(_version_option(hidden=False))
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # as added: in the order of use, not of the alphabet

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_examples(formatter, self.examples)

    def invoke(self, ctx: click.Context) -> Any:
        with reported():
            return super().invoke(ctx)
