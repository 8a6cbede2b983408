"""`autoarch spaces`: what there is to search, how much of it, and how large."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from autoarch.cli.command import Command
from autoarch.cli.latency import image_shape

if TYPE_CHECKING:
    from autoarch.oracles.domains import Domain
    from autoarch.spaces import Candidate, SearchSpace

_RATE, _SECONDS = 16_000, 1
_TEXT_ROWS, _TEXT_WORDS, _TEXT_BUCKETS = 64, 10_000, 5_000


@click.command(
    cls=Command,
    short_help="List the search spaces, their sizes and decisions.",
    examples=[
        ("what there is to search for small colour pictures", "autoarch spaces"),
        ("for photos of 96 pixels in 3 classes", "autoarch spaces --input 96x96x3 --classes 3"),
        ("what is decided in one, for --set, --fix and --forbid", "autoarch spaces topology"),
    ],
)
@click.argument("name", required=False)
@click.option(
    "--input",
    "shape",
    callback=image_shape,
    default="32x32x3",
    show_default=True,
    metavar="HxWxC",
    help="Shape of a picture.",
)
@click.option(
    "--classes", type=click.IntRange(min=2), default=10, show_default=True, help="Classes."
)
@click.option(
    "--width",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    help="Width of trial 0, around which a space lies.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def spaces(
    name: str | None, shape: tuple[int, int, int], classes: int, width: int, as_json: bool
) -> None:
    """List the spaces with the number of settings, the smallest and the largest network.

    With NAME its decisions are listed, too. Several settings may make the same network, which is
    then tried once. Speech and text networks are those for a second of sound and for 64 words.
    """
    from autoarch.cli.environment import start_tensorflow
    from autoarch.cli.text import to_json

    from autoarch.errors import InvalidInputError

    start_tensorflow()
    made = _spaces(shape, classes, width)
    if name is not None and name not in made:
        raise InvalidInputError(f"NAME must be one of {', '.join(made)}; got {name!r}.")
    found = {
        kind: _facts(*space, with_decisions=as_json or name is not None)
        for kind, space in made.items()
        if name in (None, kind)
    }
    click.echo(to_json(found) if as_json else _text(found))


def _spaces(
    shape: tuple[int, int, int], classes: int, width: int
) -> dict[str, tuple[str, SearchSpace]]:
    """Every space with the kind of data that it is for."""
    from autoarch.data.tokenizer import COLUMNS
    from autoarch.spaces import SPACES, SpeechSpace
    from autoarch.spaces.text import TextSpace

    made: dict[str, tuple[str, SearchSpace]] = {
        name: ("image", kind(shape, classes, width=width)) for name, kind in SPACES.items()
    }
    wave = (_RATE * _SECONDS,)
    made["speech"] = "speech", SpeechSpace(wave, classes, rate=_RATE, width=width)
    ids = (_TEXT_ROWS, COLUMNS)
    made["text"] = "text", TextSpace(ids, classes, words=_TEXT_WORDS, buckets=_TEXT_BUCKETS)
    return made


def _facts(data: str, space: SearchSpace, *, with_decisions: bool) -> dict[str, Any]:
    """What there is to say of one space, as plain values."""
    import math

    from autoarch.oracles.decisions import DecisionSpace

    declared = DecisionSpace.from_hyperparameters(space.hyperparameters()).decisions
    decisions = DecisionSpace(d for d in declared if not d.name.startswith("recipe/"))
    size = decisions.size()
    facts: dict[str, Any] = {
        "data": data,
        "settings": int(size) if math.isfinite(size) else None,
        "log10_settings": round(math.log10(size), 1) if math.isfinite(size) else None,
        "decisions": len(decisions.names),
        "smallest": _network(space.cheapest(lambda network: network.params)),
        "trial_0": _network(space.candidate({})),
        "largest": _network(space.cheapest(lambda network: -network.params)),
    }
    if with_decisions:
        facts["values"] = {
            decision.name: _values(decision.domain) for decision in decisions.decisions
        }
    return facts


def _values(domain: Domain) -> list[Any]:
    from autoarch.oracles.domains import Finite

    return list(domain.values) if isinstance(domain, Finite) else [str(domain)]


def _network(candidate: Candidate) -> dict[str, int | None]:
    from autoarch.costs import model_costs
    from autoarch.errors import InvalidArchitectureError

    costs = model_costs(candidate.architecture)
    try:
        int8 = costs.int8_file_bytes
    except InvalidArchitectureError:  # an op that small devices do not have
        int8 = None
    return {"params": costs.params, "macs": costs.macs, "int8_bytes": int8}


def _text(found: dict[str, dict[str, Any]]) -> str:
    from autoarch.cli.text import table

    from autoarch.report import wording

    def sizes(network: dict[str, int | None]) -> str:
        int8 = "-" if network["int8_bytes"] is None else wording.size(network["int8_bytes"])
        params, macs = wording.short_count(network["params"]), wording.short_count(network["macs"])
        return f"{params}, {macs}, {int8}"

    rows = []
    for name, facts in found.items():
        networks = (sizes(facts[kind]) for kind in ("smallest", "trial_0", "largest"))
        rows.append((name, facts["data"], str(facts["decisions"]), _count(facts), *networks))
    header = ("space", "data", "decisions", "settings", "smallest", "trial 0", "largest")
    lines = [table(header, rows, left=(0, 1)), "", "Networks: weights, multiply-adds, int8 file."]
    for facts in found.values():
        if "values" in facts:
            values = facts["values"].items()
            lines += ["", *(f"{name}: {', '.join(map(str, found))}" for name, found in values)]
    return "\n".join(lines)


def _count(facts: dict[str, Any]) -> str:
    settings, log10 = facts["settings"], facts["log10_settings"]
    if settings is None:
        return "-"
    return f"{settings:,}" if settings < 1_000_000 else f"10^{log10:g}"
