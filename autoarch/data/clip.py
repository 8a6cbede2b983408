"""From a sound file to the network's input: one channel, one rate, one length.

Nothing here imports TensorFlow; `autoarch.data.wav` does the same inside exported models.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from autoarch.data.pictures import Unreadable
from autoarch.data.preprocessing import Array, Preprocessing, Signature

Wave = npt.NDArray[np.float32]

LOWEST_RATE = 1000
"""Samples a second below which there is nothing to hear."""

STEP_S = 0.01
"""The loudest window of a long clip begins at a multiple of this."""

_LONG = 30
"""Clips of more windows than this are read in pieces, and only about the loudest."""

_LARGEST = 16.0
"""Samples are in [-1, 1]; files of floats may go beyond, but not as far as integers would."""


@dataclass(frozen=True)
class ClipPreprocessing(Preprocessing):
    """What turns any recording into the network's input.

    Channels are averaged, the rate is changed, a longer clip is cut to its loudest window, a
    shorter one padded with zeros on both sides.

    Args:
        rate: Samples a second.
        samples: Length of the input.
    """

    kind: ClassVar[str] = "speech"
    noun: ClassVar[str] = "clip"
    input_name: ClassVar[str] = "waveform"
    has_int8: ClassVar[bool] = True

    rate: int
    samples: int

    def __post_init__(self) -> None:
        if self.rate < LOWEST_RATE or self.samples < self.rate // 100:
            raise ValueError(
                f"`rate` must be at least {LOWEST_RATE} and `samples` a hundredth of a second; "
                f"got {self.rate!r} and {self.samples!r}."
            )

    @property
    def shape(self) -> tuple[int]:
        return (self.samples,)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(int(data["rate"]), int(data["samples"]))

    def facts(self) -> dict[str, Any]:
        return {"rate": self.rate, "samples": self.samples}

    def check_inputs(self, inputs: Array) -> None:
        if inputs.dtype != np.float32 or inputs.ndim != 2:
            raise ValueError(
                "`inputs` of Samples must be float32 of shape (n, samples); got "
                f"{inputs.dtype} of shape {inputs.shape}."
            )

    def encode(self, inputs: Array) -> list[bytes]:
        """Waveforms as WAV files of floats, which lose nothing."""
        return [wav_bytes(wave, self.rate, "FLOAT") for wave in inputs]

    def signatures(self) -> dict[str, Signature]:
        from autoarch.data.wav import clip_signatures

        return clip_signatures(self)

    @property
    def step(self) -> int:
        """Samples between the places where a window may begin."""
        return max(1, round(self.rate * STEP_S))


def wav_bytes(wave: Wave, rate: int, subtype: str = "PCM_16") -> bytes:
    """A mono waveform `(samples,)` in [-1, 1] as a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format="WAV", subtype=subtype)
    return file.getvalue()


def read_clip(path: Path, preprocessing: ClipPreprocessing) -> Wave | Unreadable:
    """Decodes a file to float32 `(samples,)`, or says why it cannot."""
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            wave, rate = _read_mono(file, preprocessing)
    except (soundfile.LibsndfileError, OSError, RuntimeError, ValueError, TypeError) as error:
        return Unreadable(why_unreadable_clip(path, error))
    if not len(wave):
        return Unreadable("no sound in it")
    if not np.isfinite(wave).all() or np.abs(wave).max() > _LARGEST:
        return Unreadable("samples that are no numbers or far beyond [-1, 1]")
    return prepare(wave, rate, preprocessing)


def prepare(wave: Wave, rate: int, preprocessing: ClipPreprocessing) -> Wave:
    """Brings a mono waveform `(any,)` to the rate and the length."""
    if rate != preprocessing.rate:
        wave = soxr.resample(wave, rate, preprocessing.rate, quality="HQ")
    return fit_window(wave.astype(np.float32, copy=False), preprocessing)


def fit_window(wave: Wave, preprocessing: ClipPreprocessing) -> Wave:
    """The loudest window of a long waveform, or a short one between zeros, `(samples,)`."""
    samples = preprocessing.samples
    if len(wave) > samples:
        start = loudest_start(wave, samples, preprocessing.step)
        return wave[start : start + samples]
    left = (samples - len(wave)) // 2
    return np.pad(wave, (left, samples - len(wave) - left))


def loudest_start(wave: Wave, samples: int, step: int) -> int:
    """Where the window of most energy begins: the first such multiple of `step`."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    starts = np.arange(0, len(wave) - samples + 1, step)
    return int(starts[np.argmax(energy[starts + samples] - energy[starts])])


def _read_mono(file: soundfile.SoundFile, preprocessing: ClipPreprocessing) -> tuple[Wave, int]:
    """The whole of a file; of a very long one what lies about its loudest window."""
    window = max(1, round(preprocessing.samples * file.samplerate / preprocessing.rate))
    if file.frames > _LONG * window and file.seekable():
        energies = [
            float(np.square(block.mean(axis=1), dtype=np.float64).sum())
            for block in file.blocks(window, dtype="float32", always_2d=True)
        ]
        file.seek(max(0, int(np.argmax(energies)) - 1) * window)
        found = file.read(3 * window, dtype="float32", always_2d=True)
    else:
        found = file.read(dtype="float32", always_2d=True)
    return found.mean(axis=1, dtype=np.float32), int(file.samplerate)


def why_unreadable_clip(path: Path, error: Exception) -> str:
    """A few words for the report."""
    try:
        if path.stat().st_size == 0:
            return "empty file"
    except FileNotFoundError:
        return "broken link" if path.is_symlink() else "missing"
    except OSError as problem:
        return (problem.strerror or type(problem).__name__).lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    said = str(error).removeprefix(f"Error opening {os.fsencode(path)!r}: ").rstrip(". ").lower()
    return "not a sound file" if "format not recogn" in said else said or type(error).__name__
