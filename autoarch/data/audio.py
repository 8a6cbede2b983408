"""Looking over a source of clips before anything is decoded: classes, splits, rate, length.

Nothing here imports TensorFlow, so bad input is told at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from autoarch.data.clip import LOWEST_RATE, ClipPreprocessing
from autoarch.data.clips import ArrayClips, Clips, Facts, FileClips, check_waves, checked_rate
from autoarch.data.dataset import ExampleSet, Labels, TaskData
from autoarch.data.duplicates import digest, digest_array, group_equal
from autoarch.data.fingerprint import fingerprint_examples, fingerprint_files, group_copies
from autoarch.data.formats import AUDIO_FILES, listed
from autoarch.data.labels import encode_known, encode_labels
from autoarch.data.listed_parts import (
    check_count,
    check_pair,
    class_indices,
    list_files,
    list_parts,
)
from autoarch.data.listing import ImageFile, check_classes
from autoarch.data.load import load_examples
from autoarch.data.pictures import Unreadable
from autoarch.data.preprocessing import Array
from autoarch.data.shares import parse_part
from autoarch.data.speakers import find_speakers, parts_with, split_by_speaker
from autoarch.data.split import TRAIN, VALID, Splits, assign_splits
from autoarch.errors import DataError
from autoarch.seeding import rng

_LOOKED_AT = 1000
_HIGHEST_RATE = 16_000
"""Speech says little above 8 kHz."""

_LONGEST_S = 10.0
_SHORTEST_S = 0.2
_MOST = 3.0
"""The window is at most this many medians long, however many clips are longer."""

SILENT = 1e-4
"""A clip that never exceeds this (-80 dB) is silent."""


@dataclass(frozen=True, eq=False)
class AudioSource:
    """Clips with labels and splits, not decoded yet. See `ImageSource` for the fields.

    Args:
        examples: Where they come from.
        facts: What headers say of a sample of them.
        array_rate: Of arrays: samples a second; None for files.
    """

    examples: Clips
    labels: Labels
    splits: Splits
    names: tuple[str, ...]
    classes: tuple[str, ...]
    fingerprint: str
    valid_given: bool
    facts: Facts
    notes: tuple[str, ...] = ()
    label_kind: str = "str"
    array_rate: int | None = None
    pixel_range: None = None

    @property
    def n(self) -> int:
        """Number of clips in all splits."""
        return len(self.labels)


def scan_audio(
    source: Any,
    labels: Any = None,
    *,
    rate: int | None = None,
    group: str = "auto",
    valid: float | str | Path | None = None,
    test: float | str | Path | None = None,
    validation_data: Any = None,
    seed: int = 0,
) -> AudioSource:
    """Looks over a source and splits it; decodes nothing.

    Args:
        source: A folder (class folders, or train/, valid/ and test/ of them), a CSV manifest
            (columns path, label and, if wanted, split), an array `(n, samples)`, or a list of
            waveforms of any length.
        labels: For arrays only.
        rate: For arrays: samples a second.
        group: See `find_speakers`.
        valid, test: As for `scan_images`.
        validation_data: For arrays `(x, y)`.
        seed: The split is drawn from it.

    Raises:
        DataError: The source cannot be used; one line that says why and what to do.
    """
    if isinstance(source, str | Path):
        for name, value in (("labels", labels), ("validation_data", validation_data)):
            if value is not None:
                raise DataError(f"`{name}` does not go with files; leave it out.")
        return _noted(_scan_files(Path(source), group, valid, test, seed))
    return _noted(_scan_arrays(source, labels, rate, validation_data, group, valid, test, seed))


def _scan_files(
    path: Path,
    group: str,
    valid: float | str | Path | None,
    test: float | str | Path | None,
    seed: int,
) -> AudioSource:
    parts = list_parts(path, AUDIO_FILES, valid, test)
    train, listings = parts.train, parts.listings
    facts = _look_at(FileClips([file.path for file in train.files]), train.files, seed)
    labels = class_indices(train.files, train.classes)
    speakers, note = find_speakers(train.files, group)
    if speakers is not None and (shared := parts_with(speakers, listings, group)):
        note = f"Speakers of train are in {' and '.join(shared)}, too"
        if group == "auto":
            # who is in a given part is settled: strangers elsewhere would foretell another figure
            speakers = None
            note += ": what is split off is split without regard to them."
        else:
            note += ", as these parts were given."
    shares: dict[str, Any] = {
        "valid_share": parts.valid.share,
        "test_share": parts.test.share,
        "seed": seed,
    }
    if speakers is not None:
        drawn = split_by_speaker(labels, speakers, train.classes, **shares)
    else:
        copies = group_copies(train.files)
        drawn = assign_splits(labels, copies, train.classes, noun="clip", **shares)
    files, splits, notes = parts.joined(drawn)
    return AudioSource(
        examples=FileClips([file.path for file in files]),
        labels=class_indices(files, train.classes),
        splits=splits,
        names=tuple(str(file.path) for file in files),
        classes=train.classes,
        fingerprint=fingerprint_files(listings),
        valid_given="valid" in listings,
        facts=facts,
        notes=(*notes, *((note,) if note else ())),
    )


def _scan_arrays(
    source: Any,
    labels: Any,
    rate: int | None,
    validation_data: Any,
    group: str,
    valid: float | str | Path | None,
    test: float | str | Path | None,
    seed: int,
) -> AudioSource:
    if labels is None:
        raise DataError("Arrays need labels: give waveforms x and labels y.")
    if group not in ("auto", "none"):
        raise DataError("`group` goes with files only; split arrays by speaker yourself.")
    rate = checked_rate(rate)
    waves = check_waves(source, "x")
    encoded = encode_labels(labels, len(waves))
    every, indices = list(waves), [encoded.indices]
    if validation_data is not None:
        check_pair(validation_data, "waveforms")
        more = check_waves(validation_data[0], "validation_data")
        every += more
        known = encode_known(validation_data[1], len(more), encoded.classes, "validation_data")
        indices.append(known)
    valid_part = parse_part("valid", valid, has_own=validation_data is not None)
    test_part = parse_part("test", test, has_own=False)
    if valid_part.folder is not None or test_part.folder is not None:
        raise DataError("`valid` and `test` as folders go with files only; give a share, as 0.2.")
    check_classes(encoded.classes, "y")
    check_count(len(waves), "x", "clip")
    digests = [digest(np.ascontiguousarray(wave).tobytes()) for wave in every]
    splits = assign_splits(
        encoded.indices,
        group_equal(digest_array(digests[: len(waves)])),
        encoded.classes,
        valid_share=valid_part.share,
        test_share=test_part.share,
        seed=seed,
        noun="clip",
    )
    given = len(every) - len(waves)
    all_labels = np.concatenate(indices)
    names = [f"train[{i}]" for i in range(len(waves))] + [f"valid[{i}]" for i in range(given)]
    return AudioSource(
        examples=ArrayClips(every, rate),
        labels=all_labels,
        splits=np.concatenate([splits, np.full(given, VALID, np.int8)]),
        names=tuple(names),
        classes=encoded.classes,
        fingerprint=fingerprint_examples(digests, all_labels, encoded.classes, len(waves)),
        valid_given=validation_data is not None,
        facts=ArrayClips(waves, rate).facts(range(len(waves))),
        label_kind=encoded.kind,
        array_rate=rate,
    )


def _look_at(clips: FileClips, files: Sequence[ImageFile], seed: int) -> Facts:
    """What the headers of a seeded sample say.

    Raises:
        DataError: None of them can be read.
    """
    sample = sorted(rng("sample", "clips", seed=seed).permutation(len(clips))[:_LOOKED_AT].tolist())
    facts = clips.facts(sample)
    if not facts.rates:
        examples = [f"{files[i].path} ({clips.why(i)})" for i in sample[:3]]
        raise DataError(
            f"None of {len(sample)} files looked at is a readable clip: {listed(examples)}; "
            f"replace them."
        )
    return facts


def _noted(source: AudioSource) -> AudioSource:
    """The source with notes on different rates and on very long clips."""
    facts = source.facts
    notes = list(source.notes)
    rates = Counter(facts.rates)
    if len(rates) > 1:
        told = ", ".join(f"{rate:g} Hz ({count})" for rate, count in rates.most_common(4))
        notes.append(f"Clips have different rates: {told}, of {len(facts.rates)} looked at.")
    long = sum(s > 3 * window_s(facts) for s in facts.seconds)
    if long:
        notes.append(
            f"{long} of {len(facts.seconds)} clips looked at are more than three times as long as "
            f"the window of {window_s(facts):g} s; the loudest part of each is used."
        )
    return replace(source, notes=tuple(notes))


def window_s(facts: Facts) -> float:
    """Seconds that the network hears: nearly all clips whole, whatever a few long ones are."""
    seconds = np.array(facts.seconds)
    # "lower": between a short clip and one of hours lies the length of no clip.
    nearly_all = np.quantile(seconds, 0.97, method="lower")
    enough = min(nearly_all, _MOST * np.median(seconds), _LONGEST_S)
    return float(np.ceil(max(enough, _SHORTEST_S) * 10 - 1e-6) / 10)


def choose_preprocessing(source: AudioSource, clip_seconds: float | None) -> ClipPreprocessing:
    """The rate that four of five clips have at least, up to 16 kHz, and the length."""
    rates = sorted(source.facts.rates)
    rate = min(rates[len(rates) // 5], _HIGHEST_RATE)
    if rate < LOWEST_RATE:
        raise DataError(
            f"Clips have {rate} samples a second; at least {LOWEST_RATE} are needed. Resample them."
        )
    seconds = window_s(source.facts) if clip_seconds is None else clip_seconds
    return ClipPreprocessing(rate, round(rate * seconds))


def load_audio(
    source: AudioSource,
    preprocessing: ClipPreprocessing,
    *,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> TaskData:
    """Decodes every clip once. See `load_examples`.

    Raises:
        DataError: As `load_examples`; or every clip is silent.
    """
    loaded = load_examples(source, preprocessing, dtype="float32", cache=cache, progress=progress)
    silent = {split: _silent(found.inputs) for split, found in loaded.sets.items()}
    count = int(sum(found.sum() for found in silent.values()))
    if silent[TRAIN].all():
        raise DataError("All clips to train on are silent; check how they were recorded.")
    findings = loaded.findings
    if count:
        note = f"{count} clip{' is' if count == 1 else 's are'} silent."
        findings = replace(findings, notes=(*findings.notes, note))
    return TaskData(
        **{**loaded.common(source), "findings": findings},
        preprocessing=preprocessing,
        independent=False,  # nor does the split, where it knows speakers, cut one in two
    )


def _silent(waves: Array) -> Any:
    rows = [np.abs(waves[i : i + 512]).max(axis=1) < SILENT for i in range(0, len(waves), 512)]
    return np.concatenate(rows) if rows else np.zeros(0, np.bool_)


def read_audio(
    source: Any, preprocessing: ClipPreprocessing, *, rate: int | None = None
) -> tuple[Array, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Reads clips without labels, into memory.

    Args:
        source: Paths of files, or waveforms.
        preprocessing: The network's input.
        rate: Of waveforms.

    Returns:
        float32 `(n, samples)` of the readable ones, their names, and `(name, reason)` of others.
    """
    if isinstance(source, str | Path):
        source = [source]
    clips: Clips
    if all(isinstance(item, str | Path) for item in source):
        names = tuple(str(path) for path in source)
        clips = FileClips([Path(path) for path in source])
    else:
        waves = check_waves(source, "x")
        names = tuple(f"x[{i}]" for i in range(len(waves)))
        clips = ArrayClips(waves, preprocessing.rate if rate is None else checked_rate(rate))
    return _decoded(clips, names, preprocessing)


