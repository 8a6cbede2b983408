"""What a user decides beforehand: other values for trial 0, frozen decisions, forbidden values.

It works on any space, since it stands between the space and KerasTuner's `HyperParameters`: a
decision is restricted in the moment in which it is declared.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

from autoarch.errors import InvalidInputError
from autoarch.oracles.decisions import Decision, DecisionSpace
from autoarch.oracles.domains import Finite, Value

WIDTH = "width"
"""The decision that a space lies around: it may be set to any positive number."""


@dataclass(frozen=True)
class Steering:
    """Values by decision, or by the name that numbered decisions share.

    A name is that of a decision, `depth1`, or else of all those whose name ends in it when numbers
    behind it are left out: `depth` stands for `depth1`, `depth2`, ..., and `op` for `node1/op`,
    `node2/op`, ... A value that only some of these have is one for those.

    Args:
        preset: Values of trial 0; the search may leave them.
        fixed: Values that stay.
        forbidden: Values that are never proposed, one or several for a name.

    Example:
        >>> from autoarch.spaces import ResidualSpace
        >>> space = ResidualSpace((32, 32, 3), 10, width=16)
        >>> space.steer(Steering(fixed={"kernel": 5}, forbidden={"depth": [0, 3]}))
        >>> space.candidate({}).decisions["kernel"]
        5
        >>> DecisionSpace.from_hyperparameters(space.hyperparameters()).size() < 1e9
        True
    """

    preset: Mapping[str, Value] = field(default_factory=dict)
    fixed: Mapping[str, Value] = field(default_factory=dict)
    forbidden: Mapping[str, Sequence[Value]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.preset or self.fixed or self.forbidden)

    @property
    def width(self) -> int | None:
        """The width that trial 0 is to have, or None.

        Raises:
            InvalidInputError: It is no positive integer.
        """
        width = self.fixed.get(WIDTH, self.preset.get(WIDTH))
        if width is None or (type(width) is int and width > 0):
            return width
        raise InvalidInputError(f"`{WIDTH}` must be a positive integer; got {width!r}.")

    def rules(self, space: DecisionSpace, owner: str, *, strict: bool = True) -> dict[str, Rule]:
        """What holds for each decision of a space, by its name.

        Args:
            space: The decisions as they are declared.
            owner: Name of the space, for messages.
            strict: Whether names and values that the space does not have are refused, not skipped.

        Raises:
            InvalidInputError: No decision has the name, or none of those has the value; one name
                has two values; or nothing is left of a decision.
        """
        rules: dict[str, Rule] = {}
        asked = [("preset", *item) for item in self.preset.items()]
        asked += [("fixed", *item) for item in self.fixed.items()]
        asked += [("forbidden", n, v) for n, values in self.forbidden.items() for v in values]
        for kind, name, value in asked:
            meant = _meant(name, space)
            found = [(d.name, v) for d in meant if (v := _declared(d, value)) is not None]
            if not found and strict:
                raise _unknown(name, value, meant, space, owner)
            for decided, declared in dict(found).items():
                rules[decided] = rules.get(decided, Rule(decided)).joined(kind, declared)
        for decision in space.decisions:
            if decision.name in rules:
                rules[decision.name].allowed(decision)
        return rules


@dataclass(frozen=True)
class Rule:
    """What holds for one decision.

    Args:
        name: Of the decision.
        values: Trial 0's value, or the only one; at most one.
        is_fixed: Whether it is the only one.
        forbidden: Values that are never proposed.
    """

    name: str
    values: tuple[Value, ...] = ()
    is_fixed: bool = False
    forbidden: tuple[Value, ...] = ()

    def joined(self, kind: str, value: Value) -> Rule:
        """The rule with one more wish of the kind "preset", "fixed" or "forbidden"."""
        if kind == "forbidden":
            return Rule(self.name, self.values, self.is_fixed, (*self.forbidden, value))
        if self.values:
            raise InvalidInputError(
                f"`{self.name}` is given two values, {self.values[0]!r} and {value!r}; give one."
            )
        return Rule(self.name, (value,), kind == "fixed", self.forbidden)

    def allowed(self, decision: Decision) -> list[Value]:
        """The values that are left of a decision; all where it is not finite.

        Raises:
            InvalidInputError: None is left, or a value is wanted and forbidden.
        """
        domain = decision.domain
        if any(value in self.forbidden for value in self.values):
            raise InvalidInputError(f"`{self.name}` cannot be {self.values[0]!r}: it is forbidden.")
        if self.is_fixed and domain.contains(self.values[0]):
            return [self.values[0]]
        if not isinstance(domain, Finite):
            if self.forbidden:
                raise InvalidInputError(
                    f"`{self.name}` is any number from {domain}, of which none can be forbidden."
                )
            return []
        left = [value for value in domain.values if value not in self.forbidden]
        if not left:
            raise InvalidInputError(f"All values of `{self.name}` are forbidden; leave one.")
        return left

    def default(self, decision: Decision, allowed: Sequence[Value]) -> Value:
        """Trial 0's value: the wanted one, the declared one, or the nearest that is allowed."""
        for value in (*self.values, decision.default):
            if decision.domain.contains(value) and (value in allowed or not allowed):
                return value
        place = decision.domain.to_unit(decision.default)
        if decision.domain.ordered:
            return min(allowed, key=lambda value: abs(decision.domain.to_unit(value) - place))
        return allowed[0]


