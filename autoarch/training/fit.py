"""One network in training: the only place where gradients are taken.

Not `keras.Model.fit`: on two cores that spends 4.3 s before the first step of a small network
(a symbolic build, metrics, and nested traces), as much as an epoch, while this loop's step is
traced in about 2 s. It also stops between two steps when the clock says so, and lays the learning
rate over seconds. Models and layers are Keras's own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from autoarch.architecture import Architecture
from autoarch.data.dataset import ExampleSet
from autoarch.errors import TrialFailedError
from autoarch.seeding import derive_seed
from autoarch.training.adversarial import Adversary, growing, vector_layers
from autoarch.training.augment import Augmenter
from autoarch.training.batches import Batches, steps_per_epoch
from autoarch.training.constants import set_constants, set_weights
from autoarch.training.fused_norm import fuse_batch_norms
from autoarch.training.optimizer import FASTER, MuonAdamW, is_normalised, orthogonal_kernels
from autoarch.training.recipe import Recipe
from autoarch.training.sliced_conv import slice_convolutions

CLIP_NORM = 5.0
SMALLEST_BATCH = 8
PREDICT_BATCH = 256

HALVED_FROM = 16
"""Batches from this size on are computed in two halves on CPUs.

The networks trained here are too small to keep two cores busy with one op at a time; two halves
side by side, each op on half of the cores (see `prepare_environment`), are faster. Milliseconds a
step, 2 cores, batch 32: residual networks of 76 k weights 35 to 21, of 122 k 39 to 30, of 488 k 58
both ways; ResNet-8 44 both ways, at batch 64 92 to 85. Each half has batch statistics of its own.

