"""The sets read without AutoArch: pictures, sounds and texts as arrays."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Part:
    """Examples and their classes.

    Args:
        examples: An array, or a list of texts.
        labels: Indices of classes, `(examples,)`.
    """

    examples: Any
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def pick(self, indices: np.ndarray) -> Part:
        if isinstance(self.examples, list):
            return Part([self.examples[i] for i in indices], self.labels[indices])
        return Part(self.examples[indices], self.labels[indices])


@dataclass(frozen=True)
class Parts:
    """What may be learned from, and what is tested on.

    Args:
        train: All that is not test.
        test: The official test part; or a part of the training part, for trying things.
        classes: Names.
    """

    train: Part
    test: Part
    classes: tuple[str, ...]


def split(part: Part, share: float, seed: int) -> tuple[Part, Part]:
    """Two parts, the second with that share of every class."""
    rng = np.random.default_rng(seed)
    second = np.zeros(len(part), bool)
    for label in np.unique(part.labels):
        members = rng.permutation(np.flatnonzero(part.labels == label))
        second[members[: round(len(members) * share)]] = True
    return part.pick(np.flatnonzero(~second)), part.pick(np.flatnonzero(second))


def read_folders(
    data: Path, decode: Callable[[list[Path]], np.ndarray], *, validate: bool
) -> Parts:
    """A set of `train/CLASS/FILE` and `test/CLASS/FILE`.

    Args:
        data: Its folder.
        decode: From files to one array.
        validate: Whether a fifth of `train` stands for `test`.
    """
    classes = tuple(sorted(folder.name for folder in (data / "train").iterdir()))

    def part(name: str) -> Part:
        files = [sorted((data / name / label).iterdir()) for label in classes]
        labels = np.repeat(np.arange(len(classes)), [len(group) for group in files])
        return Part(decode([file for group in files for file in group]), labels)

    return _parts(part("train"), lambda: part("test"), classes, validate)


def read_texts(data: Path, *, validate: bool) -> Parts:
    """A set of `train.csv`, perhaps `valid.csv`, and `test.csv` with the columns text, label."""

    def rows(name: str) -> list[tuple[str, str]]:
        with (data / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return [(row["text"], row["label"]) for row in csv.DictReader(file)]

    known = rows("train") + (rows("valid") if (data / "valid.csv").exists() else [])
    classes = tuple(sorted({label for _, label in known}))

    def part(found: list[tuple[str, str]]) -> Part:
        labels = np.array([classes.index(label) for _, label in found])
        return Part([text for text, _ in found], labels)

    return _parts(part(known), lambda: part(rows("test")), classes, validate)


def _parts(
    train: Part, test: Callable[[], Part], classes: tuple[str, ...], validate: bool
) -> Parts:
    if validate:
        return Parts(*split(train, VALIDATION_SHARE, seed=1234), classes)
    return Parts(train, test(), classes)


def decode_pictures(files: list[Path], side: int | None) -> np.ndarray:
    """Colour pictures, `(files, side, side, 3)` uint8; at their own size where `side` is None."""
    import tensorflow as tf

    def decode(path: tf.Tensor) -> tf.Tensor:
        picture = tf.io.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        if side is not None:
            picture = tf.image.resize(picture, (side, side), method="area")
            picture = tf.cast(tf.round(picture), tf.uint8)
        return picture

    names = tf.data.Dataset.from_tensor_slices([str(file) for file in files])
    decoded = names.map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    return np.stack(list(decoded.as_numpy_iterator()))


def decode_sounds(files: list[Path], samples: int) -> np.ndarray:
    """Waveforms of equal loudness, `(files, samples)` float32: of long clips the loudest window,
    short ones in the middle of silence."""
    import soundfile

    out = np.zeros((len(files), samples), np.float32)
    for row, file in zip(out, files):
        wave, _ = soundfile.read(file, dtype="float32", always_2d=True)
        wave = wave.mean(1)
        if len(wave) > samples:
            energy = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
            start = int(np.argmax(energy[samples:] - energy[:-samples]))
            wave = wave[start : start + samples]
        begin = (samples - len(wave)) // 2
        row[begin : begin + len(wave)] = wave * 0.1 / (np.sqrt(np.mean(wave**2)) + 1e-6)
    return out
