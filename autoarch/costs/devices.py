"""Device profiles: what a class of devices holds, read from a small TOML file.

description = "Camera board"

[limits]                  # each is optional
max_size = "1MB"          # of the int8 file; amounts as in `Constraints`
max_ram = "256KB"         # of the int8 activations
max_macs = "50M"
max_latency = "20ms"      # needs a table

[ops]
runs = ["conv_2d", "add"] # LiteRT's builtins that the device runs; left out: all of them

[latency]
table = "board.csv"       # beside this file; written on the device by `autoarch latency`
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from autoarch.architecture import Architecture
from autoarch.costs.constraints import COST_UNITS, Constraints
from autoarch.costs.latency import LatencyTable
from autoarch.costs.model_costs import model_costs
from autoarch.errors import InvalidInputError

LIMITS = {f"max_{cost}" for cost in COST_UNITS}


@dataclass(frozen=True)
class DeviceProfile:
    """A class of devices.

    Args:
        name: What users call it.
        description: One line.
        limits: What a network may cost.
        runs: LiteRT builtins that the device runs, in lower case; None for all.
        latency: Measured on such a device, or None.
    """

    name: str
    description: str
    limits: Constraints = field(default_factory=Constraints)
    runs: frozenset[str] | None = None
    latency: LatencyTable | None = None

    def missing_ops(self, architecture: Architecture) -> frozenset[str]:
        """LiteRT builtins that the network needs and the device does not run."""
        if self.runs is None:
            return frozenset()
        return frozenset(op.kind for op in model_costs(architecture).lite_graph.ops) - self.runs


def profile_names() -> list[str]:
    """Names of the profiles that come along."""
    folder = resources.files("autoarch.templates") / "devices"
    return sorted(
        file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
    )


def load_profile(name_or_path: str | Path) -> DeviceProfile:
    """Reads a profile.

    Args:
        name_or_path: One of `profile_names()`, or the path of a TOML file.

    Raises:
        InvalidInputError: There is no such profile, or the file is malformed; the one line says
            where.

    Example:
        >>> load_profile("microcontroller").limits.max_ram
        192000.0
    """
    name = str(name_or_path)
    if name in profile_names():
        folder = resources.files("autoarch.templates") / "devices"
        return _parse(name, (folder / f"{name}.toml").read_text(encoding="utf-8"), None)
    path = Path(name_or_path)
    if not path.is_file():
        raise InvalidInputError(
            f"There is no device profile {name!r}: give one of {', '.join(profile_names())}, or "
            "the path of a TOML file."
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"Device profile {path} cannot be read: {error}.") from error
    return _parse(path.stem, text, path)


def _parse(name: str, text: str, path: Path | None) -> DeviceProfile:
    where = f"Device profile {path or name}"
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInputError(f"{where} is not TOML: {error}.") from error
    _only(data, {"description", "limits", "ops", "latency"}, where)
    description = data.get("description", "")
    if not isinstance(description, str) or "\n" in description:
        raise InvalidInputError(f"{where}: `description` must be one line of text.")
    limits = _section(data, "limits", LIMITS, where)
    ops = _section(data, "ops", {"runs"}, where).get("runs")
    if ops is not None and not (isinstance(ops, list) and all(isinstance(o, str) for o in ops)):
        raise InvalidInputError(f"{where}: `ops.runs` must be a list of names; got {ops!r}.")
    table = _section(data, "latency", {"table"}, where).get("table")
    if table is not None and (path is None or not isinstance(table, str)):
        raise InvalidInputError(f"{where}: `latency.table` must name a CSV file; got {table!r}.")
    return DeviceProfile(
        name,
        description,
        _limits(limits, where),
        frozenset(ops) if ops is not None else None,
        LatencyTable.from_csv(path.parent / table) if path and table is not None else None,
    )


def _limits(limits: Mapping[str, Any], where: str) -> Constraints:
    try:
        return Constraints(**limits)
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}: {error}") from error


def _section(data: Mapping[str, Any], key: str, known: set[str], where: str) -> dict[str, Any]:
    section = data.get(key, {})
    if not isinstance(section, dict):
        raise InvalidInputError(f"{where}: `{key}` must be a section, [{key}]; got {section!r}.")
    _only(section, known, f"{where}, section [{key}]")
    return section


def _only(data: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(data) - known):
        raise InvalidInputError(
            f"{where} has an unknown entry {unknown[0]!r}; known are {', '.join(sorted(known))}."
        )
