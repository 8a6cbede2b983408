"""Batch normalisation whose statistics and factors training leaves as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from autoarch.architecture.ops.batch_norm import BatchNorm
from autoarch.architecture.ops.op import Shape


@dataclass(frozen=True)
class FrozenBatchNorm(BatchNorm):
    """Batch normalisation as in inference, in training too: for networks that come trained.

    A few hundred pictures give worse statistics than the millions that the network has seen.
    """

    kind: ClassVar[str] = "frozen_batch_norm"

    def trainable_params(self, *inputs: Shape) -> int:
        return 0

    def state_params(self, *inputs: Shape) -> int:
        return 4 * inputs[0][-1]

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        import keras

        return keras.layers.BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, trainable=False, name=name, dtype=dtype
        )(inputs[0])
