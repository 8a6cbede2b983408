"""Text classification: what `autoarch fit reviews.csv` and `TextSearch().fit(...)` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.data import ExampleSet, TaskData
from autoarch.data.linear_terms import LARGEST, fit_linear
from autoarch.data.split import TRAIN
from autoarch.data.term_weights import inverse_document_frequencies
from autoarch.data.text import MOST_WORDS, TextData, TextPreprocessing, TextSet
from autoarch.data.text_files import list_texts, read_text
from autoarch.data.text_source import (
    TextSource,
    check_strings,
    choose_rows,
    frame_texts,
    given_rows,
    load_texts,
    scan_texts,
)
from autoarch.data.tokenizer import COLUMNS, tokens_of
from autoarch.data.word_vectors import read_word_vectors, vector_table
from autoarch.errors import DataError, InvalidInputError
from autoarch.export import Samples, TrainedModel
from autoarch.objectives import classification_metrics
from autoarch.search.budget import expected_final_s
from autoarch.search.progress import Progress
from autoarch.spaces import MobileSpace, SearchSpace
from autoarch.spaces.text import TextSpace
from autoarch.tasks.base import BaseSearch
from autoarch.tasks.settings import Settings
from autoarch.tasks.task import Setup, Task, described
from autoarch.tasks.text_sizes import DEEP, TextSize, fitting_size
from autoarch.tasks.token_effects import length_histogram, token_effects
from autoarch.training.augment import Augmenter
from autoarch.training.fit import Array
from autoarch.training.precision import Speed
from autoarch.training.recipe import Recipe
from autoarch.training.token_dropout import make_token_dropout
from autoarch.trials import RunDirectory

OPENING_S = 15.0
"""Seconds of a run that pass before the search."""
EPOCHS_WANTED = 50.0
"""Passes of it that the final training must afford by the probe's speed. They are about 10 in
truth: with its embeddings, which the probe does not know, an epoch takes some 5 times as long as
its multiply-adds would."""
LINEAR_PER_S = 300_000
"""Ids in all texts times classes that the linear model may have, for each second that the user
gave: some twentieth of it."""
SUBWORDS = (3, COLUMNS - 3)
"""First column of the subwords, and how many there are."""
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), " ")
"""Halves of characters: no part of a token, and nothing that UTF-8 has bytes for."""

SHOWN = 600
"""Characters of a text that the report shows."""
SAMPLES = ("", "What is an atom ?", "good", "\u5f88\u597d\u5403", "\U0001f600 !?", "word " * 300)
"""Texts on which a model is checked that is exported again."""


class TextTask(Task):
    """Texts with one class each.

    Args:
        source: What was found in the data.
        x: What the user gave; names the run.
        vectors: File of pretrained word vectors, or None.

    Raises:
        DataError: The vectors cannot be used.
    """

    name = "text"
    noun = "text"
    unit = "row"

    def __init__(self, source: TextSource, x: Any, vectors: Path | None = None):
        self._source = source
        self._vectors = {}
        if vectors is not None:
            known = {token for text in source.texts_of(TRAIN) for token in tokens_of(text)}
            self._vectors = read_word_vectors(vectors, known, MOST_WORDS)
        self.fingerprint = source.fingerprint
        self.description, self.short_name = described(x, "texts")
        self.facts = {"labels": source.label_kind}

    def setup(self, settings: Settings, speed: Speed) -> Setup:
        rows = choose_rows(self._source)
        examples = len(self._source.texts_of(TRAIN))
        recipe = Recipe(
            learning_rate=2e-2,
            epsilon=1e-3,
            weight_decay=0.02,
            batch_size=64 if examples >= 3000 else 32,
            label_smoothing=0.05,
            long_augmentation=2.0,
            adversarial=0.08,
            flip=False,
            mixing="none",
        )
        size = TextSize(DEEP if self._affords_deep(settings, speed, rows, examples) else "bag")
        shape = {"rows": rows}
        if budgets := settings.budgets:
            learned = TextPreprocessing.learned(self._source.texts_of(TRAIN), rows, self._vectors)
            classes = len(self._source.classes)

            def kind(size: TextSize) -> SearchSpace:
                cut = size.cut(learned)
                tables = {g: np.zeros((ids, classes)) for g, ids in _linear_groups(cut).items()}
                setup = Setup({}, size.width, recipe, speed, size.network)
                space = self._space(settings, setup, cut, classes, linear=tables)
                space.steer(settings.steering)
                return space

            size = fitting_size(kind, budgets, size.network)
            cut = size.cut(learned)
            shape |= {"words": len(cut.vocabulary), "buckets": cut.buckets}
        return Setup(shape, size.width, recipe, speed, size.network)

    def _affords_deep(self, settings: Settings, speed: Speed, rows: int, examples: int) -> bool:
        """Whether the final training gives convolutions, better by points, enough epochs."""
        if settings.time_limit_s is None:
            return True
        classes = len(self._source.classes)
        macs = TextSpace((rows, COLUMNS), classes, words=2, buckets=1).yardstick().architecture.macs
        final_s = expected_final_s(settings.time_limit_s, opening_s=OPENING_S)
        return final_s * speed.macs_per_s >= EPOCHS_WANTED * examples * macs

    def load(self, setup: Setup, run: RunDirectory, progress: Progress) -> TextData:
        return load_texts(self._source, vectors=self._vectors, **setup.preprocessing)

    def space(self, settings: Settings, setup: Setup, data: TaskData) -> SearchSpace:
        preprocessing = data.preprocessing
        assert isinstance(preprocessing, TextPreprocessing)
        ids = data.train.inputs
        hashed = preprocessing.buckets + 1
        sizes = {(0, 1): preprocessing.words, (1, 1): hashed, (1, 2): hashed, SUBWORDS: hashed}
        scales = {
            (start, count): inverse_document_frequencies(ids[:, :, start : start + count], size)
            for (start, count), size in sizes.items()
        }
        classes = len(data.classes)
        weights = {group: scales[group] for group in _linear_groups(preprocessing)}
        limit_s = settings.time_limit_s
        most = LARGEST if limit_s is None else min(LARGEST, LINEAR_PER_S * limit_s)
        linear = fit_linear(ids, data.train.labels, classes, weights, most)
        return self._space(settings, setup, preprocessing, classes, linear=linear, scales=scales)

    def _space(
        self,
        settings: Settings,
        setup: Setup,
        preprocessing: TextPreprocessing,
        classes: int,
        *,
        linear: Mapping[tuple[int, int], Array] | None,
        scales: Mapping[tuple[int, int], Array] | None = None,
    ) -> TextSpace:
        words = preprocessing.vocabulary
        return TextSpace(
            preprocessing.shape,
            classes,
            words=preprocessing.words,
            buckets=preprocessing.buckets,
            width=setup.width,
            network=setup.network or "bag",
            recipe=setup.recipe,
            scales=scales,
            linear=linear,
            vectors=vector_table(self._vectors, words) if self._vectors else None,
            unspaced=_unspaced(words),
            recurrent=settings.space != MobileSpace.name,
        )

    def augmenter(self, shape: tuple[int, ...], classes: int) -> Augmenter:
        return make_token_dropout(shape, classes)

    def samples(self, model: TrainedModel, part: ExampleSet, chosen: Array) -> Samples:
        assert isinstance(part, TextSet)
        encoded = [part.texts[i].translate(_SURROGATES).encode() for i in chosen]
        return Samples.answered_by(model, np.asarray(part.inputs[chosen]), encoded)

    def show(self, part: ExampleSet, position: int) -> dict[str, Any]:
        assert isinstance(part, TextSet)
        return {"text": part.texts[position][:SHOWN]}

    def explain(
        self, predict_proba: Callable[[Array], Array], part: ExampleSet, data: TaskData
    ) -> dict[str, Any]:
        assert isinstance(part, TextSet) and isinstance(data.train, TextSet)
        return {
            "tokens": token_effects(predict_proba, part, data.classes),
            "lengths": length_histogram([len(tokens_of(text)) for text in data.train.texts]),
        }


def _unspaced(words: Sequence[str]) -> bool:
    """Whether most frequent tokens are single characters, as in Chinese."""
    return sum(len(word) == 1 for word in words[:500]) > 0.5 * len(words[:500])


def _linear_groups(preprocessing: TextPreprocessing) -> dict[tuple[int, int], int]:
    """The columns that the linear model reads, with the number of their ids."""
    hashed = preprocessing.buckets + 1
    if _unspaced(preprocessing.vocabulary):
        return {(0, 1): preprocessing.words, (1, 2): hashed}
    return {(0, 1): preprocessing.words, (1, 1): hashed, SUBWORDS: hashed}


@dataclass(eq=False, repr=False, kw_only=True)
class TextSearch(BaseSearch):
    """Searches, trains and exports a text classifier.

    Args:
        time: As for `ImageSearch`, like everything that is not named here.
        text_column: Column of the texts in a table; several with commas are joined. None guesses.
        label_column: Column of the labels; None guesses.
        vectors: File of pretrained word vectors in text format (GloVe, fastText .vec), which stay
            as they are; None for none.
        ensemble: None for the average of up to three known networks where each gets its passes and
            nothing else is asked for; 1 for a single network, a third as large.
        space: "auto", "text", or "mobile": without recurrent networks, which phones run badly.
        constraints: Of `Constraints`, `max_size`, `max_params` and `max_macs`: networks on texts
            have no int8 form, so what is limited is the float file, or with `ship="float16"` that
            of half precision. All its weights count, those of the linear model as well.

    `fit` takes a table (CSV, TSV, JSON lines), a folder of tables named train, valid and test, a
    folder with one folder of .txt files a class, a list of strings with labels, or a pandas
    DataFrame.

    Example:
        >>> from autoarch import TextSearch
        >>> search = TextSearch(time="3m").fit("reviews.csv")            # doctest: +SKIP
        >>> search.predict(["Never again."])                             # doctest: +SKIP
        array(['negative'], dtype='<U8')
    """

    task = "text"

    text_column: str | None = None
    label_column: str | None = None
    vectors: str | Path | None = None

    def _settings(self) -> Settings:
        given = None if self.vectors is None else str(Path(self.vectors).resolve())
        return replace(super()._settings(), vectors=given)

    def _open(self, x: Any, y: Any, validation_data: Any, settings: Settings) -> TextTask:
        if settings.space not in ("auto", TextSpace.name, MobileSpace.name):
            raise InvalidInputError(
                f"`space` of a text search must be auto, text or mobile; got {settings.space!r}."
            )
        source = scan_texts(
            x,
            y,
            valid=settings.valid,
            test=settings.test,
            validation_data=validation_data,
            text_column=settings.text_column,
            label_column=settings.label_column,
            seed=settings.seed,
        )
        return TextTask(source, x, None if settings.vectors is None else Path(settings.vectors))

    @property
    def _preprocessing(self) -> TextPreprocessing:
        found = self._predictor.model.preprocessing
        assert isinstance(found, TextPreprocessing)
        return found

    def _inputs(self, x: Any) -> npt.NDArray[np.uint16]:
        if hasattr(x, "columns"):
            x = frame_texts(x, self.text_column)
        texts = [x] if isinstance(x, str) else list(x)
        check_strings(texts)
        return self._preprocessing.ids(texts)

    def predict_files(
        self, paths: Sequence[str | Path]
    ) -> tuple[npt.NDArray[np.float32], list[tuple[Path, str]]]:
        """See `BaseSearch.predict_files`; each file is one text."""
        self._run()
        texts, unreadable = [], []
        for path in map(Path, paths):
            try:
                texts.append(read_text(path)[0])
            except DataError as error:
                unreadable.append((path, str(error)))
        return self.predict_proba(texts), unreadable

    def evaluate(self, x: Any, y: Any = None) -> dict[str, Any]:
        """See `BaseSearch.evaluate`; of a source with a test part, that part only."""
        self._run()
        classes = self._predictor.model.classes
        if isinstance(x, str | Path):
            parts = list_texts(Path(x), self.text_column, self.label_column)
            rows = parts.get("test", parts["train"])
            if rows.skipped and self.progress is not None:
                name, reason = rows.skipped[0]
                self.progress.note(
                    f"{len(rows.skipped)} texts are left out; the first: {name} ({reason})."
                )
            texts, given = list(rows.texts), list(rows.labels)
        else:
            parts, _ = given_rows(x, y, None, self.text_column, self.label_column)
            texts, given = list(parts["train"].texts), list(parts["train"].labels)
        unknown = sorted(set(given) - set(classes))
        if unknown:
            raise DataError(
                f"The data has the class {unknown[0]!r}, which the model does not know."
            )
        labels = np.array([classes.index(label) for label in given], np.int64)
        return classification_metrics(labels, self.predict_proba(texts))

    def _samples_of(self, model: TrainedModel) -> Samples:
        """Some texts: the run's own data may lie elsewhere by now."""
        encoded = [text.encode() for text in SAMPLES]
        return Samples.answered_by(model, self._inputs(SAMPLES), encoded)