Source: Hoffer et al. (2017), "Train longer, generalize better", algorithm 1, for such statistics.
"""

Array = npt.NDArray[Any]
EpochReport = Callable[[float, float], None]
"""Called with (epochs done, mean loss of the epoch)."""


@dataclass(frozen=True)
class Trained:
    """What one call of `Trainer.train` did.

    Args:
        epochs: Passes over the data that the network has seen altogether.
        train_s: Seconds in training steps, the first (which traces) left out.
        curve: One entry an epoch: `{"epoch", "loss", "learning_rate"}`.
        stopped: True where `should_stop` ended it before the schedule did.
    """

    epochs: float
    train_s: float
    curve: tuple[dict[str, float], ...]
    stopped: bool = False


class Trainer:
    """Trains one architecture with one recipe; can be stopped, stored and continued.

    Args:
        architecture: Output must be `(classes,)` logits.
        recipe: Optimizer and augmentation. The batch is halved on running out of memory.
        data: The training part.
        augment: Makes batches of the data.
        policy: Keras dtype policy.
        seed: Of weights, dropout, shuffling and augmentation.
        class_weights: Weight of each class in the loss, shape `(classes,)`; None for ones.
        constants: Weights that the data gives and training leaves alone, by path.
        initial: Weights that training begins with, by path; the others begin at random.
    """

    def __init__(
        self,
        architecture: Architecture,
        recipe: Recipe,
        data: ExampleSet,
        augment: Augmenter,
        *,
        policy: str = "float32",
        seed: int = 0,
        class_weights: Array | None = None,
        constants: Mapping[str, Array] | None = None,
        initial: Mapping[str, Array] | None = None,
    ):
        self.architecture = architecture
        self.recipe = recipe
        self.seed = seed
        self.data = data
        self._augment = augment
        (classes,) = architecture.output_shape
        weights = np.ones(classes) if class_weights is None else class_weights
        self._class_weights = tf.constant(weights, tf.float32)
        keras.utils.set_random_seed(derive_seed("weights", seed=seed))
        # CPUs multiply matrices in bfloat16; most else takes them longer in it than in float32.
        self.model = architecture.build(policy=policy, products_only=not on_gpu())
        self.batch_size = min(recipe.batch_size, len(data))
        self._parts = parts_of(self.batch_size)
        self._forgetting = fuse_batch_norms(self.model, updates=self._parts)
        slice_convolutions(self.model)
        set_constants(self.model, constants or {})
        set_weights(self.model, initial or {})
        known = {id(v) for v in self.model.weights}
        self._randomness = [v for v in self.model.variables if id(v) not in known]
        self._learner = architecture.learner(self.model)
        self._adversary = None
        if recipe.adversarial and vector_layers(architecture):
            counts = np.bincount(data.labels, minlength=classes)
            self._adversary = Adversary(architecture, self._learner, counts / len(data))
        self._optimizer = self._make_optimizer(policy, came_trained=frozenset(initial or ()))
        self._step = tf.function(self._train_step, autograph=False, jit_compile=False)
        self._infer = tf.function(
            lambda x: tf.nn.softmax(self.model(x, training=False)),
            input_signature=[input_spec(architecture)],
            autograph=False,
            jit_compile=False,
        )
        self._traced = False
        self.steps = 0
        self.epochs = 0.0

    @property
    def epoch_steps(self) -> int:
        """Steps in one pass over the training data."""
        return steps_per_epoch(len(self.data), self.batch_size)

    def _make_optimizer(self, policy: str, came_trained: frozenset[str]) -> Any:
        # Steps of one size for all directions would soon undo what came trained.
        orthogonal = [p for p in orthogonal_kernels(self.model) if p not in came_trained]
        faster = FASTER if orthogonal and is_normalised(self.model) else 1.0
        self._peak_rate = faster * self.recipe.learning_rate
        optimizer = MuonAdamW(
            self._peak_rate,
            weight_decay=self.recipe.weight_decay,
            epsilon=self.recipe.epsilon,
            global_clipnorm=CLIP_NORM,
            orthogonal=orthogonal,
            rate=self.recipe.orthogonal_rate / faster,
            name="muon_adam_w",
        )
        optimizer.exclude_from_weight_decay(
            var_list=[v for v in self.model.trainable_variables if len(v.shape) < 2]
        )
        if policy == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(self.model.trainable_variables)
        return optimizer

    def _train_step(self, x: tf.Tensor, y: tf.Tensor, radius: tf.Tensor | None = None) -> tf.Tensor:
        size = tf.shape(x)[0]
        ends = [size * part // self._parts for part in range(self._parts + 1)]
        with tf.GradientTape() as tape, self._forgetting.in_step(self._optimizer.iterations):
            sums = [self._loss(x[a:b], y[a:b], radius) for a, b in pairwise(ends)]
            loss = tf.add_n(sums) / tf.cast(size, tf.float32)
            scaled = self._optimizer.scale_loss(loss)
        variables = self.model.trainable_variables
        self._optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables))
        return loss

    def _loss(self, x: tf.Tensor, y: tf.Tensor, radius: tf.Tensor | None = None) -> tf.Tensor:
        """Sum over the examples."""

        def loss_of(logits: tf.Tensor) -> tf.Tensor:
            losses = tf.nn.softmax_cross_entropy_with_logits(
                y, tf.broadcast_to(logits, tf.shape(y))
            )
            return tf.reduce_sum(losses * tf.linalg.matvec(y, self._class_weights))

        if self._adversary is not None and radius is not None:
            return self._adversary.loss(x, radius, loss_of)
        return loss_of(self._learner(x, training=True))

    def train(
        self,
        progress: Callable[[float], float],
        schedule: Callable[[float], float],
        *,
        planned_epochs: float,
        should_stop: Callable[[], bool] = lambda: False,
        on_epoch: EpochReport = lambda epochs, loss: None,
    ) -> Trained:
        """Trains until `progress` reaches 1 or `should_stop` says so.

        Args:
            progress: Share done, in [0, 1], given the epochs that the network has seen
                altogether; a share of the epochs, or of the seconds until a deadline.
            schedule: Factor of the peak learning rate at a share done.
            planned_epochs: Epochs that the network will have seen at the end; decides how
                strong the augmentation is.
            should_stop: Asked between two steps.
            on_epoch: Told of each whole epoch of this call.

        Raises:
            TrialFailedError: The loss is no number any more, or memory does not suffice even
                for a batch of `SMALLEST_BATCH`.
        """
        while True:
            try:
                return self._train(progress, schedule, planned_epochs, should_stop, on_epoch)
            except (tf.errors.ResourceExhaustedError, MemoryError) as error:
                if self.batch_size // 2 < SMALLEST_BATCH:
                    raise TrialFailedError(
                        f"out of memory at a batch of {self.batch_size}", infeasible=True
                    ) from error
                self.batch_size //= 2

    def _train(
        self,
        progress: Callable[[float], float],
        schedule: Callable[[float], float],
        planned_epochs: float,
        should_stop: Callable[[], bool],
        on_epoch: EpochReport,
    ) -> Trained:
        recipe = self.recipe.for_epochs(planned_epochs)
        batches = Batches(
            self.data,
            self._augment,
            recipe,
            batch_size=self.batch_size,
            seed=self.seed,
            start=self.steps,
        )
        epoch_steps = self.epoch_steps
        before = self.epochs
        done, train_s, stopped = 0, 0.0, False
        losses: list[tf.Tensor] = []
        curve: list[dict[str, float]] = []
        with batches:
            while (share := progress(self.epochs)) < 1:
                if should_stop():
                    stopped = True
                    break
                rate = self._peak_rate * schedule(share)
                self._optimizer.learning_rate = rate
                x, y = next(batches)
                started = time.perf_counter()
                radius = None  # which another trace takes than a number
                if recipe.adversarial:
                    radius = tf.constant(growing(recipe.adversarial, share))
                losses.append(self._step(x, y, radius))
                if self._traced:
                    train_s += time.perf_counter() - started
                self._traced = True
                done += 1
                self.steps += 1
                self.epochs = before + done / epoch_steps
                if done % epoch_steps == 0:
                    curve.append(self._epoch_ended(losses, rate))
                    on_epoch(self.epochs, curve[-1]["loss"])
                    losses.clear()
            if losses:
                curve.append(self._epoch_ended(losses, rate))
        return Trained(self.epochs, train_s, tuple(curve), stopped)

    def _epoch_ended(self, losses: Sequence[tf.Tensor], rate: float) -> dict[str, float]:
        loss = float(np.mean([float(value) for value in losses]))
        if not math.isfinite(loss):
            raise TrialFailedError(
                f"the loss became {loss} in epoch {self.epochs:.1f} "
                f"(learning rate {self._peak_rate:g})"
            )
        return {"epoch": round(self.epochs, 3), "loss": loss, "learning_rate": rate}

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float32]:
        """Class probabilities.

        Args:
            inputs: As they are stored, `(n, *input_shape)`, any number type.

        Returns:
            Shape `(n, classes)`; rows sum to 1.
        """
        return predict_in_batches(self._infer, inputs, self.architecture)

    def weights(self) -> list[Array]:
        """The model's weights, float32, in Keras's order."""
        return [np.asarray(value, np.float32) for value in self.model.get_weights()]

    def named_weights(self) -> dict[str, Array]:
        """The model's weights, float32, by their path, such as `stem_conv/kernel`."""
        return {v.path: value for v, value in zip(self.model.weights, self.weights())}

    def inherit(self, weights: Mapping[str, Array], epochs: float) -> None:
        """Begins with weights that have seen so many epochs; the optimizer begins afresh."""
        self.model.set_weights([weights[v.path] for v in self.model.weights])
        self.epochs = epochs

    def state(self) -> dict[str, list[Array]]:
        """Everything needed to continue: weights, optimizer state, where dropout's random numbers
        are, steps and epochs done."""
        return {
            "weights": self.weights(),
            "optimizer": [np.asarray(v.numpy()) for v in self._optimizer.variables],
            "randomness": [np.asarray(v.numpy()) for v in self._randomness],
            "progress": [np.asarray([self.steps, self.batch_size]), np.asarray([self.epochs])],
        }

    def restore(self, state: dict[str, list[Array]]) -> None:
        """Puts back what `state` gave, in a trainer of the same architecture and recipe."""
        self.model.set_weights(state["weights"])
        for variable, value in zip(self._optimizer.variables, state["optimizer"], strict=True):
            variable.assign(value)
        for variable, value in zip(self._randomness, state.get("randomness", ()), strict=False):
            variable.assign(value)  # none in files of earlier versions
        (steps, batch_size), (epochs,) = state["progress"]
        self.steps, self.batch_size, self.epochs = int(steps), int(batch_size), float(epochs)


