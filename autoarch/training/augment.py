"""Augmentation of a batch of pictures in one compiled function, shared by all trials of a run.

Tracing a TensorFlow function takes longer than running it for an epoch, so nothing here depends
on the recipe: its numbers are inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from autoarch.training.recipe import Recipe

SHIFT = 0.125
"""Largest shift at strength 1, as a share of the side: 4 pixels of 32."""
BRIGHTNESS = 0.2
CONTRAST = 0.2
MIXED_SHARE = 0.5
"""Share of the batches that are mixed."""


class Strengths(NamedTuple):
    """The recipe's numbers, as the compiled function takes them."""

    flip: float
    shift: float
    zoom: float
    colour: float
    mixup: float
    cutmix: float
    cutout: float
    label_smoothing: float

    @classmethod
    def of(cls, recipe: Recipe) -> Strengths:
        return cls(
            flip=float(recipe.flip and recipe.augmentation > 0),
            shift=SHIFT * recipe.augmentation,
            zoom=min(0.6, recipe.zoom * recipe.augmentation),
            colour=recipe.augmentation if recipe.zoom else 0.0,
            mixup=MIXED_SHARE * (recipe.mixing == "mixup"),
            cutmix=MIXED_SHARE * (recipe.mixing == "cutmix"),
            cutout=MIXED_SHARE * (recipe.mixing == "cutout"),
            label_smoothing=recipe.label_smoothing,
        )


def random_numbers(
    seed: tf.Tensor, stream: int, shape: Any, low: Any = 0.0, high: Any = 1.0
) -> tf.Tensor:
    """Uniform numbers that depend on the seed and the number of the stream alone."""
    unit = tf.random.stateless_uniform(shape, seed + tf.constant([0, stream], tf.int32))
    return low + (high - low) * unit


def _geometry(x: tf.Tensor, seed: tf.Tensor, s: Strengths) -> tf.Tensor:
    """Flip, shift and zoom as one projective transform of the float batch `(n, h, w, c)`."""
    n = tf.shape(x)[0]
    height, width = float(x.shape[1]), float(x.shape[2])
    flip = random_numbers(seed, 1, [n]) < 0.5 * s.flip
    zoom = random_numbers(seed, 2, [n], 1.0 - s.zoom, 1.0)
    stretch = random_numbers(seed, 3, [n], -0.15, 0.15) * tf.minimum(s.zoom, 1.0)
    scale_x, scale_y = zoom * (1.0 + stretch), zoom * (1.0 - stretch)
    # A zoomed window may lie anywhere inside the picture, and the shift moves it on.
    room_x, room_y = tf.maximum(1.0 - scale_x, 0.0) / 2, tf.maximum(1.0 - scale_y, 0.0) / 2
    dx = random_numbers(seed, 4, [n], -1.0, 1.0) * (room_x + s.shift) * width
    dy = random_numbers(seed, 5, [n], -1.0, 1.0) * (room_y + s.shift) * height
    # Without zoom whole pixels are moved, which blurs nothing.
    dx = tf.where(s.zoom > 0, dx, tf.round(dx))
    dy = tf.where(s.zoom > 0, dy, tf.round(dy))
    scale_x = tf.where(flip, -scale_x, scale_x)
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    zero = tf.zeros([n])
    transforms = tf.stack(
        [
            scale_x,
            zero,
            centre_x - scale_x * centre_x + dx,
            zero,
            scale_y,
            centre_y - scale_y * centre_y + dy,
            zero,
            zero,
        ],
        axis=1,
    )
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=transforms,
        output_shape=tf.shape(x)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return tf.ensure_shape(moved, x.shape)


def _colour(x: tf.Tensor, seed: tf.Tensor, s: Strengths) -> tf.Tensor:
    n = tf.shape(x)[0]
    brightness = random_numbers(seed, 6, [n, 1, 1, 1], -1.0, 1.0) * BRIGHTNESS * 127.5 * s.colour
    contrast = 1.0 + random_numbers(seed, 7, [n, 1, 1, 1], -1.0, 1.0) * CONTRAST * s.colour
    return tf.clip_by_value((x - 127.5) * contrast + 127.5 + brightness, 0.0, 255.0)


