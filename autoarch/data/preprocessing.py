"""The contract of a preprocessing: what turns raw examples into the network's input.

It is decided once, belongs to the trained model, and is exported with it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Signature:
    """One way of asking a SavedModel.

    Args:
        spec: A named `tf.TensorSpec` with the batch first. A string is a raw example's bytes, as
            from `Preprocessing.encode`; anything else is asked with the network's inputs.
        prepare: Graph function from such a batch to the network's inputs.
    """

    spec: Any
    prepare: Callable[[Any], Any]


class Preprocessing(ABC):
    """A value: what it says in JSON and its files are all that it is.

    Attributes:
        kind: The task that it is for: "image", ...
        noun: What one example is called in messages and in the model card.
        input_name: Of the input of exported networks, where one can be given.
        file_names: Of the files that it keeps beside `preprocessing.json`.
        has_int8: Whether networks on its inputs can be exported in integers.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    input_name: ClassVar[str]
    file_names: ClassVar[tuple[str, ...]] = ()
    has_int8: ClassVar[bool] = False

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of the network's input, without the batch."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """As JSON; a kind other than "image" is named in it as "kind"."""

    @classmethod
    @abstractmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""

    def save_files(self, directory: Path) -> None:  # noqa: B027
        """Writes the files of `file_names`; none by default."""

    @classmethod
    def load(cls, data: Mapping[str, Any], directory: Path) -> Self:
        """From JSON and the files in `directory`."""
        return cls.from_json(data)

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What `result.json` tells of it under "data"."""

    @abstractmethod
    def check_inputs(self, inputs: Array) -> None:
        """Raises ValueError where a batch has not the type and rank of the network's inputs."""

    @abstractmethod
    def encode(self, inputs: Array) -> list[bytes]:
        """Raw examples that become these inputs, to ask exported models with."""

    @abstractmethod
    def signatures(self) -> dict[str, Signature]:
        """The signatures of a SavedModel by name, "serving_default" among them."""

    def __init_subclass__(cls, **arguments: Any):
        super().__init_subclass__(**arguments)
        PREPROCESSINGS[cls.kind] = cls


PREPROCESSINGS: dict[str, type[Preprocessing]] = {}
"""By kind; a subclass registers by being imported."""


def load_preprocessing(data: Mapping[str, Any], directory: Path) -> Preprocessing:
    """Reads any preprocessing from its JSON and the files beside it.

    Raises:
        ValueError: An unknown kind; and whatever a damaged file gives.
    """
    kind = str(data.get("kind", "image"))
    if kind not in PREPROCESSINGS:
        raise ValueError(f"preprocessing of the unknown kind {kind!r}")
    return PREPROCESSINGS[kind].load(data, directory)
