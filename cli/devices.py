"""`autoarch devices`: the device profiles that come along."""

from __future__ import annotations

from typing import Any

import click
from autoarch.cli.command import Command


@click.command(
    cls=Command,
    short_help="List device profiles and their limits.",
    examples=[
        ("which devices are known", "autoarch devices"),
        ("a profile of one's own, a TOML file", "autoarch devices board.toml"),
    ],
)
@click.argument("profiles", metavar="[NAME|FILE]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def devices(profiles: tuple[str, ...], as_json: bool) -> None:
    """Print what devices hold: file, memory, multiply-adds and latency.

    Without NAME or FILE all profiles that come along are listed.
    """
    from autoarch.cli.text import table, to_json

    from autoarch.costs import load_profile, profile_names
    from autoarch.report import wording

    found = [load_profile(name) for name in profiles or profile_names()]
    if as_json:
        click.echo(to_json({profile.name: _facts(profile) for profile in found}))
        return
    rows = []
    for profile in found:
        limits = profile.limits
        rows.append(
            (
                profile.name,
                "-" if limits.max_size is None else wording.size(limits.max_size),
                "-" if limits.max_ram is None else wording.size(limits.max_ram),
                "-" if limits.max_macs is None else wording.short_count(limits.max_macs),
                "-" if limits.max_latency is None else f"{1e3 * limits.max_latency:g} ms",
                str(len(profile.latency.seconds)) if profile.latency else "-",
                profile.description,
            )
        )
    header = ("device", "file", "RAM", "multiply-adds", "latency", "table", "what it is")
    click.echo(table(header, rows, left=(0, 6)))


def _facts(profile: Any) -> dict[str, Any]:
    limits = profile.limits
    return {
        "description": profile.description,
        "max_size_bytes": limits.max_size,
        "max_ram_bytes": limits.max_ram,
        "max_macs": limits.max_macs,
        "max_latency_s": limits.max_latency,
        "runs": None if profile.runs is None else sorted(profile.runs),
        "ops_in_latency_table": len(profile.latency.seconds) if profile.latency else None,
    }
