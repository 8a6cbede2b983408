"""`autoarch info`: versions, and what this machine offers."""

from __future__ import annotations

from contextlib import redirect_stdout
from typing import Any

import click
from autoarch.cli.command import Command


@click.command(
    cls=Command,
    short_help="Versions, devices, and what this machine offers.",
    examples=[
        ("look", "autoarch info"),
        ("attach to a bug report", "autoarch info --json > info.json"),
    ],
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(as_json: bool) -> None:
    """Print versions, devices, cores, memory, and what this machine is good for."""
    import sys

    from autoarch.cli.environment import start_tensorflow
    from autoarch.cli.machine import describe
    from autoarch.cli.text import to_json

    with redirect_stdout(sys.stderr):
        start_tensorflow()
        facts = describe()
    click.echo(to_json(facts) if as_json else _text(facts))


def _text(facts: dict[str, Any]) -> str:
    from autoarch.report import wording

    cpu, memory = facts["cpu"], facts["memory"]
    gpus = [
        f"{gpu['name']}, {gpu['device']}"
        + (f", compute capability {gpu['capability']}" if gpu["capability"] else "")
        for gpu in facts["gpus"]
    ]
    rows = [
        *facts["versions"].items(),
        ("system", facts["system"]),
        ("processor", f"{cpu['model']}: {cpu['usable_cores']} of {cpu['cores']} cores usable"),
        ("instructions", " ".join(cpu["features"]) or "none that matter are known"),
        (
            "memory",
            f"{wording.size(memory['usable_bytes'])} usable, "
            f"{wording.size(memory['available_bytes'])} free",
        ),
        ("GPUs", "; ".join(gpus) or "none that TensorFlow can use"),
        *(("settings", f"{name}={value}") for name, value in facts["environment"].items()),
        *(("advice", line) for line in facts["advice"]),
    ]
    longest = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{longest}}  {value}" for name, value in rows)
