"""Training of a relaxed network: its weights on one half of the data, its choices on the other.

One network is all there is to train, so it is traced once. Its weights are one vector: gradients,
steps and their differences are then the arithmetic of vectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autoarch.data.dataset import ExampleSet
from autoarch.errors import TrialFailedError
from autoarch.objectives import Objective, classification_metrics
from autoarch.seeding import rng
from autoarch.supernet.bank import Bank
from autoarch.supernet.bilevel import first_order, second_order
from autoarch.supernet.relaxed import Array, Relaxed
from autoarch.training.augment import Augmenter
from autoarch.training.batches import Batches, steps_per_epoch
from autoarch.training.fit import on_gpu
from autoarch.training.recipe import Recipe
from autoarch.training.schedule import warm_up_cosine

BATCH = 64
MOST_EXAMPLES = 20_000
"""More are not looked at: a relaxation of minutes does not get through them."""

SIDE = 16
"""Pictures are averaged down to sides of about this."""

WEIGHTS_ONLY = 0.25
"""Share of the training before choices move: until weights have learned something, an op without
weights looks better than one with.

Source: Chen et al. (2019), "Progressive DARTS", section 4.2 (10 of 25 epochs).
"""

LOOKS = 6
"""How often it is asked which network the choices stand for."""

WEIGHTS_RATE, MOMENTUM, CLIP_NORM = 0.025, 0.9, 5.0
CHOICES_RATE, CHOICES_BETA = 0.025, 0.5
"""Of SGD and of Adam. DARTS has 3e-4 for choices, over some 20,000 steps: in the hundreds of steps
that there are here nothing would move."""

HOTTEST, COOLING = 5.0, 4.05
"""Temperature of Gumbel gates at the beginning, and the exponent of its fall: FBNet's, whose 90
epochs multiply it by exp(-0.045) each."""

COST_FACTOR, COST_POWER = 0.2, 0.6
"""Of the cost in the loss. Source: Wu et al. (2019), "FBNet", equation 4 and section 4.1."""

FAR = 1e9


@dataclass(frozen=True)
class Method:
    """How choices become gates, and how their gradient is taken.

    Args:
        gates: "softmax" of the choices (DARTS); "gumbel": of the choices with noise, at a falling
            temperature (FBNet); "binary": one option, drawn by its share, whose gradient is that
            of the shares (ProxylessNAS).
        second_order: See `bilevel.second_order`.
    """

    gates: str
    second_order: bool = False


METHODS = {
    "darts": Method("softmax"),
    "darts-second-order": Method("softmax", second_order=True),
    "fbnet": Method("gumbel"),
    "proxyless": Method("binary"),
}


class Relaxation:
    """A relaxed network in training.

    Batch norms have no factors and addends, which would undo the gates (DARTS, A.1.1), and take
    their statistics from the batch.

    Args:
        relaxed: The network.
        data: The training part; halved here.
        augment: Makes batches of it.
        recipe: Its augmentation.
        method: One of `METHODS`.
        policy: Keras dtype policy; "mixed_bfloat16" computes in bfloat16 on GPUs, all else in
            float32: on CPUs that is the faster one for most ops.
        seed: Of weights, halves, batches and gates.
        class_weights: Weight of each class in the loss, `(classes,)`; None for ones.

    Attributes:
        steps: Steps of the weights so far.
        moves: Steps of the choices so far.
        found: Gates of the networks that were found on the way, each once, oldest first.
        collapsed: Whether the last look ended the training, see `Relaxed.collapsed`.
    """

    def __init__(
        self,
        relaxed: Relaxed,
        data: ExampleSet,
        augment: Augmenter,
        recipe: Recipe,
        method: Method,
        *,
        policy: str = "float32",
        seed: int = 0,
        class_weights: Array | None = None,
    ):
        self.steps = self.moves = 0
        self.found: list[Array] = []
        self.collapsed = False
        self._relaxed = relaxed
        self._augment = augment
        self._recipe = recipe
        self._method = method
        narrow = policy == "mixed_bfloat16" and on_gpu()
        self._dtype = tf.bfloat16 if narrow else tf.float32
        self._seed = seed
        order = rng("halves", seed=seed).permutation(len(data))[:MOST_EXAMPLES]
        self._halves = [data.at(np.sort(order[half::2])) for half in (0, 1)]
        self.batch_size = min(BATCH, *map(len, self._halves))
        self._class_weights = tf.constant(
            np.ones(relaxed.classes) if class_weights is None else class_weights, tf.float32
        )
        bank = Bank(seed=seed)
        flat = np.concatenate([bank.take(slot).ravel() for slot in relaxed.slots])
        self.weights = keras.Variable(flat, dtype="float32", name="weights")
        drawn = 1e-3 * rng("choices", seed=seed).standard_normal(relaxed.allowed.shape)
        self.choices = keras.Variable(drawn, dtype="float32", name="choices")
        self._mask = tf.constant(np.where(relaxed.allowed, 0.0, -FAR), tf.float32)
        self._network = tf.function(self._under_gates, autograph=False, jit_compile=False)

    @property
    def epochs(self) -> float:
        """Passes of the weights over their half of the data."""
        return self.steps / steps_per_epoch(len(self._halves[0]), self.batch_size)

    def train(
        self,
        progress: Callable[[float], float],
        *,
        planned_epochs: float,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> float:
        """Trains until `progress` reaches 1, `should_stop` says so or the choices collapse.

        Args:
            progress: Share done, in [0, 1], given the epochs so far.
            planned_epochs: Decides how strong the augmentation is.
            should_stop: Asked between two steps.

        Returns:
            Mean loss over the last steps.

        Raises:
            TrialFailedError: The loss is no number any more.
        """
        recipe = self._recipe.for_epochs(planned_epochs)
        for_weights, for_choices = (
            Batches(
                half, self._augment, recipe, batch_size=self.batch_size, seed=self._seed + place
            )
            for place, half in enumerate(self._halves)
        )
        descent = keras.optimizers.SGD(WEIGHTS_RATE, MOMENTUM, global_clipnorm=CLIP_NORM)
        adam = keras.optimizers.Adam(CHOICES_RATE, CHOICES_BETA)
        losses: list[float] = []
        looks = 0
        with for_weights, for_choices:
            while (share := progress(self.epochs)) < 1 and not should_stop():
                descent.learning_rate = rate = WEIGHTS_RATE * warm_up_cosine(share)
                train, noise = next(for_weights), self._noise()
                moved = (share - WEIGHTS_ONLY) / (1 - WEIGHTS_ONLY)
                if moved >= 0:
                    if moved * LOOKS >= looks + 1:
                        looks += 1
                        if self._look():
                            break
                    by_choices = self._by_choices(next(for_choices), train, noise, share, rate)
                    adam.apply([by_choices], [self.choices])
                    self.moves += 1
                loss, by_weights, _ = self._gradients(noise, share)(
                    self.weights.value, self.choices.value, train
                )
                descent.apply([by_weights], [self.weights])
                losses = [*losses[-19:], float(loss)]
                self.steps += 1
                if not math.isfinite(losses[-1]):
                    raise TrialFailedError(f"the relaxed network's loss became {losses[-1]}")
            else:
                self._look()
        return float(np.mean(losses)) if losses else math.nan

    def score(self, gates: Array, examples: ExampleSet, objective: Objective) -> float:
        """What a network of the space scores with the relaxed network's weights; batch norms take
        their statistics from the examples themselves, a batch at a time."""
        answers = []
        for first in range(0, len(examples), BATCH):
            batch = (
                tf.cast(np.asarray(examples.inputs[first : first + BATCH]), tf.float32),
                tf.zeros((min(BATCH, len(examples) - first), len(self._class_weights))),
            )
            logits = self._network(self.weights.value, tf.constant(gates, tf.float32), *batch)[-1]
            answers.append(tf.nn.softmax(logits).numpy())
        return objective.score(classification_metrics(examples.labels, np.concatenate(answers)))

    def shares(self) -> Array:
        """How much of each choice each option has, `(choices, options)`; rows sum to 1."""
        return np.asarray(tf.nn.softmax(self.choices.value + self._mask))

    def _look(self) -> bool:
        """Notes the network that the choices stand for; whether to stop."""
        gates = self._relaxed.discretise(self.shares())
        if self._relaxed.collapsed(gates):
            # By chance a network is one from the start: that is none to stop for.
            self.collapsed = bool(self.found)
        elif not any((gates == known).all() for known in self.found):
            self.found.append(gates)
        return self.collapsed

    # -- Gradients ----------------------------------------------------------------------------

    def _by_choices(self, valid: Any, train: Any, noise: Any, share: float, rate: float) -> Any:
        gradients = self._gradients(noise, share)
        now = (gradients, self.weights.value, self.choices.value, valid)
        return (
            second_order(*now, train, rate) if self._method.second_order else first_order(*now)
        )[1]

    def _gradients(self, noise: Any, share: float) -> Callable[[Any, Any, Any], tuple[Any, ...]]:
        """The loss and its gradients, for gates drawn by `noise`; see `bilevel.Gradients`."""

        def gradients(weights: Any, choices: Any, batch: Any) -> tuple[Any, Any, Any]:
            with tf.GradientTape() as tape:
                tape.watch(choices)
                gates = self._gates(choices, noise, share)
                factor = self._cost_factor(choices, gates)
                with tape.stop_recording():
                    loss, by_weights, by_gates, _ = self._network(weights, gates, *batch)
                    by_gates *= factor
                # what the network says of its gates, as a function that is linear around them
                near = factor * loss + tf.reduce_sum(gates * by_gates)
            return loss, by_weights, tape.gradient(near, choices)

        return gradients

    def _noise(self) -> Any:
        random = rng("gates", self.steps, seed=self._seed)
        return tf.constant(random.gumbel(size=self._relaxed.allowed.shape), tf.float32)

    def _gates(self, choices: Any, noise: Any, share: float) -> Any:
        logits = choices + self._mask
        if self._method.gates == "softmax":
            return tf.nn.softmax(logits)
        if self._method.gates == "gumbel":
            return tf.nn.softmax((logits + noise) / (HOTTEST * math.exp(-COOLING * share)))
        shares = tf.nn.softmax(logits)
        drawn = tf.one_hot(tf.argmax(logits + noise, -1), logits.shape[-1])
        return shares + tf.stop_gradient(drawn - shares)

    def _cost_factor(self, choices: Any, gates: Any) -> Any:
        """What the loss is multiplied by."""
        if self._relaxed.costs is None:
            return 1.0
        cost = self._relaxed.base_cost + tf.reduce_sum(gates * self._relaxed.costs)
        return COST_FACTOR * tf.math.log(cost) ** COST_POWER

    def _under_gates(self, weights: Any, gates: Any, x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
        """The loss of a batch, its gradients by weights and gates, and the logits."""
        factor = _pooling(x.shape)
        x = tf.nn.avg_pool2d(x, factor, factor, "VALID") if factor > 1 else x
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([weights, gates])
            slots = self._relaxed.slots
            parts = tf.split(weights, [math.prod(slot.shape) for slot in slots])
            named = {
                slot.path: tf.cast(tf.reshape(part, slot.shape), self._dtype)
                for slot, part in zip(slots, parts)
            }
            logits = self._relaxed.run(named, gates, tf.cast(x, self._dtype))
            losses = tf.nn.softmax_cross_entropy_with_logits(y, logits)
            loss = tf.reduce_mean(losses * tf.linalg.matvec(y, self._class_weights))
        by_weights, by_gates = map(tf.convert_to_tensor, tape.gradient(loss, [weights, gates]))
        return loss, by_weights, by_gates, logits


def relaxed_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """The shape of what a relaxed network sees of pictures of a shape.

    >>> relaxed_shape((32, 32, 3)), relaxed_shape((100, 100, 1)), relaxed_shape((8, 8, 1))
    ((16, 16, 3), (16, 16, 1), (8, 8, 1))
    """
    factor = _pooling((None, *shape))
    return shape[0] // factor, shape[1] // factor, shape[2]


def _pooling(shape: Sequence[Any]) -> int:
    """So many pixels a side of a batch of pictures become one."""
    return max(1, int(min(shape[1:3])) // SIDE)
