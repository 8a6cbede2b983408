"""`autoarch devices`: the device profiles that come along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from autoarch.cli.command import Command

if TYPE_CHECKING:
    from autoarch.costs import DeviceProfile


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
        limits = profile.limits.limits
        rows.append(
            (
                profile.name,
                wording.size(limits["size"]) if "size" in limits else "-",
                wording.size(limits["ram"]) if "ram" in limits else "-",
                wording.short_count(limits["macs"]) if "macs" in limits else "-",
                f"{1e3 * limits['latency']:g} ms" if "latency" in limits else "-",
                str(len(profile.latency.seconds)) if profile.latency else "-",
                profile.description,
            )
        )
    header = ("device", "file", "RAM", "multiply-adds", "latency", "table", "what it is")
    click.echo(table(header, rows, left=(0, 6)))


def _facts(profile: DeviceProfile) -> dict[str, Any]:
    limits = profile.limits.limits
    whole = {cost: int(amount) for cost, amount in limits.items() if cost != "latency"}
    return {
        "description": profile.description,
        "max_size_bytes": whole.get("size"),
        "max_ram_bytes": whole.get("ram"),
        "max_macs": whole.get("macs"),
        "max_params": whole.get("params"),
        "max_latency_s": limits.get("latency"),
        "runs": None if profile.runs is None else sorted(profile.runs),
        "ops_in_latency_table": len(profile.latency.seconds) if profile.latency else None,
    }
