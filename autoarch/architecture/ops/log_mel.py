"""Log-mel spectrogram of a waveform, of plain convolutions, so that it exports to every format."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from autoarch.architecture.ops.op import Op, Shape, require_positive, strided
from autoarch.architecture.spectrogram import hann, triangles
from autoarch.errors import InvalidArchitectureError

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LogMel(Op):
    """Logarithm of the power in mel bands, frame by frame: `(samples,)` to `(frames, bands)`.

    The windowed discrete Fourier transform is a convolution whose fixed weights are cosines and
    sines; its squares, weighed by triangles, are the bands. The window is scaled so that a sine of
    amplitude 1 has the power 1. All in float32, whatever the policy.

    The convolution runs over chunks of `gcd(window, hop)` samples, which are its channels: eight
    times as fast on two cores as one over single samples where the window is a multiple of the hop.

    Args:
        rate: Samples a second.
        window: Samples of a frame (Hann window); also the length of the transform.
        hop: Samples from frame to frame; there are `ceil(samples / hop)`, the frames centred on the
            waveform (to a chunk) and padded with zeros.
        bands: Triangles, equally wide in mel from `low_hz` to half of the rate.
        low_hz: Where the lowest band begins.
        floor: Power added before the logarithm: what is quieter is silence.

    Source: Stevens, Volkmann and Newman (1937) for the mel, in O'Shaughnessy's form
    `2595 log10(1 + f / 700)`; Davis and Mermelstein (1980) for the triangles.
    """

    kind: ClassVar[str] = "log_mel"
    rate: int
    window: int
    hop: int
    bands: int
    low_hz: float = 20.0
    floor: float = 1e-7

    def __post_init__(self) -> None:
        require_positive(self, rate=self.rate, window=self.window, hop=self.hop, bands=self.bands)
        if not 0 <= self.low_hz < self.rate / 2 or self.floor <= 0:
            raise InvalidArchitectureError(
                f"`low_hz` of LogMel must be in [0, {self.rate / 2:g}) and `floor` positive; "
                f"got {self.low_hz!r} and {self.floor!r}."
            )

    @property
    def bins(self) -> int:
        """Frequencies of the transform."""
        return self.window // 2 + 1

    def output_shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 1 or len(inputs[0]) != 1:
            raise self.reject(*inputs, why="it needs one input of shape (samples,)")
        return strided(inputs[0][0], self.hop), self.bands

    def state_params(self, *inputs: Shape) -> int:
        return 2 * self.bins * (self.window + self.bands)

    def macs(self, *inputs: Shape) -> int:
        frames, _ = self.output_shape(*inputs)
        return frames * 2 * self.bins * (self.window + self.bands)

    @property
    def chunk(self) -> int:
        """Samples that the convolution takes as channels."""
        return math.gcd(self.window, self.hop)

    def transform(self) -> FloatArray:
        """Weights `(window / chunk, chunk, 2 bins)`: cosines, then sines, both windowed."""
        angles = 2 * np.pi * np.outer(np.arange(self.window), np.arange(self.bins)) / self.window
        waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        scaled: FloatArray = (waves * hann(self.window)[:, None]).astype(np.float32)
        return scaled.reshape(-1, self.chunk, 2 * self.bins)

    def triangles(self) -> FloatArray:
        """Share of each frequency's power in each band, `(bins, bands)`."""
        shares = triangles(self.rate, self.window, self.bands, self.low_hz)
        weights: FloatArray = shares.astype(np.float32)
        return weights

    def apply(self, inputs: list[Any], *, name: str, dtype: str) -> Any:
        from keras import layers, ops

        def fixed(units: int, kernel: int, stride: int, what: str) -> Any:
            return layers.Conv1D(
                units,
                kernel,
                strides=stride,
                padding="same",
                use_bias=False,
                trainable=False,
                name=f"{name}_{what}",
                dtype="float32",
            )

        (x,) = inputs
        samples = int(x.shape[1])
        if missing := -samples % self.chunk:
            x = ops.pad(x, ((0, 0), (0, missing)))
        rows = ((samples + missing) // self.chunk, self.chunk)
        chunks = layers.Reshape(rows, name=f"{name}_chunks", dtype="float32")(x)
        transform = fixed(
            2 * self.bins, self.window // self.chunk, self.hop // self.chunk, "transform"
        )
        waves = transform(chunks)
        transform.set_weights([self.transform()])
        squares = layers.Multiply(name=f"{name}_squares", dtype="float32")([waves, waves])
        bands = fixed(self.bands, 1, 1, "bands")
        power = bands(squares)  # of cosines and sines: their squares add up to the power
        bands.set_weights([np.tile(self.triangles(), (2, 1))[None]])
        return ops.log(ops.add(power, self.floor))
