"""Classification of recordings: what `autoarch fit words/` and `SpeechSearch` do."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.data import ExampleSet, TaskData
from autoarch.data.audio import (
    AudioSource,
    choose_preprocessing,
    load_audio,
    read_audio,
    read_labelled_audio,
    scan_audio,
)
from autoarch.data.clip import ClipPreprocessing, wav_bytes
from autoarch.data.split import TRAIN
from autoarch.errors import DataError, InvalidInputError
from autoarch.evaluation.held_out import png_bytes
from autoarch.export import Samples, TrainedModel
from autoarch.objectives import classification_metrics
from autoarch.search.budget import expected_final_s
from autoarch.search.progress import Progress
from autoarch.spaces import SearchSpace, SpeechSpace
from autoarch.tasks.base import BaseSearch
from autoarch.tasks.limits import NARROWEST, baseline_of, fitting_width
from autoarch.tasks.scaling import EPOCHS_WANTED
from autoarch.tasks.settings import Settings
from autoarch.tasks.task import Setup, Task, described
from autoarch.training.augment import Augmenter
from autoarch.training.augment_sound import make_sound_augmenter
from autoarch.training.fit import Array
from autoarch.training.precision import Speed
from autoarch.training.recipe import SOUND_RECIPE, Recipe
from autoarch.trials import RunDirectory

_OPENING_S = 10.0
_WIDTHS = (8, 12, 16, 24, 32)

_SHOWN_BANDS, _SHOWN_FRAMES = 64, 128


class SpeechTask(Task):
    """Recordings with one class each.

    Args:
        source: What was found in the data.
        x: What the user gave; names the run.
        clip_seconds: Length that the network hears, or None to choose it.
    """

    name = "speech"
    noun = "clip"

    def __init__(self, source: AudioSource, x: Any, clip_seconds: float | None = None):
        self._source = source
        self._preprocessing = choose_preprocessing(source, clip_seconds)
        self.fingerprint = source.fingerprint
        self.description, self.short_name = described(x, "clips")
        self.facts = {"labels": source.label_kind, "array_rate": source.array_rate}

    def setup(self, settings: Settings, speed: Speed) -> Setup:
        source = self._source
        preprocessing = self._preprocessing
        examples = int(np.sum(source.splits == TRAIN))
        final_s = expected_final_s(settings.time_limit_s, opening_s=_OPENING_S)

        def kind(width: int) -> SpeechSpace:
            return self._space(settings, preprocessing, len(source.classes), width)

        def epochs(width: int) -> float:
            macs = kind(width).candidate({}).architecture.macs
            return final_s * speed.macs_per_s / (examples * macs)

        affordable = [width for width in _WIDTHS if epochs(width) >= EPOCHS_WANTED]
        recipe = replace(SOUND_RECIPE, batch_size=64 if examples >= 10_000 else 32)
        width = max(affordable, default=_WIDTHS[0])
        budgets = settings.budgets
        fitting = settings.steering.width or fitting_width(width, kind, budgets)
        if fitting is None:
            baseline_of(kind(NARROWEST), budgets)  # which says that nothing fits
            raise AssertionError("nothing in the space was just seen to fit")
        return Setup(preprocessing.to_json(), fitting, recipe, speed)

    @staticmethod
    def _space(
        settings: Settings,
        preprocessing: ClipPreprocessing,
        classes: int,
        width: int,
        recipe: Recipe = SOUND_RECIPE,
    ) -> SpeechSpace:
        return SpeechSpace(
            preprocessing.shape,
            classes,
            rate=preprocessing.rate,
            width=width,
            recipe=recipe,
            # costs are those of int8 files, so what has none could not be priced
            integers=settings.ship == "int8" or bool(settings.priced),
        )

    def load(self, setup: Setup, run: RunDirectory, progress: Progress) -> TaskData:
        return load_audio(
            self._source,
            ClipPreprocessing.from_json(setup.preprocessing),
            cache=run.cache,
            progress=progress.reading,
        )

    def space(self, settings: Settings, setup: Setup, data: TaskData) -> SearchSpace:
        assert isinstance(data.preprocessing, ClipPreprocessing)
        classes = len(data.classes)
        return self._space(settings, data.preprocessing, classes, setup.width, setup.recipe)

    def augmenter(self, shape: tuple[int, ...], classes: int) -> Augmenter:
        return make_sound_augmenter(shape, classes)

    def samples(self, model: TrainedModel, part: ExampleSet, chosen: Array) -> Samples:
        return Samples.answered_by(model, np.asarray(part.inputs[chosen]))

    def show(self, part: ExampleSet, position: int) -> dict[str, Any]:
        wave = np.asarray(part.inputs[position])
        rate = self._preprocessing.rate
        return {
            "png": base64.b64encode(png_bytes(spectrogram(wave), 96)).decode(),
            "wav": base64.b64encode(wav_bytes(np.clip(wave, -1, 1), rate)).decode(),
        }


def spectrogram(wave: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """A picture `(frequencies, frames)` of a waveform, 60 dB from white to black, low below."""
    window = 2 * _SHOWN_BANDS
    starts = np.linspace(0, max(0, len(wave) - window), _SHOWN_FRAMES).astype(int)
    padded = np.pad(wave, (0, window))
    frames = np.stack([padded[start : start + window] for start in starts]) * np.hanning(window)
    decibels = 20 * np.log10(np.abs(np.fft.rfft(frames))[:, :_SHOWN_BANDS] + 1e-6)
    dark = np.clip((decibels - decibels.max()) / 60 + 1, 0, 1)
    picture: npt.NDArray[np.uint8] = (255 * (1 - dark.T[::-1])).astype(np.uint8)
    return picture


@dataclass(eq=False, repr=False, kw_only=True)
class SpeechSearch(BaseSearch):
    """Searches, trains and exports a classifier of short recordings: words, commands, sounds.

    Args:
        time: As for `ImageSearch`, and so are all arguments that are not named here.
        group: Who speaks, so that nobody is in two parts of the split: "auto" goes by a column
            of the manifest or by file names that clearly tell it, "none" by nobody; or the name
            of a column, or a regular expression over paths whose parenthesis is the speaker.
        clip_seconds: Length that the network hears; None chooses it from the data.
        rate: Of arrays given to `fit`: samples a second.
        common: See `ImageSearch`.

    Example:
        >>> from autoarch import SpeechSearch
        >>> search = SpeechSearch(time="3m").fit("words/")               # doctest: +SKIP
        >>> search.predict(["new.wav"])                                  # doctest: +SKIP
        array(['yes'], dtype='<U3')
    """

    task = "speech"
    mobile_space = SpeechSpace.name

    group: str = "auto"
    clip_seconds: float | None = None
    rate: int | None = None

    def _open(self, x: Any, y: Any, validation_data: Any, settings: Settings) -> SpeechTask:
        if settings.space not in ("auto", SpeechSpace.name):
            raise InvalidInputError(
                f"`space` must be auto or {SpeechSpace.name} for sounds; got {settings.space!r}."
            )
        source = scan_audio(
            x,
            y,
            rate=settings.rate,
            group=settings.group,
            valid=settings.valid,
            test=settings.test,
            validation_data=validation_data,
            seed=settings.seed,
        )
        return SpeechTask(source, x, settings.clip_seconds)

    @property
    def _preprocessing(self) -> ClipPreprocessing:
        found = self._predictor.model.preprocessing
        assert isinstance(found, ClipPreprocessing)
        return found

    def _array_rate(self) -> int | None:
        rate: int | None = self._run().settings().get("array_rate")
        return rate

    def _inputs(self, x: Any) -> npt.NDArray[np.float32]:
        inputs, _, unreadable = read_audio(x, self._preprocessing, rate=self._array_rate())
        if unreadable:
            name, reason = unreadable[0]
            raise DataError(f"{name} cannot be read ({reason}); leave it out or replace it.")
        return inputs

    def predict_files(
        self, paths: Sequence[str | Path]
    ) -> tuple[npt.NDArray[np.float32], list[tuple[Path, str]]]:
        """See `BaseSearch.predict_files`; decoded as in training."""
        self._run()
        inputs, _, unreadable = read_audio([str(path) for path in paths], self._preprocessing)
        return self._predictor.predict_proba(inputs), [(Path(n), why) for n, why in unreadable]

    def evaluate(self, x: Any, y: Any = None) -> dict[str, Any]:
        """See `BaseSearch.evaluate`."""
        self._run()
        clips, unreadable = read_labelled_audio(
            x,
            y,
            classes=self._predictor.model.classes,
            preprocessing=self._preprocessing,
            rate=self._array_rate(),
        )
        if unreadable and self.progress is not None:
            self.progress.note(f"{len(unreadable)} files could not be read and are left out.")
        return classification_metrics(clips.labels, self._predictor.predict_proba(clips.inputs))

    def _samples_of(self, model: TrainedModel) -> Samples:
        """Noise, tones and silence: the run's own data may lie elsewhere by now."""
        shape = self._preprocessing
        random = np.random.default_rng(0)
        noise = 0.1 * random.normal(size=(8, shape.samples))
        times = np.arange(shape.samples) / shape.rate
        tones = 0.3 * np.sin(2 * np.pi * times * np.array([[110], [220], [440], [880]]))
        waves = np.concatenate([noise, tones, 0 * tones[:1]]).astype(np.float32)
        return Samples.answered_by(model, waves)
