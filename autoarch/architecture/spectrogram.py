"""Spectrograms in NumPy: the front-end of a network on waveforms, outside of the network.

The int8 file of a network on waveforms begins behind its front-end, which stays in float. This
file lies beside it as `front_end.py`, needs nothing but NumPy, and makes the same numbers as the
network's own first layers. For another language: steps, in the order of `model_int8.json`, are

- `loudness`: all samples times `rms / sqrt(mean of their squares + floor)`;
- `log_mel`: `ceil(samples / hop)` frames of `window` samples, see `frames` for where
  they lie; each times a Hann window that sums to 2; the squared magnitudes of their Fourier
  transform weighed by triangles, `triangles`; the logarithm of the sums plus `floor`;
- `cepstrum`: the first `coefficients` of the cosine transform of each frame, `cosines`;
- `normalise`: times a factor and plus an offset, one of each a band.

The file then takes `round(feature / scale) + zero_point`, cut to -128 to 127.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class FrontEnd:
    """From waveforms to the features that the int8 file takes.

    Args:
        steps: What is computed, in order; each with its name as "kind" and its settings.
        samples: Length of a waveform.
        shape: Of the features of one waveform: `(frames, bands, 1)` for networks that see a
            picture, `(1, frames, bands)` for those along the frames.
        scale: Of the int8 values; None until the file is made.
        zero_point: Of the int8 values.

    Example:
        >>> mel = {"kind": "log_mel", "rate": 8000, "window": 200, "hop": 100, "bands": 10,
        ...        "low_hz": 20.0, "floor": 1e-7}
        >>> front = FrontEnd([mel], samples=800, shape=(8, 10, 1))
        >>> front.features(np.zeros((3, 800), np.float32)).shape
        (3, 8, 10, 1)
    """

    def __init__(
        self,
        steps: Sequence[Mapping[str, Any]],
        samples: int,
        shape: Sequence[int],
        scale: float | None = None,
        zero_point: int = 0,
    ):
        self.steps = list(steps)
        self.samples = samples
        self.shape = tuple(shape)
        self.scale = scale
        self.zero_point = zero_point

    @classmethod
    def load(cls, path: str | Path) -> FrontEnd:
        """From the `model_int8.json` beside the int8 file."""
        about = json.loads(Path(path).read_text(encoding="utf-8"))
        entry, front = about["input"], about["front_end"]
        shape = entry["shape"][1:]
        return cls(front["steps"], front["samples"], shape, entry["scale"], entry["zero_point"])

    def to_json(self) -> dict[str, Any]:
        """What `model_int8.json` says of it under "front_end"."""
        return {"samples": self.samples, "steps": [dict(step) for step in self.steps]}

    def features(self, waves: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Features `(n, *shape)` of waveforms `(n, samples)` in [-1, 1]."""
        found = np.empty((len(waves), *self.shape), np.float32)
        for place, wave in enumerate(waves):
            x = np.asarray(wave, np.float64)
            for step in self.steps:
                x = _STEPS[step["kind"]](x, step)
            found[place] = x.reshape(self.shape)
        return found

    def int8(self, waves: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
        """The int8 file's input `(n, *shape)` for waveforms `(n, samples)` in [-1, 1]."""
        if self.scale is None:
            raise ValueError("This front-end belongs to no file; read it from model_int8.json.")
        steps = np.round(self.features(waves) / np.float32(self.scale)) + self.zero_point
        values: npt.NDArray[np.int8] = np.clip(steps, -128, 127).astype(np.int8)
        return values


@functools.cache
def hann(window: int) -> Floats:
    """Hann window `(window,)` that sums to 2, so that a sine of amplitude 1 has the power 1."""
    rising = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    scaled: Floats = rising * 2 / rising.sum()
    return scaled


@functools.cache
def triangles(rate: int, window: int, bands: int, low_hz: float) -> Floats:
    """Share of each frequency's power in each band, `(window // 2 + 1, bands)`: triangles that
    are equally wide in mel, from `low_hz` to half of the rate."""
    edges = np.linspace(_mel(low_hz), _mel(rate / 2), bands + 2)
    edges = 700 * (10 ** (edges / 2595) - 1)
    frequencies = np.arange(window // 2 + 1)[:, None] * rate / window
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    weights: Floats = np.clip(np.minimum(rising, falling), 0, None)
    return weights


@functools.cache
def cosines(bands: int, coefficients: int) -> Floats:
    """Orthonormal cosine transform (type II), `(bands, coefficients)`."""
    middles = (np.arange(bands) + 0.5)[:, None]
    waves: Floats = np.cos(np.pi / bands * middles * np.arange(coefficients)) * np.sqrt(2 / bands)
    waves[:, 0] /= np.sqrt(2)
    return waves


def frames(wave: Floats, window: int, hop: int) -> Floats:
    """Frames `(ceil(samples / hop), window)` of a waveform between zeros.

    The waveform is filled up to a multiple of `chunk`, the greatest common divisor of window and
    hop. What the frames need beyond it is divided between both ends, in whole chunks, the odd one
    at the end.
    """
    chunk = math.gcd(window, hop)
    filled = len(wave) + -len(wave) % chunk
    count = -(-len(wave) // hop)
    spare = max(0, (count - 1) * hop + window - filled)
    left = spare // chunk // 2 * chunk
    padded = np.pad(wave, (left, filled - len(wave) + spare - left))
    starts = np.arange(count) * hop
    found: Floats = padded[starts[:, None] + np.arange(window)]
    return found


def _mel(hz: float) -> float:
    return 2595 * math.log10(1 + hz / 700)


def _loudness(wave: Floats, step: Mapping[str, Any]) -> Floats:
    louder: Floats = wave * (step["rms"] / np.sqrt(np.mean(wave**2) + step["floor"]))
    return louder


def _log_mel(wave: Floats, step: Mapping[str, Any]) -> Floats:
    window = step["window"]
    spectrum = np.fft.rfft(frames(wave, window, step["hop"]) * hann(window))
    shares = triangles(step["rate"], window, step["bands"], step["low_hz"])
    powers: Floats = np.log(np.abs(spectrum) ** 2 @ shares + step["floor"])
    return powers


def _cepstrum(bands: Floats, step: Mapping[str, Any]) -> Floats:
    found: Floats = bands @ cosines(bands.shape[-1], step["coefficients"])
    return found


def _normalise(bands: Floats, step: Mapping[str, Any]) -> Floats:
    found: Floats = bands * np.array(step["factor"]) + np.array(step["offset"])
    return found


_STEPS = {
    "loudness": _loudness,
    "log_mel": _log_mel,
    "cepstrum": _cepstrum,
    "normalise": _normalise,
}