class SteeredHyperParameters(keras_tuner.HyperParameters):
    """Restricts each decision as it is declared.

    Args:
        rules: By name of the decision.
    """

    def __init__(self, rules: Mapping[str, Rule]):
        super().__init__()
        self._rules = rules

    def _register(self, hyperparameter: Any, overwrite: bool = False) -> Any:
        rule = self._rules.get(hyperparameter.name)
        if rule is not None:
            hyperparameter = _restricted(hyperparameter, rule)
        self._validate_name(hyperparameter.name)
        # KerasTuner copies through JSON and back, in two thirds of the time of a candidate. What
        # must be a copy is the list of conditions, which changes as scopes are left.
        own = copy(hyperparameter)
        own.conditions = list(hyperparameter.conditions)
        self._hps[own.name].append(own)
        self._space.append(own)
        if not self.is_active(own):
            return None
        if overwrite:
            self.values[own.name] = own.default
        return self.values.setdefault(own.name, own.default)


def _restricted(hp: Any, rule: Rule) -> Any:
    """The hyperparameter with the values and the default that a rule leaves."""
    declared = keras_tuner.HyperParameters()
    declared._space.append(hp)
    (decision,) = DecisionSpace.from_hyperparameters(declared).decisions
    allowed = rule.allowed(decision)
    default = rule.default(decision, allowed)
    if len(allowed) == 1:
        return kinds.Fixed(hp.name, default, conditions=hp.conditions)
    if not allowed or len(allowed) == decision.domain.size:
        return type(hp).from_config({**hp.get_config(), "default": default})
    return kinds.Choice(
        hp.name,
        allowed,
        ordered=decision.domain.ordered,
        default=default,
        conditions=hp.conditions,
    )


def group_of(name: str) -> str:
    """The name that numbered decisions share.

    >>> group_of("depth2"), group_of("node3/op"), group_of("normal/op1_2")
    ('depth', 'op', 'op')
    """
    last = name.rpartition("/")[2]
    return re.sub(r"[\d_]+$", "", last) or last


def _meant(name: str, space: DecisionSpace) -> list[Decision]:
    exact = [decision for decision in space.decisions if decision.name == name]
    return exact or [d for d in space.decisions if group_of(d.name) == name]


def _declared(decision: Decision, value: Value) -> Value | None:
    """The declared value that is meant; on the command line a text may look like a number."""
    found = decision.domain.declared(value)
    return decision.domain.declared(str(value)) if found is None else found


def _unknown(
    name: str, value: Value, meant: Sequence[Decision], space: DecisionSpace, owner: str
) -> InvalidInputError:
    if not meant:
        names = dict.fromkeys(_shown(decision.name, space) for decision in space.decisions)
        return InvalidInputError(
            f"There is no decision `{name}` in the {owner} space; there are: {', '.join(names)}."
        )
    domain = meant[0].domain
    values = (
        f"one of {', '.join(map(str, domain.values))}" if isinstance(domain, Finite) else domain
    )
    return InvalidInputError(f"`{name}` must be {values}; got {value!r}.")


def _shown(name: str, space: DecisionSpace) -> str:
    """A decision's name, or that of its group where there are several."""
    group = group_of(name)
    alike = {decision.name for decision in space.decisions if group_of(decision.name) == group}
    return group if len(alike) > 1 and group not in space.names else name


def parse_wishes(wishes: Mapping[str, Any] | Sequence[str] | str | None) -> dict[str, list[Value]]:
    """Values by name, from a mapping or from texts like "width=32".

    Raises:
        InvalidInputError: A text is not of the form NAME=VALUE, or a value is no scalar.

    Example:
        >>> parse_wishes(["op=conv5", "op=conv1", "width=32", "squeeze_excite=true"])
        {'op': ['conv5', 'conv1'], 'width': [32], 'squeeze_excite': [True]}
        >>> parse_wishes({"depth": (0, 3)})
        {'depth': [0, 3]}
    """
    found: dict[str, list[Value]] = {}
    if isinstance(wishes, Mapping):
        for name, value in wishes.items():
            several = isinstance(value, list | tuple | set | frozenset)
            found[str(name)] = list(value) if several else [value]
    else:
        for text in [wishes] if isinstance(wishes, str) else wishes or ():
            name, equals, value = str(text).partition("=")
            if not equals or not name.strip() or not value.strip():
                raise InvalidInputError(f"{text!r} must be of the form NAME=VALUE, as width=32.")
            found.setdefault(name.strip(), []).append(_scalar(value.strip()))
    for name, values in found.items():
        for value in values:
            if not isinstance(value, str | int | float):
                raise InvalidInputError(f"`{name}` must be a number, a text or a bool: {value!r}.")
    return found


def _scalar(text: str) -> Value:
    """A text as the bool or number that it says, or as it is."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
