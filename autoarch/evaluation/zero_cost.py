"""Scores of networks that are not trained: from one batch, one forward and one backward pass.

They are meant for leaving out the worst of many networks before anything is trained, and as
inputs of a model of the accuracy. Parameters and multiply-adds cost less still: a proxy that does
not beat these is worth nothing (see `benchmarks/zero_cost.md`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from autoarch.architecture import Architecture
from autoarch.architecture.ops.activation import Activation
from autoarch.architecture.ops.dropout import Dropout
from autoarch.data.dataset import ExampleSet
from autoarch.errors import InvalidInputError, TrialFailedError
from autoarch.evaluation.evaluator import StoppedError
from autoarch.objectives import Objective
from autoarch.seeding import derive_seed, rng
from autoarch.spaces import Candidate
from autoarch.training.sliced_conv import slice_convolutions
from autoarch.trials import Fidelity, Measurement

Array = npt.NDArray[Any]

SMALL = 1e-30
"""What synflow's ones are scaled by: deep networks of absolute weights would leave float32's range.
A network of relus gives the same score, others count by their slopes at zero."""

JACOBIAN_FLOOR = 1e-5

EXAMPLES = 32
"""Training examples that networks are scored on."""


@dataclass(frozen=True, eq=False)
class Batch:
    """What networks are scored on.

    Args:
        inputs: As a network takes them, float32 `(n, *input_shape)`; pixels in [0, 255].
        labels: Integers `(n,)`.
    """

    inputs: tf.Tensor
    labels: tf.Tensor

    @classmethod
    def of(cls, inputs: Array, labels: Array) -> Batch:
        """From arrays of any number types."""
        return cls(tf.cast(inputs, tf.float32), tf.cast(labels, tf.int64))


def naswot(model: Any, batch: Batch) -> float:
    """Log-determinant of how alike the examples' patterns of active units are.

    Each activation splits the examples into those that it lets through and those that it does not.
    Entry (i, j) of the kernel counts the units that treat examples i and j alike. Networks that
    tell all examples apart have a kernel near a multiple of the identity, and a large determinant.

    Returns:
        Larger is better; very small or -inf where two examples have the same pattern, -inf where
        nothing is active.

    Source: Mellor et al. (2021), "Neural architecture search without training", equation 2.
    """
    # A unit is let through where its input is positive. The output says the same of a relu, but not
    # of the sigmoid that a silu is written with.
    entering = [layer.input for layer in model.layers if _is_activation(layer)]
    if not entering:
        return -math.inf
    n = int(batch.inputs.shape[0])
    kernel = np.zeros((n, n))
    entered_by = keras.Model(model.input, entering)(batch.inputs, training=True)
    for entered in keras.tree.flatten(entered_by):  # Keras unpacks a list of one
        code = tf.cast(tf.reshape(entered, (n, -1)) > 0, tf.float32)
        kernel += tf.matmul(code, code, transpose_b=True).numpy()
        kernel += tf.matmul(1 - code, 1 - code, transpose_b=True).numpy()
    sign, log_determinant = np.linalg.slogdet(kernel)
    return float(log_determinant) if sign > 0 else -math.inf


def _is_activation(layer: Any) -> bool:
    return isinstance(layer, keras.layers.Activation | keras.layers.ReLU)


def synflow(model: Any, batch: Batch) -> float:
    """Logarithm of the flow through the absolute weights: the sum of w dR/dw over all of them.

    R is the sum of the outputs for an input of ones, all weights replaced by their absolute
    values, batch norms doing nothing. No example is looked at. With log R the sum is
    R times the sum of w dlog(R)/dw, which does not overflow.

    Returns:
        Larger is better; -inf where no way leads from input to output.

    Source: Tanaka et al. (2020), "Pruning neural networks without any data by iteratively
    conserving synaptic flow", equation 3; Abdelfattah et al. (2021), "Zero-cost proxies for
    lightweight NAS", section 3.2.
    """
    body = _behind_rescaling(model)
    weights = [v for v in body.trainable_variables if len(v.shape) > 1]
    with _unchanged(model):
        for weight in weights:
            weight.assign(tf.abs(weight))
        ones = tf.fill((1, *body.input.shape[1:]), SMALL)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(body(ones, training=False))
            log_total = tf.math.log(total)
        if float(total) <= 0:
            return -math.inf
        gradients = tape.gradient(log_total, weights)
        share = sum(
            float(tf.reduce_sum(weight * gradient))
            for weight, gradient in zip(weights, gradients)
            if gradient is not None
        )
    return float(log_total) - math.log(SMALL) + math.log(share) if share > 0 else -math.inf


def _behind_rescaling(model: Any) -> Any:
    """The network from where pixels have been rescaled."""
    for layer in model.layers[1:2]:
        if isinstance(layer, keras.layers.Rescaling):
            return keras.Model(layer.output, model.output)
    return model


def jacob_cov(model: Any, batch: Batch) -> float:
    """How uncorrelated the examples' gradients are, of the outputs by the input.

    Returns:
        Larger is better; -inf where a gradient is zero everywhere.

    Source: Mellor et al. (2020), "Neural architecture search without training", version 1 of the
    preprint, section 3; in this form in Abdelfattah et al. (2021), section 3.2.
    """
    with tf.GradientTape() as tape:
        tape.watch(batch.inputs)
        outputs = model(batch.inputs, training=True)
    jacobian = tape.gradient(outputs, batch.inputs)
    if jacobian is None:
        return -math.inf
    rows = np.reshape(jacobian.numpy(), (len(jacobian), -1)).astype(np.float64)
    if not np.isfinite(rows).all() or (rows.std(axis=1) == 0).any():
        return -math.inf
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(rows)) + JACOBIAN_FLOOR
    eigenvalues = np.maximum(eigenvalues, JACOBIAN_FLOOR)  # rounding may leave -1e-16
    return -float(np.sum(np.log(eigenvalues) + 1 / eigenvalues))


def grad_norm(model: Any, batch: Batch) -> float:
    """Sum of the norms of the loss's gradients, one norm a weight.

    Returns:
        Larger is better.

    Source: Abdelfattah et al. (2021), section 3.1.
    """
    weights = [v for v in model.trainable_variables if len(v.shape) > 1]
    with tf.GradientTape() as tape:
        logits = model(batch.inputs, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch.labels, logits)
        loss = tf.reduce_mean(losses)
    gradients = [g for g in tape.gradient(loss, weights) if g is not None]
    return float(sum(tf.norm(gradient) for gradient in gradients))


PROXIES: dict[str, Callable[[Any, Batch], float]] = {
    "naswot": naswot,
    "synflow": synflow,
    "jacob_cov": jacob_cov,
    "grad_norm": grad_norm,
}
"""By name; each takes a Keras model with fresh weights, pixels to logits, and leaves it as it was
but for the moving means of its batch norms."""


def zero_cost_scores(
    architecture: Architecture,
    batch: Batch,
    *,
    names: Sequence[str] = tuple(PROXIES),
    seed: int = 0,
) -> dict[str, float]:
    """Scores of a network by the name of the proxy; of each, larger is better.

    Args:
        architecture: Output must be `(classes,)` logits.
        batch: Some training examples; 32 are enough.
        names: Keys of `PROXIES`.
        seed: Of the weights.

    Returns:
        Finite numbers, or -inf for a network that lets nothing through.

    Example:
        >>> from autoarch.spaces.references import resnet8
        >>> pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3))
        >>> scores = zero_cost_scores(resnet8((8, 8, 3), 2), Batch.of(pixels, np.arange(4) % 2))
        >>> sorted(scores), all(np.isfinite(list(scores.values())))
        (['grad_norm', 'jacob_cov', 'naswot', 'synflow'], True)
    """
    keras.utils.set_random_seed(derive_seed("zero cost", seed=seed))
    # Proxies see batches as in training, but what dropout drops says nothing of the network.
    nodes = (
        replace(node, op=Dropout(0.0)) if isinstance(node.op, Dropout) else node
        for node in architecture.nodes
    )
    model = replace(architecture, nodes=tuple(nodes)).build()
    slice_convolutions(model)
    scores = {}
    for name in names:
        with _unchanged(model):  # a moving mean that one proxy moved is none that the next sees
            scores[name] = PROXIES[name](model, batch)
    return scores


@contextmanager
def _unchanged(model: Any) -> Iterator[None]:
    """Puts the weights back at the end."""
    before = model.get_weights()
    try:
        yield
    finally:
        model.set_weights(before)


def require_scorable(architecture: Architecture) -> None:
    """Raises `InvalidInputError` where `ZeroCostEvaluator` sees nothing of a network."""
    if not any(isinstance(node.op, Activation) for node in architecture.live_nodes):
        raise InvalidInputError(
            "`evaluator` zero-cost scores networks by their activations, and those of this space "
            "have none that can be looked at (whole Keras models hide theirs): take another "
            "space, or evaluator 'train'."
        )


class ZeroCostEvaluator:
    """Scores candidates without training them; an `Evaluator` like any other.

    The score is NASWOT's. Synflow looks at no example and mostly counts weights, the two by
    gradients cost a backward pass more, and a sum of ranks would make a network's score depend on
    which others were scored; see `benchmarks/zero_cost.md`.

    Args:
        train: Training part; a few examples of it are looked at.
        objective: What is optimised; the score stands in its place, see `evaluate`.
        seed: Of the choice of examples, and of the weights.

    Source: Mellor et al. (2021), "Neural architecture search without training"; Abdelfattah et al.
    (2021), "Zero-cost proxies for lightweight NAS", section 4, for comparisons.
    """

    proxy = "naswot"

    def __init__(self, train: ExampleSet, objective: Objective, *, seed: int = 0):
        self._batch = different_examples(train, seed)
        self._objective = objective
        self._seed = seed

    def evaluate(
        self,
        candidate: Candidate,
        trial: int,
        fidelity: Fidelity,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        on_epoch: Callable[[float, float], None] = lambda epochs, loss: None,
    ) -> Measurement:
        """See `Evaluator.evaluate`; the fidelity changes nothing.

        Returns:
            The score under the objective's name, its sign turned where less is better, so that
            any oracle can go by it. It is no accuracy: only the order means something.
        """
        started = time.perf_counter()
        if should_stop():
            raise StoppedError
        scores = zero_cost_scores(
            candidate.architecture, self._batch, names=[self.proxy], seed=self._seed
        )
        score = self._objective.utility(scores[self.proxy])
        if not math.isfinite(score):
            raise TrialFailedError("before training it answers different examples alike")
        return Measurement(
            score=score,
            metrics={self._objective.name: score},
            epochs=fidelity.epochs,
            train_s=0.0,
            wall_s=time.perf_counter() - started,
        )


def different_examples(train: ExampleSet, seed: int) -> Batch:
    """`EXAMPLES` at random, or as many as there are.

    Equal ones are taken once: no network can tell them apart, and each would have the score -inf.
    """
    drawn = rng("zero cost", seed=seed).permutation(len(train))[: 2 * EXAMPLES]
    inputs = np.asarray(train.inputs[drawn])
    _, first = np.unique(inputs.reshape(len(inputs), -1), axis=0, return_index=True)
    kept = np.sort(first)[:EXAMPLES]
    return Batch.of(inputs[kept], train.labels[drawn[kept]])