def parts_of(batch_size: int) -> int:
    """In how many parts, side by side, a batch of so many examples is computed here: see
    `HALVED_FROM`."""
    return 2 if batch_size >= HALVED_FROM and not on_gpu() else 1


def on_gpu() -> bool:
    """Whether TensorFlow finds a GPU, which it then computes on."""
    return bool(tf.config.list_physical_devices("GPU"))


def input_spec(architecture: Architecture) -> tf.TensorSpec:
    """What the network takes, with the batch first."""
    return tf.TensorSpec((None, *architecture.input_shape), architecture.input_dtype)


def predict_in_batches(
    infer: Callable[[tf.Tensor], tf.Tensor], inputs: Array, architecture: Architecture
) -> npt.NDArray[np.float32]:
    """Applies a compiled function to examples, two batches at once; memory-mapped sets welcome."""
    dtype = architecture.input_dtype

    def answers(first: int) -> Array:
        batch = np.asarray(inputs[first : first + PREDICT_BATCH])
        found: Array = infer(tf.cast(batch, dtype)).numpy()
        return found

    with ThreadPoolExecutor(2) as threads:
        parts = list(threads.map(answers, range(0, len(inputs), PREDICT_BATCH)))
    empty = np.empty((0, *architecture.output_shape), np.float32)
    return np.concatenate([empty, *parts])
