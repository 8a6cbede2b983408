"""Trial 0 scaled to the data and the budget: how large the pictures, how wide the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autoarch.spaces import MobileSpace, PretrainedSpace, ResidualSpace, SearchSpace
from autoarch.spaces.backbones import Backbone
from autoarch.training.recipe import Recipe

SIDES = (32, 48, 64, 80, 96, 112, 128, 160, 192, 224)
"""Sides to choose from for pictures that are not small already."""

NATIVE_UP_TO = 40
"""Pictures up to this side are taken as they are."""

WIDTHS = (8, 12, 16, 24, 32, 48, 64)
EPOCHS_WANTED = 30.0
"""Passes that the final training should get; width grows only beyond that."""

NARROW_UP_TO = 24
EPOCHS_WANTED_WIDE = 180.0
"""The same above a width of `NARROW_UP_TO`, for networks that are averaged where there is time:
three of them come before a wider one. cifar10-mini, a fifth of the training part held out (1,000),
accuracy and log loss: width 24 after 101 epochs in 240 s 0.792 (0.747), with another seed 0.785
(0.758), their average 0.798 (0.732); width 48 after 52 epochs in 480 s 0.776 (0.764)."""

PRETRAINED_SIDE = 128
"""Smallest side that backbones get; what they know was learned on pictures of 224 pixels."""

FINE_TUNING_RATE = 3e-4
"""Peak learning rate for weights that come trained.

At 1e-3 the first epoch tears down what the fitted last layer makes use of: MobileNet 0.25 on 750
photos of clothing10 at 128 pixels falls from a validation accuracy of 0.71 to 0.52, at 3e-4 it
rises to 0.72 (250 others, one seed).
"""

LARGE_BATCH_FROM = 3000
"""Training pictures from which batches are of 64: a pass of larger batches is faster, and of so
many pictures still has steps enough. cifar10-mini, 100 s, a fifth of the training part held out
(1,000), one seed: 0.654 against 0.629 at 32 for the residual network of width 16 (18 passes against
15), 0.661 against 0.642 for the one of width 13 that grows by half (35 against 28)."""

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
    narrow: bool = False,
) -> Scale:
    """Chooses side and width so that the final training gets about `EPOCHS_WANTED` epochs.

    Resolution comes first for photos: the largest side at which a narrow network still gets its
    epochs; then the widest network that does at that side.

    Args:
        kind: Makes the space that is sized, from a shape, the classes and a width.
        median_side: Median of the pictures' shorter sides.
        image_size: The user's side, or None.
        examples: Pictures in the training part.
        channels: 1 or 3.
        classes: Number of classes.
        training_s: Seconds that the final training will have.
        macs_per_s: Speed measured on this machine, as in `Speed`.
        narrow: Whether width grows above `NARROW_UP_TO` only beyond `EPOCHS_WANTED_WIDE`.
    """

    def affords(side: int, width: int) -> bool:
        space = kind((side, side, channels), classes, width=width)
        work = space.slowness * space.candidate({}).architecture.macs
        wanted = EPOCHS_WANTED_WIDE if narrow and width > NARROW_UP_TO else EPOCHS_WANTED
        return training_s * macs_per_s / (examples * work) >= wanted

    if image_size is not None:
        side = image_size
    elif median_side <= NATIVE_UP_TO:
        side = max(4, median_side)
    else:
        candidates = [s for s in SIDES if s <= max(median_side, SIDES[0])]
        affordable = [s for s in candidates if affords(s, WIDTHS[1])]
        side = max(affordable, default=candidates[0])
    widths = [w for w in WIDTHS if affords(side, w)]
    return Scale(side, max(widths, default=WIDTHS[0]))


def choose_pretrained(
    backbones: Mapping[str, Backbone],
    *,
    median_side: int,
    image_size: int | None,
    examples: int,
    channels: int,
    classes: int,
    training_s: float,
    macs_per_s: float,
) -> tuple[str, Scale]:
    """Chooses trial 0's backbone, and the side of the pictures.

    The costliest backbone whose final training gets about `EPOCHS_WANTED` epochs at the smallest
    side, all of it trained, else the cheapest; then the largest side at which it still does.

    Args:
        backbones: By name.
        median_side, image_size, examples, channels, classes, training_s, macs_per_s: As for
            `choose_scale`.

    Returns:
        The backbone's name, and the scale, whose width means nothing.
    """

    def epoch_s(name: str, side: int) -> float:
        shape = (side, side, channels)
        space = PretrainedSpace(shape, classes, backbones=backbones, backbone=name)
        return examples * space.slowness * space.candidate({}).architecture.macs / macs_per_s

    def affordable(name: str, side: int) -> bool:
        return training_s >= EPOCHS_WANTED * epoch_s(name, side)

    least = PRETRAINED_SIDE if image_size is None else image_size
    by_cost = sorted(backbones, key=lambda name: epoch_s(name, least))
    chosen = next((name for name in reversed(by_cost) if affordable(name, least)), by_cost[0])
    if image_size is not None:
        return chosen, Scale(image_size, WIDTHS[0])
    sides = [side for side in SIDES if least < side <= median_side and affordable(chosen, side)]
    return chosen, Scale(max(sides, default=least), WIDTHS[0])


def default_recipe(*, side: int, channels: int, examples: int, pretrained: bool = False) -> Recipe:
    """The recipe of trial 0 for such data; a gentler one where weights come trained.

    Colour pictures are mirrored: photos mean the same mirrored. Grey ones are not: they are often
    glyphs or scans, which do not. What the pictures tell of it counts for more (`mirror_test`).
    """
    return Recipe(
        learning_rate=FINE_TUNING_RATE if pretrained else Recipe.learning_rate,
        batch_size=64 if examples >= LARGE_BATCH_FROM else 32,
        flip=channels == 3,
        zoom=0.35 if side >= PHOTO_SIDE else 0.0,
    )
