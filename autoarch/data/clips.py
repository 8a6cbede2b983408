"""Clips before they are decoded: files or waveforms in memory, and what their headers say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from autoarch.data.clip import (
    LOWEST_RATE,
    ClipPreprocessing,
    Wave,
    prepare,
    read_clip,
    why_unreadable_clip,
)
from autoarch.data.pictures import Unreadable
from autoarch.errors import DataError


@dataclass(frozen=True)
class Facts:
    """What headers say of a sample of the clips.

    Args:
        rates: Samples a second, of each that can be opened.
        seconds: Their lengths.
        channels: Their numbers of channels.
    """

    rates: tuple[int, ...]
    seconds: tuple[float, ...]
    channels: tuple[int, ...]


class FileClips:
    """Clips in files."""

    def __init__(self, paths: Sequence[Path]):
        self._paths = tuple(paths)

    def __len__(self) -> int:
        return len(self._paths)

    def facts(self, positions: Sequence[int]) -> Facts:
        found = [info for i in positions if (info := _header(self._paths[i])) is not None]
        return Facts(
            tuple(int(info.samplerate) for info in found),
            tuple(info.frames / info.samplerate for info in found),
            tuple(int(info.channels) for info in found),
        )

    def why(self, position: int) -> str:
        path = self._paths[position]
        try:
            soundfile.info(os.fsencode(path))
        except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError) as error:
            return why_unreadable_clip(path, error)
        return "no sound in it"

    def decode(self, preprocessing: ClipPreprocessing) -> Iterator[tuple[int, Wave | Unreadable]]:
        for position, path in enumerate(self._paths):
            yield position, read_clip(path, preprocessing)


class ArrayClips:
    """Waveforms in memory, of one rate."""

    def __init__(self, waves: Sequence[Wave], rate: int):
        self._waves, self._rate = waves, rate

    def __len__(self) -> int:
        return len(self._waves)

    def facts(self, positions: Sequence[int]) -> Facts:
        seconds = tuple(len(self._waves[i]) / self._rate for i in positions)
        return Facts((self._rate,) * len(positions), seconds, (1,) * len(positions))

    def decode(self, preprocessing: ClipPreprocessing) -> Iterator[tuple[int, Wave | Unreadable]]:
        for position, wave in enumerate(self._waves):
            yield position, prepare(wave, self._rate, preprocessing)


Clips = FileClips | ArrayClips


def check_waves(source: Any, name: str) -> list[Wave]:
    """Waveforms as float32 in [-1, 1]; integers are scaled by their type.

    Raises:
        DataError: Not one-dimensional numbers, empty, or NaN among them.
    """
    waves = []
    for index, item in enumerate(source):
        wave = np.asarray(item)
        if wave.ndim != 1 or not len(wave) or wave.dtype.kind not in "iuf":
            raise DataError(
                f"`{name}` must hold waveforms: numbers of shape (samples,); number {index} has "
                f"the shape {wave.shape} and the type {wave.dtype}."
            )
        if wave.dtype.kind in "iu":
            limits = np.iinfo(wave.dtype)
            middle = 0.0 if limits.min else (limits.max + 1) / 2
            wave = (wave - middle) / (float(limits.max) + 1 - middle)
        if not np.isfinite(wave).all():
            raise DataError(f"`{name}` holds NaN or infinity, first in clip {index}; clean it.")
        waves.append(wave.astype(np.float32))
    if not waves:
        raise DataError(f"`{name}` is empty; give some waveforms.")
    return waves


def checked_rate(rate: int | None) -> int:
    """Samples a second of arrays. Raises `DataError` where it is none."""
    if not isinstance(rate, int) or isinstance(rate, bool) or not LOWEST_RATE <= rate <= 768_000:
        raise DataError(f"Arrays need `rate`, samples a second as an integer; got {rate!r}.")
    return rate


def _header(path: Path) -> Any:
    try:
        info = soundfile.info(os.fsencode(path))
    except (soundfile.LibsndfileError, OSError, RuntimeError, TypeError):
        return None
    return info if info.frames > 0 and info.samplerate > 0 else None
