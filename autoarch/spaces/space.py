"""The contract of a search space: decisions in, an architecture and a recipe out."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import keras_tuner
import numpy.typing as npt

from autoarch.architecture import Architecture
from autoarch.oracles.decisions import DecisionSpace
from autoarch.oracles.limited import descend
from autoarch.spaces.steering import Rule, SteeredHyperParameters, Steering
from autoarch.training.constants import set_constants, set_weights
from autoarch.training.recipe import Recipe, decide_recipe


@dataclass(frozen=True)
class Candidate:
    """What an oracle's decisions stand for.

    Args:
        decisions: Active values by decision name.
        architecture: The network: one network is one trial, see `key`.
        recipe: How it is trained.
        constants: Weights that the data gives and training leaves as they are, by their path in
            the Keras model.
        initial: Gives the weights that training begins with, by path; the others begin at random.
            Called when the network is built, since the weights may take seconds to make.
    """

    decisions: Mapping[str, Any]
    architecture: Architecture
    recipe: Recipe
    constants: Mapping[str, npt.NDArray[Any]] = field(
        default_factory=dict, compare=False, repr=False
    )
    initial: Callable[[], Mapping[str, npt.NDArray[Any]]] = field(
        default=dict, compare=False, repr=False
    )

    @property
    def key(self) -> str:
        """Equal for candidates that are one trial: equal networks of which the same weights are
        trained."""
        if not self.constants:
            return self.architecture.key
        names = "\n".join([self.architecture.key, *sorted(self.constants)])
        return hashlib.blake2b(names.encode(), digest_size=12).hexdigest()


class SearchSpace(keras_tuner.HyperModel, ABC):
    """A family of networks for inputs of one shape.

    Subclasses implement `architecture`, which declares every decision on every call (conditional
    ones inside `hp.conditional_scope`), so that one call makes the whole space known. The
    defaults of the decisions are trial 0: a strong known network for the data at hand.

    A space is a plain `keras_tuner.HyperModel` too: `build(hp)` gives a compiled model.

    Args:
        input_shape: `(height, width, channels)`.
        classes: Number of classes.
        width: Of trial 0, where the space has one; scaled to data and budget by the caller.
        recipe: The recipe of trial 0; the recipe's decisions lie around it.
    """

    name: ClassVar[str] = "own"
    slowness: float = 1.0
    """How long a multiply-add of trial 0 takes in training, relative to the residual space."""
    member_epochs: ClassVar[float] = 30.0
    """Passes from which on a network gains less from more of them than from an average with its
    companions."""
    enough_epochs: ClassVar[float] = math.inf
    """Passes from which on more of them are known to change nothing for the better."""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        classes: int,
        *,
        width: int = 16,
        recipe: Recipe | None = None,
    ):
        super().__init__(name=self.name)
        self.input_shape = tuple(input_shape)
        self.classes = classes
        self.width = width
        self.default_recipe = recipe or Recipe()
        self._rules: dict[str, Rule] = {}

    @abstractmethod
    def architecture(self, hp: Any) -> Architecture:
        """The network for the values in `hp`; its output is `(classes,)` logits."""

    def recipe(self, hp: Any) -> Recipe:
        """The recipe for the values in `hp`."""
        return decide_recipe(hp, self.default_recipe)

    def steer(self, steering: Steering, *, strict: bool = True) -> None:
        """Takes over what a user decides beforehand, in place of what was taken over before.

        Args:
            steering: Values of trial 0, frozen decisions, forbidden values.
            strict: See `Steering.rules`.

        Raises:
            InvalidInputError: See `Steering.rules`.
        """
        self._rules = {}
        declared = DecisionSpace.from_hyperparameters(self.hyperparameters())
        self._rules = steering.rules(declared, self.name, strict=strict)

    def hyperparameters(self) -> keras_tuner.HyperParameters:
        """All decisions of the space, set to trial 0."""
        hp = SteeredHyperParameters(self._rules)
        self.architecture(hp)
        self.recipe(hp)
        return hp

    def candidate(self, decisions: Mapping[str, Any]) -> Candidate:
        """The candidate that active decisions stand for.

        Args:
            decisions: Values by name; a decision left out takes its default.
        """
        hp = SteeredHyperParameters(self._rules)
        hp.values = dict(decisions)
        architecture, recipe = self.architecture(hp), self.recipe(hp)
        active = {d.name: hp.values[d.name] for d in hp.space if hp.is_active(d)}
        return Candidate(active, architecture, recipe, self.constants(architecture))

    def constants(self, architecture: Architecture) -> dict[str, npt.NDArray[Any]]:
        """Weights of a network that the data gives, see `Candidate`; none by default."""
        return {}

    def cheapest(self, cost: Callable[[Architecture], float]) -> Candidate:
        """The network of the space that costs least.

        Found by `descend`: exact where a cheaper value of a decision is cheaper whatever the
        others are, as with parameters, multiply-adds and file sizes. Of equal costs the one with
        fewer parameters counts as cheaper.

        Args:
            cost: Of an architecture; smaller is better.

        Example:
            >>> from autoarch.spaces import MobileSpace
            >>> space = MobileSpace((32, 32, 3), 10)
            >>> space.cheapest(lambda network: network.params).architecture.params < 10_000
            True
        """
        declared = SteeredHyperParameters(self._rules)
        self.architecture(declared)
        decisions = DecisionSpace.from_hyperparameters(declared)

        def use(setting: Mapping[str, Any]) -> tuple[float, float]:
            network = self.candidate(setting).architecture
            return cost(network), network.params

        return self.candidate(descend(decisions, decisions.activate({}), use))

    def yardstick(self) -> Candidate:
        """The candidate whose multiply-adds others may not much exceed under a clock: trial 0,
        unless that costs next to nothing."""
        return self.candidate({})

    def companions(self) -> tuple[Mapping[str, Any], ...]:
        """Decisions of networks about as strong as trial 0 that err elsewhere, the best first:
        where trial 0 has passes to spare, the average of all answers better. None by default."""
        return ()

    def build(self, hp: Any) -> Any:
        """A compiled Keras model: what a `keras_tuner.Tuner` asks for.

        Its output is logits; labels are integers.
        """
        import keras

        recipe, architecture = self.recipe(hp), self.architecture(hp)
        candidate = self.candidate(hp.values)
        model = architecture.build()
        set_constants(model, candidate.constants)
        set_weights(model, candidate.initial())
        model.compile(
            optimizer=keras.optimizers.AdamW(
                recipe.learning_rate,
                weight_decay=recipe.weight_decay,
                epsilon=recipe.epsilon,
                global_clipnorm=5.0,
            ),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        return model
