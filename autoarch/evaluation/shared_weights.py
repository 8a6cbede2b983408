"""Evaluation with shared weights: no training, one look at calibration and validation examples."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from autoarch.data.dataset import ExampleSet
from autoarch.evaluation.evaluator import StoppedError
from autoarch.objectives import Objective, classification_metrics
from autoarch.seeding import rng
from autoarch.spaces import Candidate
from autoarch.supernet.path import BatchStatistics, GivenStatistics
from autoarch.supernet.training import Supernet
from autoarch.trials import Fidelity, Measurement

CALIBRATED_ON = 128
"""Training examples from which each network's batch norms take their statistics."""

EVALUATED_ON = 1000
"""Most validation examples that a score is measured on."""

BATCH = 512


class SharedWeightsEvaluator:
    """Scores candidates with a trained supernet's weights; an `Evaluator` like any other.

    The statistics of batch norms belong to a network, not to the shared weights: they are taken
    from training examples for each network before it is scored.

    Args:
        supernet: Trained.
        train: Training part, for calibration.
        valid: Validation part.
        objective: What is optimised.
        seed: Of the choice of examples.

    Source: Yu and Huang (2019), "Universally slimmable networks", section 3.1.
    """

    def __init__(
        self,
        supernet: Supernet,
        train: ExampleSet,
        valid: ExampleSet,
        objective: Objective,
        *,
        seed: int = 0,
    ):
        self._supernet = supernet
        self._objective = objective
        some = _some(len(train), CALIBRATED_ON, seed)
        self._calibration = np.asarray(train.inputs[some])
        shown = _some(len(valid), EVALUATED_ON, seed)
        self._inputs, self._labels = np.asarray(valid.inputs[shown]), valid.labels[shown]

    def evaluate(
        self,
        candidate: Candidate,
        trial: int,
        fidelity: Fidelity,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        on_epoch: Callable[[float, float], None] = lambda epochs, loss: None,
    ) -> Measurement:
        """See `Evaluator.evaluate`; the fidelity is the supernet's own whatever is asked for."""
        started = time.perf_counter()
        if should_stop():
            raise StoppedError
        weights = self._supernet.weights(candidate.architecture)
        run = partial(self._supernet.run, candidate.architecture, weights)
        by_batch = BatchStatistics()
        run(self._calibration, by_batch)
        given = GivenStatistics(by_batch.seen)
        probabilities = [
            tf.nn.softmax(run(self._inputs[first : first + BATCH], given)).numpy()
            for first in range(0, len(self._inputs), BATCH)
        ]
        metrics = classification_metrics(self._labels, np.concatenate(probabilities))
        return Measurement(
            score=self._objective.score(metrics),
            metrics=metrics,
            epochs=fidelity.epochs,
            train_s=0.0,
            wall_s=time.perf_counter() - started,
        )


def _some(available: int, wanted: int, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Places of at most `wanted` examples, drawn at random, in order."""
    count = min(available, wanted)
    return np.sort(rng("shared weights", available, seed=seed).choice(available, count, False))