def _box(shape: tuple[int, int], seed: tf.Tensor, area: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A random box of about `area` (share): its mask `(1, h, w, 1)` and its true share."""
    height, width = shape
    side = tf.sqrt(area)
    top = random_numbers(seed, 11, []) - side / 2
    left = random_numbers(seed, 12, []) - side / 2
    rows = (tf.range(height, dtype=tf.float32) + 0.5) / height
    columns = (tf.range(width, dtype=tf.float32) + 0.5) / width
    inside_rows = (rows >= top) & (rows < top + side)
    inside_columns = (columns >= left) & (columns < left + side)
    mask = tf.cast(inside_rows[:, None] & inside_columns[None, :], tf.float32)
    return mask[None, :, :, None], tf.reduce_mean(mask)


def _mix(x: tf.Tensor, y: tf.Tensor, seed: tf.Tensor, s: Strengths) -> tuple[tf.Tensor, tf.Tensor]:
    """Mixup, cutmix or cutout of the whole batch with the batch turned round by one."""
    draw = random_numbers(seed, 8, [])
    share = random_numbers(seed, 9, [])
    other_x, other_y = tf.roll(x, 1, axis=0), tf.roll(y, 1, axis=0)
    shape = (int(x.shape[1]), int(x.shape[2]))

    def mixup() -> tuple[tf.Tensor, tf.Tensor]:
        return x + (other_x - x) * share, y + (other_y - y) * share

    def cutmix() -> tuple[tf.Tensor, tf.Tensor]:
        mask, true_share = _box(shape, seed, share)
        return x + (other_x - x) * mask, y + (other_y - y) * true_share

    def cutout() -> tuple[tf.Tensor, tf.Tensor]:
        mask, _ = _box(shape, seed, tf.constant(0.25))
        return x + (127.5 - x) * mask, y

    mixed: tuple[tf.Tensor, tf.Tensor] = tf.case(
        [
            (draw < s.mixup, mixup),
            (draw < s.mixup + s.cutmix, cutmix),
            (draw < s.mixup + s.cutmix + s.cutout, cutout),
        ],
        default=lambda: (x, y),
    )
    return mixed


@dataclass(frozen=True, eq=False)
class Augmenter:
    """What makes a training batch of examples as they are stored; one for each kind of data.

    Args:
        apply: Compiled function of (inputs `(n, ...)`, targets: float32 `(n, classes)`, seed: int32
            `(2,)`, strengths: float32 vector), which returns the network's inputs and targets
            `(n, classes)` whose rows sum to 1. Equal seeds must give equal batches.
        strengths: The recipe's numbers as `apply` takes them.
        classes: Number of classes.
    """

    apply: Callable[..., Any]
    strengths: Callable[[Recipe], Sequence[float]]
    classes: int

    def __call__(self, inputs: Any, labels: Any, seed: Any, strengths: Any) -> Any:
        """See `apply`; labels are class indices `(n,)` or targets `(n, classes)`."""
        targets = np.eye(self.classes, dtype=np.float32)[labels] if labels.ndim == 1 else labels
        return self.apply(inputs, targets, seed, strengths)


def compile_augmenter(
    change: Callable[..., Any],
    strengths: Callable[[Recipe], Sequence[float]],
    shape: tuple[int, ...],
    dtype: tf.DType,
    classes: int,
) -> Augmenter:
    """Compiles what makes a batch, as `Augmenter` describes it.

    Args:
        change: Graph function of (inputs, targets, seed, strengths); see `Augmenter.apply`.
        strengths: See `Augmenter`.
        shape: Of one example as it is stored.
        dtype: The type it is stored in.
        classes: Number of classes.
    """
    signature = [
        tf.TensorSpec((None, *shape), dtype),
        tf.TensorSpec((None, classes), tf.float32),
        tf.TensorSpec((2,), tf.int32),
        tf.TensorSpec((len(strengths(Recipe())),), tf.float32),
    ]
    return Augmenter(tf.function(change, signature, autograph=False), strengths, classes)


def smoothed(targets: tf.Tensor, smoothing: tf.Tensor) -> tf.Tensor:
    """Targets `(n, classes)` of which a share, `smoothing`, is spread evenly over the classes."""
    return targets * (1.0 - smoothing) + smoothing / targets.shape[-1]


def make_augmenter(image_shape: tuple[int, ...], classes: int) -> Augmenter:
    """Compiles the augmentation for pictures of one shape.

    Args:
        image_shape: `(height, width, channels)`.
        classes: Number of classes.

    Returns:
        It takes uint8 pictures `(n, h, w, c)` and strengths `(8,)` in the order of `Strengths`,
        and returns float32 pictures in [0, 255].
    """

    def augment(
        images: tf.Tensor, targets: tf.Tensor, seed: tf.Tensor, strengths: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        s = Strengths(*tf.unstack(strengths))
        x = tf.cast(images, tf.float32)
        x = tf.cond(s.shift > 0, lambda: _geometry(x, seed, s), lambda: x)
        x = tf.cond(s.colour > 0, lambda: _colour(x, seed, s), lambda: x)
        return _mix(x, smoothed(targets, s.label_smoothing), seed, s)

    return compile_augmenter(augment, Strengths.of, image_shape, tf.uint8, classes)
