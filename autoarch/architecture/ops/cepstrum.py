"""Cosine transform along the last axis: log-mel bands to mel-frequency cepstral coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from autoarch.architecture.ops.op import Op, Shape, require_positive
from autoarch.architecture.spectrogram import cosines


@dataclass(frozen=True)
class Cepstrum(Op):
    """Orthonormal discrete cosine transform (type II): `(frames, bands)` to coefficients.

    Args:
        coefficients: How many are kept, the smoothest first; at most as many as there are bands.

    Source: Davis and Mermelstein (1980), section II.
    """

    kind: ClassVar[str] = "cepstrum"
    coefficients: int

    def __post_init__(self) -> None:
        require_positive(self, coefficients=self.coefficients)

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1 or len(inputs[0]) != 2:
            raise self.reject(*inputs, why="it needs one input of shape (frames, bands)")
        frames, bands = inputs[0]
        if bands < self.coefficients:
            raise self.reject(*inputs, why=f"{self.coefficients} coefficients need as many bands")
        return frames, self.coefficients

    def state_params(self, *inputs: Shape) -> int:
        return inputs[0][1] * self.coefficients

    def macs(self, *inputs: Shape) -> int:
        frames, bands = inputs[0]
        return frames * bands * self.coefficients

    def matrix(self, bands: int) -> npt.NDArray[np.float32]:
        """Weights `(bands, coefficients)`."""
        return cosines(bands, self.coefficients).astype(np.float32)

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        from keras import layers

        (x,) = inputs
        layer = layers.Conv1D(
            self.coefficients, 1, use_bias=False, trainable=False, name=name, dtype="float32"
        )
        result = layer(x)
        layer.set_weights([self.matrix(int(x.shape[-1]))[None]])
        return result
