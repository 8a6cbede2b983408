"""How shared weights are trained: by the sandwich rule, the small learning from the large.

Each step takes one batch through the largest path, the smallest, and some drawn at random, each
followed by an update of what it used. The largest learns the targets; what it answers is then
half of the targets of the others.

Source: Yu and Huang (2019), "Universally slimmable networks", sections 3.2 and 3.3 (sandwich
rule, in-place distillation); Yu et al. (2020), "BigNAS", section 3; Guo et al. (2020), "Single
path one-shot", section 3.2, for paths drawn uniformly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from autoarch.architecture import Architecture
from autoarch.data.dataset import ExampleSet
from autoarch.errors import TrialFailedError
from autoarch.seeding import rng
from autoarch.supernet.bank import Bank, Slot, slots_of
from autoarch.supernet.path import BatchStatistics, Normalise, run_path
from autoarch.training.augment import Augmenter
from autoarch.training.batches import Batches, steps_per_epoch
from autoarch.training.fit import on_gpu
from autoarch.training.recipe import Recipe
from autoarch.training.schedule import warm_up_cosine

Array = npt.NDArray[Any]
Draw = Callable[[np.random.Generator], Architecture]

RANDOM_PATHS = 2
TEACHER_SHARE = 0.5
"""Share of the largest path's answer in the targets of the others."""

TUNING = 1 / 3
"""Of the learning rate, where the largest path begins trained: what it knows is to last."""

SMALLEST_BATCH = 64
"""Smaller batches cost nearly as much: starting the ops of a path takes as long as some 30
pictures of 32 x 32."""


class Supernet:
    """Shared weights in training, and the networks that run on them.

    Args:
        data: The training part.
        augment: Makes batches of it.
        recipe: Peak learning rate and augmentation.
        draw: Draws a path.
        largest: Teacher of the others.
        smallest: Trained in every step, too, so that both ends stay in shape.
        policy: Keras dtype policy; "mixed_bfloat16" computes in bfloat16 on GPUs, all else in
            float32: on CPUs that is the faster one for most ops.
        seed: Of weights, batches and draws.
        class_weights: Weight of each class in the loss, `(classes,)`; None for ones.

    Attributes:
        steps: Batches seen.
    """

    def __init__(
        self,
        data: ExampleSet,
        augment: Augmenter,
        recipe: Recipe,
        draw: Draw,
        *,
        largest: Architecture,
        smallest: Architecture,
        policy: str = "float32",
        seed: int = 0,
        class_weights: Array | None = None,
    ):
        self.bank = Bank(seed=seed)
        self.steps = 0
        self._data = data
        self._augment = augment
        self._recipe = recipe
        self._rate = recipe.learning_rate
        self._draw = draw
        self._always = (largest, smallest)
        narrow = policy == "mixed_bfloat16" and on_gpu()
        self._dtype = tf.bfloat16 if narrow else tf.float32
        self._seed = seed
        self._class_weights = (
            None if class_weights is None else tf.constant(class_weights, tf.float32)
        )
        self.batch_size = min(max(recipe.batch_size, SMALLEST_BATCH), len(data))

    def begin_with(self, architecture: Architecture, weights: Mapping[str, Array]) -> None:
        """Puts a network's weights into the bank: of what it has trained all others take parts.

        Args:
            architecture: The network.
            weights: By their path in its Keras model; others may be among them.

        Source: Cai et al. (2020), "Once-for-all", section 3.3: the largest network first.
        """
        for slot in slots_of(architecture):
            self.bank.put(slot, weights[slot.path])
        self._rate = TUNING * self._recipe.learning_rate

    @property
    def epochs(self) -> float:
        """Passes over the training data; in each step several paths see the batch."""
        return self.steps / steps_per_epoch(len(self._data), self.batch_size)

    def train(
        self,
        progress: Callable[[float], float],
        *,
        planned_epochs: float,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> float:
        """Trains until `progress` reaches 1 or `should_stop` says so.

        Args:
            progress: Share done, in [0, 1], given the epochs so far.
            planned_epochs: Decides how strong the augmentation is.
            should_stop: Asked between two steps.

        Returns:
            Mean loss of the largest path over the last steps.

        Raises:
            TrialFailedError: The loss is no number any more.
        """
        recipe = self._recipe.for_epochs(planned_epochs)
        losses: list[float] = []
        batches = Batches(
            self._data,
            self._augment,
            recipe,
            batch_size=self.batch_size,
            seed=self._seed,
            start=self.steps,
        )
        with batches:
            while (share := progress(self.epochs)) < 1 and not should_stop():
                rate = self._rate * warm_up_cosine(share)
                x, y = next(batches)
                losses = [*losses[-19:], self._step(x, y, rate)]
                if not math.isfinite(losses[-1]):
                    raise TrialFailedError(f"the supernet's loss became {losses[-1]}")
        return float(np.mean(losses)) if losses else math.nan

    def _step(self, x: Any, y: Any, rate: float) -> float:
        """One batch through all paths of a step; returns the largest path's loss."""
        random = rng("paths", self.steps, seed=self._seed)
        drawn = [self._draw(random) for _ in range(RANDOM_PATHS)]
        (largest, *others) = (*self._always, *drawn)
        x = tf.cast(x, self._dtype)
        loss, logits = self._update(largest, x, y, rate)
        taught = (1 - TEACHER_SHARE) * y + TEACHER_SHARE * tf.nn.softmax(logits)
        for architecture in others:
            self._update(architecture, x, taught, rate)
        self.steps += 1
        return loss

    def _update(self, architecture: Architecture, x: Any, y: Any, rate: float) -> tuple[float, Any]:
        slots = slots_of(architecture)
        weights = self._tensors(slots)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            named = self._named(slots, weights)
            logits = run_path(architecture, x, named, BatchStatistics())
            losses = tf.nn.softmax_cross_entropy_with_logits(y, logits)
            if self._class_weights is not None:
                losses *= tf.linalg.matvec(y, self._class_weights)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        self.bank.update(slots, [g.numpy() for g in gradients], rate)
        return float(loss), logits

    def _tensors(self, slots: Sequence[Slot]) -> list[Any]:
        return [tf.constant(self.bank.take(slot)) for slot in slots]

    def _named(self, slots: Sequence[Slot], weights: Sequence[Any]) -> dict[str, Any]:
        """Weights as ops take them: kernels and biases in the type that is computed in."""
        return {
            slot.path: w if slot.path.endswith(("/gamma", "/beta")) else tf.cast(w, self._dtype)
            for slot, w in zip(slots, weights)
        }

    def weights(self, architecture: Architecture) -> dict[str, Any]:
        """A path's weights as `run_path` takes them."""
        slots = slots_of(architecture)
        return self._named(slots, self._tensors(slots))

    def run(
        self,
        architecture: Architecture,
        weights: dict[str, Any],
        inputs: Array,
        normalise: Normalise,
    ) -> Any:
        """Logits `(n, classes)` of a path for examples as they are stored."""
        return run_path(architecture, tf.cast(inputs, self._dtype), weights, normalise)

    def state(self) -> dict[str, list[Array]]:
        """Everything needed to continue."""
        return {**self.bank.state(), "progress": [np.asarray([self.steps, self.batch_size])]}

    def restore(self, state: dict[str, list[Array]]) -> None:
        """Puts back what `state` gave, for the same data and seed."""
        ((steps, batch_size),) = state["progress"]
        self.steps, self.batch_size = int(steps), int(batch_size)
        self.bank.restore({role: a for role, a in state.items() if role != "progress"})
