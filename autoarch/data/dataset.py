"""The values that the data room hands on: examples in memory order, split once and for all.

They are the same for every kind of data; what is special to pictures is here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from autoarch.data.preprocessing import Array, Preprocessing, Signature

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ImagePreprocessing(Preprocessing):
    """What turns any picture into the network's input.

    Args:
        height: Rows of the input.
        width: Columns of the input.
        channels: 1 (grey) or 3 (red, green, blue).
    """

    kind: ClassVar[str] = "image"
    noun: ClassVar[str] = "image"
    input_name: ClassVar[str] = "pixels"
    has_int8: ClassVar[bool] = True

    height: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ValueError(f"`channels` must be 1 or 3; got {self.channels!r}.")
        if self.height < 1 or self.width < 1:
            raise ValueError(
                f"`height` and `width` must be positive; got {self.height!r} x {self.width!r}."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)`."""
        return self.height, self.width, self.channels

    def to_json(self) -> dict[str, int]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(int(data["height"]), int(data["width"]), int(data["channels"]))

    def facts(self) -> dict[str, Any]:
        return {"image_shape": list(self.shape)}

    def check_inputs(self, inputs: Array) -> None:
        if inputs.dtype != np.uint8 or inputs.ndim != 4:
            raise ValueError(
                "`inputs` of Samples must be uint8 of shape (n, height, width, channels); got "
                f"{inputs.dtype} of shape {inputs.shape}."
            )

    def encode(self, inputs: Array) -> list[bytes]:
        """Pictures as PNG files, which lose nothing."""
        import tensorflow as tf

        return [tf.io.encode_png(image).numpy() for image in inputs]

    def signatures(self) -> dict[str, Signature]:
        from autoarch.data.image import image_signatures

        return image_signatures(self)


@dataclass(frozen=True)
class PixelRange:
    """How numbers in an array stand for brightness: `low` is black, `high` is white.

    Found on the training images and needed again for every later array, so it is part of a run.
    """

    low: float
    high: float

    def to_uint8(self, values: npt.NDArray[Any]) -> Pixels:
        """Scales to 0..255, rounded; what lies outside the range is clipped."""
        if values.dtype == np.uint8 and (self.low, self.high) == (0, 255):
            unchanged: Pixels = values
            return unchanged
        scaled = (values.astype(np.float32) - self.low) * (255.0 / (self.high - self.low))
        pixels: Pixels = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
        return pixels

    def to_json(self) -> dict[str, float]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PixelRange:
        return cls(float(data["low"]), float(data["high"]))


@dataclass(frozen=True, eq=False)
class ExampleSet:
    """The examples of one split, in the form that networks take.

    Args:
        inputs: `(n, ...)`, in memory or memory-mapped (read only).
        labels: int64 `(n,)`, indices into the classes.
        names: For each example the path of its file, or a name such as "train[12]".
        targets: What is learned in place of the labels, such as a teacher's answers: float32
            `(n, classes)`, rows summing to 1. None for the labels.
    """

    inputs: Array
    labels: Labels
    names: tuple[str, ...]
    targets: Array | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not len(self.inputs) == len(self.labels) == len(self.names):
            raise ValueError(
                f"inputs, labels and names must be of one length; got {len(self.inputs)}, "
                f"{len(self.labels)} and {len(self.names)}."
            )
        if self.targets is not None and len(self.targets) != len(self.labels):
            raise ValueError(
                f"There must be targets for each of the {len(self.labels)} examples; got "
                f"{len(self.targets)}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def at(self, places: Array) -> Self:
        """The examples at some places, copied."""
        return replace(
            self,
            inputs=np.asarray(self.inputs[places]),
            labels=self.labels[places],
            names=tuple(self.names[place] for place in places),
            targets=None if self.targets is None else self.targets[places],
        )

    def joined(self, other: Self) -> Self:
        """These examples and the others after them, copied; of their labels."""
        return replace(
            self,
            targets=None,
            inputs=np.concatenate([self.inputs, other.inputs]),
            labels=np.concatenate([self.labels, other.labels]),
            names=self.names + other.names,
        )


class ImageSet(ExampleSet):
    """Decoded pictures: inputs are uint8 `(n, height, width, channels)`."""

    @property
    def images(self) -> Pixels:
        """The inputs."""
        return self.inputs


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The test split, shut away: no search code can look at it by mistake. May be empty."""

    _examples: ExampleSet = field(repr=False)

    def __len__(self) -> int:
        return len(self._examples)

    def reveal(self) -> ExampleSet:
        """The examples; only the final evaluation and the check of the export may call this."""
        return self._examples


@dataclass(frozen=True)
class Findings:
    """What was noticed in the data; part of the report.

    Args:
        class_counts: Examples of each class in each split, after everything below.
        duplicates: `(kept, dropped)` names: the same in train and in a held-out split.
        duplicates_within: Repeated examples inside train, all kept.
        unreadable: `(name, reason)` of the files or rows that were skipped.
        notes: Other lines worth knowing.
    """

    class_counts: Mapping[str, Mapping[str, int]]
    duplicates: tuple[tuple[str, str], ...] = ()
    duplicates_within: int = 0
    unreadable: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "class_counts": {split: dict(counts) for split, counts in self.class_counts.items()},
            "duplicates": [list(pair) for pair in self.duplicates],
            "duplicates_within": self.duplicates_within,
            "unreadable": [list(pair) for pair in self.unreadable],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class TaskData:
    """Everything that a search needs to know about its examples.

    Args:
        train, valid, held_out: The three splits.
        classes: Class names in the order of the labels.
        preprocessing: What the examples went through.
        findings: What was noticed on the way.
        fingerprint: Changes when the source's files, labels or sizes change.
        label_kind: "str", "int" or "bool": what the user's labels were.
        valid_given: The validation part was given by the user, not drawn from the training data.
        independent: Any example can be in any part; clips of one speaker cannot.
    """

    train: ExampleSet
    valid: ExampleSet
    held_out: HeldOut
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    findings: Findings
    fingerprint: str
    label_kind: str = "str"
    valid_given: bool = False
    independent: bool = True

    @property
    def can_be_joined(self) -> bool:
        """Whether the final training may have the validation part, too: it was drawn from the
        training data by us, and both lie in memory."""
        return not self.valid_given and self.fits_memory

    @property
    def fits_memory(self) -> bool:
        """Whether the examples lie in memory and not in a mapped file."""
        return not isinstance(self.train.inputs, np.memmap)

    @property
    def most_folds(self) -> int:
        """How many validation parts of the size of ours there are in all, none of which overlap."""
        if not (self.can_be_joined and self.independent):
            return 1
        return 1 + len(self.train) // len(self.valid)

    def train_and_valid(self) -> ExampleSet:
        """The training and the validation part together, copied."""
        return self.train.joined(self.valid)


@dataclass(frozen=True, eq=False)
class ImageData(TaskData):
    """Pictures.

    Args:
        pixel_range: For arrays, how numbers stand for brightness; None for files.
        mirrored: Whether training is to mirror pictures; None for what is usual.
    """

    train: ImageSet
    valid: ImageSet
    preprocessing: ImagePreprocessing
    pixel_range: PixelRange | None = None
    mirrored: bool | None = None
