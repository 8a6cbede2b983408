"""Trial 0 scaled to the data and the budget: how large the pictures, how wide the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from autoarch.spaces import MobileSpace, ResidualSpace, SearchSpace
from autoarch.training.recipe import Recipe

SIDES = (32, 48, 64, 80, 96, 112, 128, 160, 192, 224)
"""Sides to choose from for pictures that are not small already."""

NATIVE_UP_TO = 40
"""Pictures up to this side are taken as they are."""

WIDTHS = (8, 12, 16, 24, 32, 48, 64)
EPOCHS_WANTED = 30.0
"""Passes that the final training should get; width grows only beyond that."""

PHOTO_SIDE = 64
"""From this side on pictures are cropped at random, and colours changed."""


@dataclass(frozen=True)
class Scale:
    """Size of trial 0.

    Args:
        side: Side of the square picture.
        width: Channels of the stem.
    """

    side: int
    width: int


def sizing_space(kind: Callable[..., SearchSpace]) -> Callable[..., SearchSpace]:
    """The space by whose trial 0 a space is sized: its own.

    But for the mobile space: a network of it trains about as long as a residual one of its width,
    which has three times the multiply-adds.
    """
    return ResidualSpace if kind is MobileSpace else kind


def choose_scale(
    kind: Callable[..., SearchSpace] = ResidualSpace,
    *,
    median_side: int,
    image_size: int | None,
    examples: int,
    channels: int,
    classes: int,
    training_s: float,
    macs_per_s: float,
) -> Scale:
    """Chooses side and width so that the final training gets about `EPOCHS_WANTED` epochs.

    Resolution comes first for photos: the largest side at which the narrowest network still gets
    its epochs; then the widest network that does at that side.

    Args:
        kind: Makes the space that is sized, from a shape, the classes and a width.
        median_side: Median of the pictures' shorter sides.
        image_size: The user's side, or None.
        examples: Pictures in the training part.
        channels: 1 or 3.
        classes: Number of classes.
        training_s: Seconds that the final training will have.
        macs_per_s: Speed measured on this machine, as in `Speed`.
    """

    def epochs(side: int, width: int) -> float:
        space = kind((side, side, channels), classes, width=width)
        work = space.slowness * space.candidate({}).architecture.macs
        return training_s * macs_per_s / (examples * work)

    if image_size is not None:
        side = image_size
    elif median_side <= NATIVE_UP_TO:
        side = max(4, median_side)
    else:
        candidates = [s for s in SIDES if s <= max(median_side, SIDES[0])]
        affordable = [s for s in candidates if epochs(s, WIDTHS[1]) >= EPOCHS_WANTED]
        side = max(affordable, default=candidates[0])
    widths = [w for w in WIDTHS if epochs(side, w) >= EPOCHS_WANTED]
    return Scale(side, max(widths, default=WIDTHS[0]))


def default_recipe(*, side: int, channels: int, examples: int) -> Recipe:
    """The recipe of trial 0 for such data.

    Colour pictures are mirrored: photos mean the same mirrored. Grey ones are not: they are
    often glyphs or scans, which do not.
    """
    batch_size = 64 if examples >= 10_000 else 32
    return Recipe(
        batch_size=batch_size,
        flip=channels == 3,
        zoom=0.35 if side >= PHOTO_SIDE else 0.0,
    )
