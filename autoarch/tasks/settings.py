"""What a user may ask of a search, checked and stored with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from inspect import isfunction
from pathlib import Path
from typing import Any

from autoarch.costs.budgets import Budgets
from autoarch.costs.constraints import Constraints
from autoarch.errors import InvalidInputError
from autoarch.objectives import Objective, get_objective, preferring
from autoarch.oracles import KERAS_TUNER_ORACLES, ORACLES
from autoarch.spaces import (
    NAMED,
    SPACES,
    CellSpace,
    MobileSpace,
    PretrainedSpace,
    SpeechSpace,
    Steering,
)
from autoarch.spaces.steering import parse_wishes
from autoarch.tasks.limits import FRONT_ORACLES, LIMITS_OF_FLOATS, budgets_of

ORACLE_NAMES = ("auto", *ORACLES, *KERAS_TUNER_ORACLES)
SPACE_NAMES = ("auto", *SPACES, PretrainedSpace.name, SpeechSpace.name, "text")
CLASS_WEIGHTS = ("auto", "none")
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
MIRRORS = ("auto", "none")
SHIPS = ("float", "float16", "int8")
RELAXED_SPACES = {
    "darts": CellSpace.name,
    "darts-second-order": CellSpace.name,
    "fbnet": MobileSpace.name,
    "proxyless": MobileSpace.name,
}
"""The spaces that evaluators relax: what "auto" stands for with them."""

EVALUATORS = ("train", "one-shot", "zero-cost", *RELAXED_SPACES)
USUAL_SPACES = ("auto", "residual", "text", "speech")
"""Those that are searched where nobody asks for one."""
MOST_MEMBERS = 16
MOST_FOLDS = 20
SMALLEST_SIDE, LARGEST_SIDE = 4, 1024
SHORTEST_S, LONGEST_S = 0.1, 60.0


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidInputError(f"`{name}` must be one of {', '.join(allowed)}; got {value!r}.")


@dataclass(frozen=True)
class Settings:
    """A search's settings; the constructor arguments of the task classes, in canonical form.

    Args:
        time_limit_s: Seconds for everything, or None.
        trials: Most trials, or None.
        oracle: One of `ORACLE_NAMES`.
        space: One of `SPACE_NAMES`; or, of a space of the user's own, where Python has it, as
            "module:name".
        objective: Name of an objective.
        image_size: Side of the square picture the network sees, or None to choose it.
        valid: Share of the training data, or a folder, or None for the usual share.
        test: Share of the data, 0 for none, or a folder, or None.
        class_weight: "auto" or "none".
        precision: One of `PRECISIONS`.
        seed: Of everything random.
        inherit: Whether networks begin with the weights of similar ones.
        mirror: One of `MIRRORS`.
        pretrained: File or folder of weights of networks that come trained, or a name; or None.
        ship: Numbers of the LiteRT file that is shipped, one of `SHIPS`.
        max_size_bytes: Most bytes of the LiteRT file that is shipped, or None.
        constraints: Limits as `Constraints.to_json` has them, or None.
        prefer: Soft targets by cost, or None.
        objectives: A metric and costs, joined by commas, or None for `objective` alone.
        mobile: Whether this was asked for as the preset for phones.
        group: How speakers are told: "auto", "none", a column or a pattern.
        clip_seconds: Length of sound the network hears, or None to choose it.
        rate: Of waveforms in arrays, samples a second, or None.
        text_column, label_column: Columns of a table of texts, or None to guess.
        vectors: File of pretrained word vectors, or None.
        evaluator: How candidates are measured, one of `EVALUATORS`.
        architecture: Name of the only network to train, or None to search.
        preset: Trial 0's values of decisions, by name, or None. See `Steering`.
        fixed: Values of decisions that stay, or None.
        forbidden: Values of decisions that are never proposed, or None.
        warm_start: Directory of an earlier run whose best networks are proposed first, or None.
        ensemble: Most networks whose answers are averaged, 1 for one network, or None for an
            average where there is time for it and nothing else is asked for. Under a limit the
            average teaches one network.
        folds: Splits that each trial is trained and measured on, or None for as many as a small
            validation part needs and the time allows.

    Raises:
        InvalidInputError: A value is not allowed.
    """

    time_limit_s: float | None
    trials: int | None
    oracle: str
    space: str
    objective: str
    valid: float | str | None
    test: float | str | None
    class_weight: str
    precision: str
    seed: int
    inherit: bool = False
    image_size: int | None = None
    mirror: str = "auto"
    pretrained: str | None = None
    ship: str = "float"
    max_size_bytes: int | None = None
    constraints: Mapping[str, Any] | None = None
    prefer: Mapping[str, float] | None = None
    objectives: str | None = None
    mobile: bool = False
    group: str = "auto"
    clip_seconds: float | None = None
    rate: int | None = None
    text_column: str | None = None
    label_column: str | None = None
    vectors: str | None = None
    evaluator: str = "train"
    architecture: str | None = None
    preset: Mapping[str, Any] | None = None
    fixed: Mapping[str, Any] | None = None
    forbidden: Mapping[str, list[Any]] | None = None
    warm_start: str | None = None
    ensemble: int | None = None
    folds: int | None = None

    def __post_init__(self) -> None:
        _one_of("oracle", self.oracle, ORACLE_NAMES)
        if not self.has_own_space:
            _one_of("space", self.space, SPACE_NAMES)
        if self.architecture is not None:
            _one_of("architecture", self.architecture, tuple(NAMED))
            if self.space != "auto":
                raise InvalidInputError(
                    f"`architecture` is the only network that is trained; it does not go with "
                    f"space={self.space!r}."
                )
        _one_of("class_weight", self.class_weight, CLASS_WEIGHTS)
        _one_of("precision", self.precision, PRECISIONS)
        _one_of("mirror", self.mirror, MIRRORS)
        _one_of("ship", self.ship, SHIPS)
        _one_of("evaluator", self.evaluator, EVALUATORS)
        relaxed = RELAXED_SPACES.get(self.evaluator, self.space)
        if self.space != relaxed:
            raise InvalidInputError(
                f"`evaluator` {self.evaluator} relaxes the space {relaxed} of images; got "
                f"space={self.space!r}."
            )
        get_objective(self.objective)
        beyond = sorted(set(self.constraints or {}) - set(LIMITS_OF_FLOATS))
        if (beyond or self.mobile) and self.ship != "int8":
            raise InvalidInputError(
                f"{', '.join(beyond) or '`mobile`'}: limits of this kind hold for the int8 file; "
                f"they do not go with ship={self.ship!r} (--quantize)."
            )
        if self.objectives and (self.prefer or self.oracle not in FRONT_ORACLES):
            raise InvalidInputError(
                f"`objectives` go with the oracles {', '.join(FRONT_ORACLES)} and without "
                f"`prefer`; got oracle={self.oracle!r}, prefer={self.prefer!r}."
            )
        if not isinstance(self.inherit, bool):
            raise InvalidInputError(f"`inherit` must be True or False; got {self.inherit!r}.")
        if self.trials is not None and (not _is_int(self.trials) or self.trials < 1):
            raise InvalidInputError(f"`trials` must be a positive integer; got {self.trials!r}.")
        if self.max_size_bytes is not None and (
            not _is_int(self.max_size_bytes) or self.max_size_bytes < 1
        ):
            raise InvalidInputError(
                f"`max_size_bytes` must be a positive integer; got {self.max_size_bytes!r}."
            )
        if (self.space == PretrainedSpace.name) > (self.pretrained is not None):
            raise InvalidInputError(
                "`space` pretrained needs `pretrained`: a file of weights, a folder of such files, "
                "or a name such as mobilenet."
            )
        if self.pretrained is not None and self.space not in ("auto", PretrainedSpace.name):
            raise InvalidInputError(
                f"`pretrained` goes with `space` auto or pretrained; got {self.space!r}."
            )
        if self.pretrained is not None and self.evaluator == "zero-cost":
            raise InvalidInputError(
                "`evaluator` zero-cost scores networks with fresh weights; it does not go with "
                "`pretrained`."
            )
        if self.pretrained is not None and self.architecture is not None:
            raise InvalidInputError(
                "`architecture` is trained from scratch; leave out `pretrained`, or the other."
            )
        if self.warm_start is not None and (self.architecture or self.evaluator != "train"):
            raise InvalidInputError(
                "`warm_start` says which networks are trained first; it does not go with "
                "`architecture`, nor with evaluators other than train."
            )
        if self.ensemble is not None:
            self._check_ensemble()
        if self.folds is not None:
            self._check_folds()
        if self.image_size is not None and (
            not _is_int(self.image_size) or not SMALLEST_SIDE <= self.image_size <= LARGEST_SIDE
        ):
            raise InvalidInputError(
                f"`image_size` must be an integer in [{SMALLEST_SIDE}, {LARGEST_SIDE}]; "
                f"got {self.image_size!r}."
            )
        if not isinstance(self.group, str) or not self.group:
            raise InvalidInputError(f"`group` must be a text, as auto; got {self.group!r}.")
        if self.clip_seconds is not None and not (
            SHORTEST_S <= float(self.clip_seconds) <= LONGEST_S
        ):
            raise InvalidInputError(
                f"`clip_seconds` must be in [{SHORTEST_S:g}, {LONGEST_S:g}]; "
                f"got {self.clip_seconds!r}."
            )
        if not _is_int(self.seed) or not 0 <= self.seed < 2**32:
            raise InvalidInputError(
                f"`seed` must be an integer in [0, 4294967295]; got {self.seed!r}."
            )

    def _check_ensemble(self) -> None:
        members = self.ensemble
        if not _is_int(members) or not 1 <= (members or 0) <= MOST_MEMBERS:
            raise InvalidInputError(
                f"`ensemble` must be an integer in [1, {MOST_MEMBERS}]; got {self.ensemble!r}."
            )
        if self.averages and (self.objectives or self.prefer or self.architecture):
            raise InvalidInputError(
                "`ensemble` averages several networks, so it does not go with targets, "
                "`objectives`, nor with `architecture`."
            )

    def _check_folds(self) -> None:
        if not _is_int(self.folds) or not 1 <= (self.folds or 0) <= MOST_FOLDS:
            raise InvalidInputError(
                f"`folds` must be an integer in [1, {MOST_FOLDS}]; got {self.folds!r}."
            )
        if self.folds != 1 and not self.can_fold:
            raise InvalidInputError(
                "`folds`: networks that begin with weights of others are measured on one split; "
                "leave out `inherit` and `pretrained`, and evaluators other than train."
            )

    def require_searchable(self) -> None:
        """Raises `InvalidInputError` for what a search cannot do, though its result may be used."""
        if self.architecture is not None and self.evaluator != "train":
            raise InvalidInputError(
                "`architecture` is the only network that is trained; there is nothing for "
                f"`evaluator` {self.evaluator} to look for."
            )
        if self.pretrained is not None and self.inherit:
            raise InvalidInputError(
                "`pretrained` networks begin with weights of their own; leave out `inherit`."
            )
        if "latency" in self.priced:
            self.budgets.latency_model()

    @property
    def can_fold(self) -> bool:
        """Whether a trial can be trained on several splits: what it begins with has seen none."""
        return not self.inherit and self.pretrained is None and self.evaluator == "train"

    @property
    def asks_for_search(self) -> bool:
        """Whether other networks are wanted than the one that is known to be strong, however
        little time there is for them."""
        wished = (self.objectives, self.prefer, self.averages, self.warm_start)
        several = self.trials is not None and self.trials > 1
        return any(wished) or several or self.evaluator != "train" or self.space not in USUAL_SPACES

    @property
    def averages(self) -> bool:
        """Whether an average of several networks is asked for."""
        return self.ensemble is not None and self.ensemble > 1

    @property
    def may_average(self) -> bool:
        """Whether an average may be shipped that nobody has asked for: nothing was said of which
        networks are wanted, nor of what they may cost."""
        return (
            (self.ensemble is None and self.trials is None and self.architecture is None)
            and self.time_limit_s is not None
            and not (self.asks_for_search or self.is_limited or self.steering)
            # networks that begin alike err alike; tables of vectors would be in each of them
            and not (self.inherit or self.vectors)
        )

    @property
    def is_limited(self) -> bool:
        """Whether what is shipped has to keep limits or is in integers."""
        return self.ship == "int8" or bool(self.budgets) or self.max_size_bytes is not None

    @property
    def teaches(self) -> bool:
        """Whether an average of networks is only the teacher of the one that is shipped."""
        return self.averages and self.is_limited

    @property
    def has_own_space(self) -> bool:
        """Whether the space is one that only the user's Python has."""
        return ":" in self.space

    @property
    def steering(self) -> Steering:
        """What the user has decided beforehand."""
        return Steering(self.preset or {}, self.fixed or {}, self.forbidden or {})

    @property
    def budgets(self) -> Budgets:
        """The limits with what is needed to hold a network against them.

        Raises:
            InvalidInputError: See `budgets_of`.
        """
        return budgets_of(self.constraints, half=self.ship == "float16")

    @property
    def searched(self) -> Objective:
        """What the search goes by: the objective, weighed where there are targets."""
        return preferring(get_objective(self.objective), self.prefer or {})

    @property
    def priced(self) -> tuple[str, ...]:
        """The costs that the search looks at: limits, targets and objectives."""
        limited = Constraints.of(self.constraints).limits
        costs = (self.objectives or "").split(",")[1:]
        return tuple(dict.fromkeys([*limited, *(self.prefer or {}), *costs]))

    @property
    def counts_work(self) -> bool:
        """Whether the work of an answer is held against a limit, a target or other networks."""
        given = Constraints.of(self.constraints)
        compared = bool(self.prefer or self.objectives or given.device)
        return compared or not set(given.limits) <= {"size", "params"}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Settings:
        return cls(**data)


def canonical_values(name: str, wishes: Any) -> dict[str, Any] | None:
    """One value for each decision, from a mapping or from texts like "width=32"; None for none.

    Raises:
        InvalidInputError: A decision is given two values, or a text is not of this form.
    """
    found = parse_wishes(wishes)
    for decision, values in found.items():
        if len(values) != 1:
            raise InvalidInputError(
                f"`{name}` takes one value for `{decision}`; got {', '.join(map(repr, values))}."
            )
    return {decision: value for decision, (value,) in found.items()} or None


def space_name(space: Any) -> str:
    """The name of a space, or where Python has it where it is a user's own.

    >>> space_name("mobile")
    'mobile'
    """
    if isinstance(space, str):
        return space
    while isinstance(space, partial):
        space = space.func
    home = space if isinstance(space, type) or isfunction(space) else type(space)
    return f"{home.__module__}:{home.__qualname__}"


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def as_share_or_path(value: float | str | Path | None) -> float | str | None:
    """A number, or a text such as "0.15" or "15%", is a share; anything else a path.

    >>> as_share_or_path("15%"), as_share_or_path("held/out")
    (0.15, 'held/out')
    """
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return text
