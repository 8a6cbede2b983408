"""A `keras_tuner.Tuner` whose promotions really go on: weights and optimizer state are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from keras_tuner.engine.trial import Trial

from autoarch.errors import InvalidInputError
from autoarch.oracles.fidelity import fidelity_of, promoted_from
from autoarch.trials import load_arrays, save_arrays


class CarryOn(keras.callbacks.Callback):
    """Begins training where an earlier one ended, and keeps where this one ends.

    Weights, optimizer state (moments, the step that learning rate schedules count) and the states
    of random seeds are kept, in the order in which the model and its optimizer list them.

    Args:
        begin: File of the state to begin with, or None for a fresh model.
        end: File for the state after the last epoch.
    """

    def __init__(self, begin: Path | None, end: Path):
        super().__init__()
        self.begin = begin
        self.end = end

    def on_train_begin(self, logs: Any = None) -> None:
        if self.begin is None:
            return
        if not self.begin.exists():
            raise FileNotFoundError(
                f"The trial to go on from has left no {self.begin}. Does `HyperModel.fit` pass its "
                "`callbacks` on to `model.fit`?"
            )
        state = load_arrays(self.begin)
        self.model.optimizer.build(self.model.trainable_variables)
        for group, variables in self._variables().items():
            for variable, value in zip(variables, state.get(group, []), strict=True):
                variable.assign(value)

    def on_train_end(self, logs: Any = None) -> None:
        groups = self._variables().items()
        state = {name: [keras.ops.convert_to_numpy(v) for v in group] for name, group in groups}
        save_arrays(self.end, **state)

    def _variables(self) -> dict[str, list[Any]]:
        return {"model": self.model.variables, "optimizer": self.model.optimizer.variables}


class HalvingTuner(keras_tuner.Tuner):
    """Trains as long as the oracle says, and goes on where the promoted trial ended.

    For `HalvingOracle`, and for KerasTuner's `HyperbandOracle`: `keras_tuner.Hyperband` goes on
    from the weights of the best epoch, with a fresh optimizer. Here a promotion is the training
    that it would have been without a break, the order of the examples aside. Callbacks begin anew.

    Args:
        oracle: Any oracle that puts `tuner/epochs` among a trial's values; without it a trial
            trains as in a plain `keras_tuner.Tuner`.
        hypermodel: As in `keras_tuner.Tuner`. A `HyperModel.fit` of one's own passes `epochs`,
            `initial_epoch` and `callbacks` on to `model.fit`.
        **kwargs: As in `keras_tuner.Tuner`.

    Raises:
        InvalidInputError: `executions_per_trial` is not 1: there is one state to go on from.

    Example:
        >>> from autoarch.oracles import HalvingOracle
        >>> oracle = HalvingOracle("val_loss", max_trials=60, oracle="evolution", max_epochs=27)
        >>> tuner = HalvingTuner(oracle, build_model, directory="runs")  # doctest: +SKIP
        >>> tuner.search(x, y, validation_data=(x_valid, y_valid))       # doctest: +SKIP
    """

    def __init__(self, oracle: keras_tuner.Oracle, hypermodel: Any = None, **kwargs: Any):
        executions = kwargs.get("executions_per_trial", 1)
        if executions != 1:
            raise InvalidInputError(
                f"`executions_per_trial` of HalvingTuner must be 1; got {executions}."
            )
        super().__init__(oracle=oracle, hypermodel=hypermodel, **kwargs)

    def run_trial(self, trial: Trial, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """See `keras_tuner.Tuner`; `epochs` is the oracle's."""
        values = trial.hyperparameters.values
        fidelity = fidelity_of(values)
        if fidelity is not None:
            parent = promoted_from(values)
            begin = None if parent is None else self._state_path(parent)
            fit_kwargs["epochs"] = fidelity.epochs
            fit_kwargs["initial_epoch"] = fidelity.done
            fit_kwargs["callbacks"] = [
                *fit_kwargs.get("callbacks", ()),
                CarryOn(begin, self._state_path(trial.trial_id)),
            ]
        return super().run_trial(trial, *fit_args, **fit_kwargs)

    def _build_hypermodel(self, hp: keras_tuner.HyperParameters) -> Any:
        model = super()._build_hypermodel(hp)
        parent = promoted_from(hp.values)
        if parent is not None and not model.built:
            # Without an input shape Keras builds a model in its first step: too late to go on.
            shapes = Path(self._get_build_config_fname(parent)).read_text()
            model.build_from_config(json.loads(shapes))
        return model

    def _state_path(self, trial_id: str) -> Path:
        return Path(self.get_trial_dir(trial_id)) / "state.npz"
