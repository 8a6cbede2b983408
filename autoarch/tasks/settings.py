"""What a user may ask of a search, checked and stored with the run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autoarch.errors import InvalidInputError
from autoarch.objectives import get_objective
from autoarch.oracles import KERAS_TUNER_ORACLES, ORACLES
from autoarch.spaces import SPACES, SpeechSpace

ORACLE_NAMES = ("auto", *ORACLES, *KERAS_TUNER_ORACLES)
SPACE_NAMES = ("auto", *SPACES, SpeechSpace.name, "text")
CLASS_WEIGHTS = ("auto", "none")
PRECISIONS = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
MIRRORS = ("auto", "none")
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
        space: One of `SPACE_NAMES`.
        objective: Name of an objective.
        image_size: Side of the square picture the network sees, or None to choose it.
        valid: Share of the training data, or a folder, or None for the usual share.
        test: Share of the data, 0 for none, or a folder, or None.
        class_weight: "auto" or "none".
        precision: One of `PRECISIONS`.
        seed: Of everything random.
        inherit: Whether networks begin with the weights of similar ones.
        mirror: One of `MIRRORS`.
        group: How speakers are told: "auto", "none", a column or a pattern.
        clip_seconds: Length of sound the network hears, or None to choose it.
        rate: Of waveforms in arrays, samples a second, or None.
        text_column, label_column: Columns of a table of texts, or None to guess.
        vectors: File of pretrained word vectors, or None.

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
    group: str = "auto"
    clip_seconds: float | None = None
    rate: int | None = None
    text_column: str | None = None
    label_column: str | None = None
    vectors: str | None = None

    def __post_init__(self) -> None:
        _one_of("oracle", self.oracle, ORACLE_NAMES)
        _one_of("space", self.space, SPACE_NAMES)
        _one_of("class_weight", self.class_weight, CLASS_WEIGHTS)
        _one_of("precision", self.precision, PRECISIONS)
        _one_of("mirror", self.mirror, MIRRORS)
        get_objective(self.objective)
        if not isinstance(self.inherit, bool):
            raise InvalidInputError(f"`inherit` must be True or False; got {self.inherit!r}.")
        if self.trials is not None and (not _is_int(self.trials) or self.trials < 1):
            raise InvalidInputError(f"`trials` must be a positive integer; got {self.trials!r}.")
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

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Settings:
        return cls(**data)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def as_share_or_path(value: float | str | Path | None) -> float | str | None:
    """`--valid` and `--test` come as text: a number is a share, anything else a path."""
    if value is None or isinstance(value, int | float):
        return value
    try:
        return float(str(value))
    except ValueError:
        return str(value)
