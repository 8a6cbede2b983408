"""Evaluation by training: so many epochs, then the score on the validation part."""

from __future__ import annotations

import gc
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from autoarch.architecture import Architecture
from autoarch.architecture.inherit import inherit_weights
from autoarch.data.dataset import ExampleSet
from autoarch.data.folds import Fold
from autoarch.errors import TrialFailedError
from autoarch.evaluation.evaluator import StoppedError
from autoarch.objectives import Objective, classification_metrics
from autoarch.seeding import derive_seed, rng
from autoarch.spaces import Candidate
from autoarch.training.augment import Augmenter, make_augmenter
from autoarch.training.constants import set_constants
from autoarch.training.fit import Array, Trained, Trainer
from autoarch.training.schedule import warm_up_cosine
from autoarch.trials import Fidelity, Measurement, RunDirectory, load_arrays, save_arrays
from autoarch.trials.run_directory import write_json

Constants = Callable[[Architecture], Mapping[str, Array]]
"""The weights of a network that the data gives."""

KEEP_ALIVE = 3
"""Networks kept in memory with their traced steps, so that a promotion traces nothing again."""

PROBE_STEPS = 3
PROBE_S = 1.0
"""Steps that are timed at least, and seconds until which there are more."""


class TrainEvaluator:
    """Trains candidates and scores them on the validation part.

    Each trial's full state (weights and optimizer) is checkpointed when it has been measured, and
    a promotion carries on from there.

    Args:
        train: Training part.
        valid: Validation part.
        objective: What is optimised.
        run: Where checkpoints go.
        policy: Keras dtype policy.
        seed: The run's seed; each trial gets streams of its own.
        class_weights: Weight of each class in the loss, or None.
        augmenter: Makes the augmentation for inputs of a shape and a number of classes.
        inherit: Whether each trial's weights at its first measurement are kept for children.
        keep_answers: Whether each trial's answers on the validation part are kept.

    Attributes:
        folds: Further splits, each with the weights that its data gives a network; a trial is
            trained on each of them, and its score is that on all validation parts together. What
            is carried on in the end is what the own training part taught.
    """

    def __init__(
        self,
        train: ExampleSet,
        valid: ExampleSet,
        objective: Objective,
        run: RunDirectory,
        *,
        classes: int,
        policy: str = "float32",
        seed: int = 0,
        class_weights: Array | None = None,
        augmenter: Callable[[tuple[int, ...], int], Augmenter] = make_augmenter,
        inherit: bool = False,
        keep_answers: bool = False,
    ):
        self.train = train
        self.valid = valid
        self.objective = objective
        self._run = run
        self.policy = policy
        self.seed = seed
        self.class_weights = class_weights
        self._classes = classes
        self._keeps_first = inherit
        self._keeps_answers = keep_answers
        self._augmenters: dict[tuple[int, ...], Augmenter] = {}
        self._make_augmenter = augmenter
        self._alive: OrderedDict[int, Trainer] = OrderedDict()
        self.folds: Sequence[tuple[Fold, Constants]] = ()

    def evaluate(
        self,
        candidate: Candidate,
        trial: int,
        fidelity: Fidelity,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        on_epoch: Callable[[float, float], None] = lambda epochs, loss: None,
    ) -> Measurement:
        """See `Evaluator.evaluate`."""
        started = time.perf_counter()
        looks: list[tuple[Trained, Array]] = []

        def told(epochs: float, loss: float) -> None:
            ahead = len(looks) * (fidelity.epochs - fidelity.done) + epochs - fidelity.done
            on_epoch(fidelity.done + ahead / (len(self.folds) + 1), loss)

        try:
            for place in range(len(self.folds)):
                looks.append(self._on_fold(place, candidate, trial, fidelity, should_stop, told))
            trainer = self.trainer(candidate, trial, done=fidelity.done)
            trained = _train_to(fidelity, trainer, should_stop, told)
        except (TrialFailedError, StoppedError):
            self.forget(trial)
            raise
        answers = trainer.predict_proba(self.valid.inputs)
        metrics = classification_metrics(
            np.concatenate([*(fold.valid.labels for fold, _ in self.folds), self.valid.labels]),
            np.concatenate([*(found for _, found in looks), answers]),
        )
        save_arrays(self._run.checkpoint_file(trial), **trainer.state())
        if self._keeps_answers:
            save_arrays(self._run.answers_file(trial), answers=[answers])
        write_json(self._run.architecture_file(trial), candidate.architecture.to_json())
        first = self._run.first_weights_file(trial)
        if self._keeps_first and not first.exists():
            save_arrays(first, **{path: [w] for path, w in trainer.named_weights().items()})
        return Measurement(
            score=self.objective.score(metrics),
            metrics=metrics,
            epochs=trainer.epochs,
            train_s=trained.train_s + sum(look.train_s for look, _ in looks),
            wall_s=time.perf_counter() - started,
            curve=trained.curve,
            batch_size=trainer.batch_size,
        )

    def _on_fold(
        self,
        place: int,
        candidate: Candidate,
        trial: int,
        fidelity: Fidelity,
        should_stop: Callable[[], bool],
        on_epoch: Callable[[float, float], None],
    ) -> tuple[Trained, Array]:
        """Trains a trial on another split with the same trace, and asks it for its answers there;
        then the trial is as before."""
        fold, constants = self.folds[place]
        trainer = self.trainer(candidate, trial, done=fidelity.done)
        own, data = trainer.state(), trainer.data
        file = self._run.fold_file(trial, place)
        if fidelity.done:
            trainer.restore(load_arrays(file))
        trainer.data = fold.train
        set_constants(trainer.model, constants(candidate.architecture))
        trained = _train_to(fidelity, trainer, should_stop, on_epoch)
        answers = trainer.predict_proba(fold.valid.inputs)
        save_arrays(file, **trainer.state())
        trainer.data = data
        trainer.restore(own)
        return trained, answers

    def inherit(
        self,
        candidate: Candidate,
        trial: int,
        parent: Candidate,
        parent_trial: int,
        *,
        epochs: float,
    ) -> float:
        """Begins a trial with weights of another.

        Args:
            candidate: The child.
            trial: Its number.
            parent: The candidate whose weights at its first measurement are taken.
            parent_trial: Its number.
            epochs: Passes behind those weights; `evaluate` then goes on with them as `done`.

        Returns:
            Share of the weights that is inherited.
        """
        stored = load_arrays(self._run.first_weights_file(parent_trial))
        trainer = self.trainer(candidate, trial, done=0)
        found = inherit_weights(
            parent.architecture,
            {path: weight for path, (weight,) in stored.items()},
            candidate.architecture,
            trainer.named_weights(),
            rng("inherit", trial, seed=self.seed),
        )
        trainer.inherit(found.weights, epochs)
        return found.share

    def weights(self, candidate: Candidate, trial: int, *, done: float) -> dict[str, Array]:
        """A trial's weights after so many epochs, the last that were measured, by their path."""
        return self.trainer(candidate, trial, done=done).named_weights()

    def measure(self, trainer: Trainer) -> dict[str, float]:
        """Metrics of a trainer's network on the validation part."""
        probabilities = trainer.predict_proba(self.valid.inputs)
        return classification_metrics(self.valid.labels, probabilities)

    def trainer(self, candidate: Candidate, trial: int, *, done: float) -> Trainer:
        """The trial's trainer: alive, from its checkpoint, or new where `done` is 0."""
        if trial in self._alive:
            self._alive.move_to_end(trial)
            trainer = self._alive[trial]
            if trainer.epochs == done:
                return trainer
            self.forget(trial)
        while len(self._alive) >= KEEP_ALIVE:
            self.forget(next(iter(self._alive)))
        trainer = self.new_trainer(candidate, trial, self.train)
        if done:
            trainer.restore(load_arrays(self._run.checkpoint_file(trial)))
        self._alive[trial] = trainer
        return trainer

    def new_trainer(self, candidate: Candidate, trial: int, data: ExampleSet) -> Trainer:
        """A fresh network of a trial, to be trained on `data`."""
        return Trainer(
            candidate.architecture,
            candidate.recipe,
            data,
            self.augmenter(data),
            policy=self.policy,
            seed=derive_seed("trial", trial, seed=self.seed),
            class_weights=self.class_weights,
            constants=candidate.constants,
            initial=candidate.initial(),
        )

    def augmenter(self, data: ExampleSet) -> Augmenter:
        """What makes batches of `data`; compiled once for a shape."""
        shape = data.inputs.shape[1:]
        if shape not in self._augmenters:
            self._augmenters[shape] = self._make_augmenter(shape, self._classes)
        return self._augmenters[shape]

    def seconds_per_epoch(self, candidate: Candidate) -> float:
        """Times some steps of trial 0, which then starts afresh with its step already traced."""
        trainer = self.trainer(candidate, 0, done=0)
        fresh = trainer.state()
        begun: list[float] = []

        def enough() -> bool:
            begun.append(time.perf_counter())
            steps = len(begun) - 2  # the first one is traced
            return steps >= PROBE_STEPS and begun[-1] - begun[1] >= PROBE_S

        trainer.train(lambda epochs: 0.0, lambda share: 0.0, planned_epochs=1, should_stop=enough)
        trainer.restore(fresh)
        # A median: how many networks are trained must not depend on what else the machine did.
        return float(np.median(np.diff(begun)[1:])) * trainer.epoch_steps

    def forget(self, trial: int) -> None:
        """Frees a trial's network; its checkpoint stays."""
        if self._alive.pop(trial, None) is not None:
            if not self._alive:
                keras.backend.clear_session()
            gc.collect()


def _train_to(
    fidelity: Fidelity,
    trainer: Trainer,
    should_stop: Callable[[], bool],
    on_epoch: Callable[[float, float], None],
) -> Trained:
    """Trains to a fidelity; not at all where that has been reached: the process was killed after
    the checkpoint and before the log's line.

    Raises:
        StoppedError: `should_stop` ended it.
    """
    before = trainer.epochs
    if before >= fidelity.epochs:
        return Trained(before, 0.0, ())
    trained = trainer.train(
        lambda epochs: (epochs - before) / (fidelity.epochs - before),
        warm_up_cosine,
        planned_epochs=fidelity.epochs,
        should_stop=should_stop,
        on_epoch=on_epoch,
    )
    if trained.stopped:
        raise StoppedError
    return trained
