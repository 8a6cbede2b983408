"""The training recipe: rates, schedule, augmentation; decisions beside the architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

MIXINGS = ("none", "mixup", "cutmix", "cutout")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        learning_rate: Peak of the schedule (linear warm-up, cosine to zero), AdamW's; networks
            that are normalised throughout take more, see `autoarch.training.optimizer`.
        orthogonal_rate: Learning rate of the kernels that Muon moves, in units of `learning_rate`;
            see `autoarch.training.optimizer`.
        weight_decay: Decoupled, on kernels only; scaled by the learning rate as in AdamW.
        batch_size: Examples a step.
        label_smoothing: Share of the target spread evenly over all classes.
        augmentation: Strength of geometry and colour changes, for sound of changes of the speed;
            1 is the usual, 0 is none.
        long_augmentation: The same where epochs are many, in units of `augmentation`.
        flip: Whether pictures are mirrored left to right.
        zoom: Largest relative zoom into the picture at strength 1; 0.35 crops down to 42 % of
            the area. For pictures of few pixels 0.
        mixing: One of `MIXINGS`, applied to half of the batches once epochs are many.
        epsilon: Added to the root of AdamW's mean squared gradient. Where it is about as large as
            that, weights of rare inputs move by their gradients alone; at 1e-7 the vector of an id
            that one batch holds moves by some thirty learning rates, whatever its gradient.
        adversarial: For text: length of the move of an example's vectors against the network, in
            units of their own; see `autoarch.training.adversarial`. 0 is none.
        masking: For sound: largest share of the time and of the frequencies that a mask hides.
        noise: For sound: strength of added noise; 1 is from 40 dB below the clip to 10.
        time_shift: For sound: largest shift, as a share of the window.
        gain_db: For sound: largest change of the loudness, up or down.

    Source: Loshchilov and Hutter (2019) for AdamW and the cosine; Yun et al. (2019) for cutmix;
    Zhang et al. (2018) for mixup; DeVries and Taylor (2017) for cutout.
    """

    learning_rate: float = 3e-3
    orthogonal_rate: float = 7.0
    weight_decay: float = 0.05
    batch_size: int = 64
    label_smoothing: float = 0.1
    augmentation: float = 1.0
    long_augmentation: float = 1.0
    flip: bool = True
    zoom: float = 0.0
    mixing: str = "cutmix"
    epsilon: float = 1e-7
    adversarial: float = 0.0
    masking: float = 0.0
    noise: float = 0.0
    time_shift: float = 0.1
    gain_db: float = 6.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        return cls(**data)

    def for_epochs(self, epochs: float) -> Recipe:
        """The recipe as it is applied in a training of so many epochs.

        A network that sees each picture only a few times has nothing to overfit: strong
        augmentation then slows it down, and it would lose every cheap comparison although it
        wins the long training. So geometry, and what sounds have in its place, reaches its full
        strength at 10 epochs, adversarial moves begin at 12, and mixing at 40. From 12 to 60
        epochs geometry grows on, to `long_augmentation`.
        """
        share = min(1.0, 0.3 + 0.07 * epochs)
        share *= 1.0 + (self.long_augmentation - 1.0) * min(1.0, max(0.0, (epochs - 12) / 48))
        return replace(
            self,
            augmentation=self.augmentation * share,
            masking=self.masking * share,
            time_shift=self.time_shift * share,
            gain_db=self.gain_db * share,
            adversarial=self.adversarial if epochs >= 12 else 0.0,
            mixing=self.mixing if epochs >= 40 else "none",
        )


def decide_recipe(hp: Any, default: Recipe) -> Recipe:
    """Reads a picture's recipe from `hp`, declaring its decisions around `default`.

    Args:
        hp: A `keras_tuner.HyperParameters`, or anything with its `Choice`.
        default: The recipe of trial 0; what is not searched is taken from it.
    """
    return replace(
        decide_training(hp, default),
        flip=hp.Boolean("recipe/flip", default=default.flip),
        mixing=hp.Choice("recipe/mixing", list(MIXINGS), default=default.mixing),
    )


def decide_training(hp: Any, default: Recipe) -> Recipe:
    """The decisions that recipes of all kinds of data have; arguments as for `decide_recipe`."""
    return replace(
        default,
        learning_rate=hp.Choice(
            "recipe/learning_rate",
            _around(default.learning_rate, 1 / 3, 1 / 1.7, 1, 1.7),
            default=default.learning_rate,
        ),
        weight_decay=hp.Choice(
            "recipe/weight_decay",
            _around(default.weight_decay, 0.2, 1, 2),
            default=default.weight_decay,
        ),
        batch_size=hp.Choice(
            "recipe/batch_size",
            sorted({max(8, default.batch_size // 2), default.batch_size, default.batch_size * 2}),
            default=default.batch_size,
        ),
        label_smoothing=hp.Choice(
            "recipe/label_smoothing",
            sorted({0.0, 0.05, 0.1, default.label_smoothing}),
            default=default.label_smoothing,
        ),
        augmentation=hp.Choice(
            "recipe/augmentation",
            sorted({0.5, 1.0, 1.5, default.augmentation}),
            default=default.augmentation,
        ),
    )


SOUND_RECIPE = Recipe(batch_size=32, flip=False, mixing="none", masking=0.2, noise=1.0)
"""For recordings; see `autoarch.training.augment_sound`."""


def decide_sound_recipe(hp: Any, default: Recipe) -> Recipe:
    """As `decide_recipe`, with the decisions that sounds have in place of pictures'."""
    return replace(
        decide_training(hp, default),
        mixing=hp.Choice("recipe/mixing", ["none", "mixup"], default=default.mixing),
        masking=hp.Choice(
            "recipe/masking", sorted({0.0, 0.1, 0.2, default.masking}), default=default.masking
        ),
        noise=hp.Choice("recipe/noise", sorted({0.0, 1.0, default.noise}), default=default.noise),
        time_shift=hp.Choice(
            "recipe/time_shift",
            sorted({0.0, 0.05, 0.1, 0.2, default.time_shift}),
            default=default.time_shift,
        ),
        gain_db=hp.Choice(
            "recipe/gain_db", sorted({0.0, 6.0, 12.0, default.gain_db}), default=default.gain_db
        ),
    )


def _around(value: float, *factors: float) -> list[float]:
    return [value if factor == 1 else float(f"{value * factor:.2g}") for factor in factors]
