"""Any KerasTuner `HyperModel` as a space: its networks are whole Keras models."""

from __future__ import annotations

from typing import Any, ClassVar

import keras_tuner
import numpy as np

from autoarch.architecture import INPUT, Architecture, GraphBuilder
from autoarch.architecture.ops.keras_model import describe
from autoarch.errors import InvalidArchitectureError, InvalidInputError
from autoarch.oracles.decisions import DecisionSpace
from autoarch.spaces.space import SearchSpace

_WITHOUT_NEWS = 4
"""So many random builds in a row that show no further decision end the look around."""
_MOST_BUILDS = 40


class HyperModelSpace(SearchSpace):
    """What a `HyperModel` builds, trained and judged as the networks of other spaces are.

    Its optimizer and loss are not used: the recipe decides how networks are trained. Nothing is
    known of their int8 files, so no limit on those can be kept, and every candidate is built in
    order to be priced. Decisions that are met in some builds only are looked for by a few random
    builds; one that is met later keeps its default.

    Args:
        hypermodel: `build(hp)` gives a Functional or Sequential model from pixels in [0, 255] to
            logits or, by a softmax in the last layer, probabilities.

    Raises:
        InvalidInputError: What it builds is something else.
    """

    name: ClassVar[str] = "hypermodel"

    def __init__(self, hypermodel: keras_tuner.HyperModel):
        self._hypermodel = hypermodel
        self._found: dict[str, Any] = {}
        try:
            op = describe(self._look_around())
        except InvalidArchitectureError as error:
            raise InvalidInputError(str(error)) from error
        super().__init__(op.inputs, op.classes)

    def _look_around(self) -> Any:
        """Builds until no further decision shows; returns the default model."""
        rng = np.random.default_rng(0)
        first, quiet = None, 0
        for _ in range(_MOST_BUILDS):
            hp = keras_tuner.HyperParameters()
            if first is not None:
                known = keras_tuner.HyperParameters()
                known._space = list(self._found.values())
                hp.values = DecisionSpace.from_hyperparameters(known).sample(rng)
            model = self._hypermodel.build(hp)
            # One name may be declared under several conditions.
            declared = {f"{d.name} {[c.get_config() for c in d.conditions]}": d for d in hp.space}
            news = {key: d for key, d in declared.items() if key not in self._found}
            self._found |= news
            quiet = 0 if news else quiet + 1
            first = model if first is None else first
            if quiet == _WITHOUT_NEWS:
                break
        return first

    def architecture(self, hp: Any) -> Architecture:
        for declared in self._found.values():
            hp._retrieve(declared)
        own = keras_tuner.HyperParameters()
        own.values = dict(hp.values)
        graph = GraphBuilder(self.input_shape)
        graph.add(describe(self._hypermodel.build(own)), INPUT, name="model")
        return graph.finish()
