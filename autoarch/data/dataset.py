"""The values that the data room hands on: pictures in memory order, split once and for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ImagePreprocessing:
    """What turns any picture into the network's input.

    Args:
        height: Rows of the input.
        width: Columns of the input.
        channels: 1 (grey) or 3 (red, green, blue).
    """

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
    def from_json(cls, data: Mapping[str, Any]) -> ImagePreprocessing:
        return cls(int(data["height"]), int(data["width"]), int(data["channels"]))


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
class ImageSet:
    """Decoded pictures of one split.

    Args:
        images: uint8 `(n, height, width, channels)`, in memory or memory-mapped (read only).
        labels: int64 `(n,)`, indices into the classes.
        names: For each picture the path of its file, or a name such as "train[12]".
    """

    images: Pixels
    labels: Labels
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.labels) == len(self.names):
            raise ValueError(
                f"images, labels and names must be of one length; got {len(self.images)}, "
                f"{len(self.labels)} and {len(self.names)}."
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The test split, shut away: no search code can look at it by mistake. May be empty."""

    _images: ImageSet = field(repr=False)

    def __len__(self) -> int:
        return len(self._images)

    def reveal(self) -> ImageSet:
        """The pictures; only the final evaluation and the check of the export may call this."""
        return self._images


@dataclass(frozen=True)
class Findings:
    """What was noticed in the data; part of the report.

    Args:
        class_counts: Pictures of each class in each split, after everything below.
        duplicates: `(kept, dropped)` names: the same pixels in train and in a held-out split.
        duplicates_within: Repeated pictures inside train, all kept.
        unreadable: `(name, reason)` of the files that were skipped.
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
class ImageData:
    """Everything that a search needs to know about its pictures.

    Args:
        train, valid, held_out: The three splits.
        classes: Class names in the order of the labels.
        preprocessing: What the pictures went through.
        findings: What was noticed on the way.
        fingerprint: Changes when the source's files, labels or sizes change.
        pixel_range: For arrays, how numbers stand for brightness; None for files.
        label_kind: "str", "int" or "bool": what the user's labels were.
        valid_given: The validation part was given by the user, not drawn from the training data.
    """

    train: ImageSet
    valid: ImageSet
    held_out: HeldOut
    classes: tuple[str, ...]
    preprocessing: ImagePreprocessing
    findings: Findings
    fingerprint: str
    pixel_range: PixelRange | None = None
    label_kind: str = "str"
    valid_given: bool = False

    @property
    def can_be_joined(self) -> bool:
        """Whether the final training may have the validation part, too: it was drawn from the
        training data by us, and both lie in memory."""
        return not self.valid_given and self.fits_memory

    @property
    def fits_memory(self) -> bool:
        """Whether the pictures lie in memory and not in a mapped file."""
        return not isinstance(self.train.images, np.memmap)

    def train_and_valid(self) -> ImageSet:
        """The training and the validation part together, copied."""
        return ImageSet(
            np.concatenate([self.train.images, self.valid.images]),
            np.concatenate([self.train.labels, self.valid.labels]),
            self.train.names + self.valid.names,
        )