def read_labelled_audio(
    source: Any,
    labels: Any,
    *,
    classes: tuple[str, ...],
    preprocessing: ClipPreprocessing,
    rate: int | None = None,
) -> tuple[ExampleSet, tuple[tuple[str, str], ...]]:
    """Reads labelled clips to measure a trained model on; of files with a test split, that one.

    Raises:
        DataError: As `scan_audio`; or classes that the model does not know.
    """
    if isinstance(source, str | Path):
        listings = list_files(Path(source), AUDIO_FILES)
        listing = listings.get("test", listings["train"])
        if unknown := [name for name in listing.classes if name not in classes]:
            raise DataError(f"{source} has {listed(unknown)}, which the model does not know.")
        names = [str(file.path) for file in listing.files]
        indices = np.array([classes.index(file.label) for file in listing.files], np.int64)
        inputs, readable, unreadable = read_audio(names, preprocessing)
    else:
        if labels is None:
            raise DataError("Arrays need labels: give waveforms x and labels y.")
        inputs, readable, unreadable = read_audio(source, preprocessing, rate=rate)
        names = list(readable)
        indices = encode_known(labels, len(names), classes, "y")
    if not readable:
        raise DataError("None of the clips can be read; replace them.")
    failed = {name for name, _ in unreadable}
    kept = [i for i, name in enumerate(names) if name not in failed]
    return ExampleSet(inputs, indices[kept], readable), unreadable


def _decoded(
    clips: Clips, names: tuple[str, ...], preprocessing: ClipPreprocessing
) -> tuple[Array, tuple[str, ...], tuple[tuple[str, str], ...]]:
    rows, readable, unreadable = [], [], []
    for position, wave in clips.decode(preprocessing):
        if isinstance(wave, Unreadable):
            unreadable.append((names[position], wave.reason))
        else:
            rows.append(wave)
            readable.append(names[position])
    inputs = np.stack(rows) if rows else np.zeros((0, preprocessing.samples), np.float32)
    return inputs, tuple(readable), tuple(unreadable)
