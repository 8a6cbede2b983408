"""Looking over a source of texts: classes, splits, duplicates; then ids. No TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autoarch.data.dataset import Findings, HeldOut, Labels
from autoarch.data.duplicates import (
    digest,
    digest_array,
    find_duplicates,
    group_equal,
    notes_on_copies,
)
from autoarch.data.fingerprint import fingerprint_examples
from autoarch.data.labels import encode_labels, refuse_fractions, refuse_free_text
from autoarch.data.listed_parts import check_pair
from autoarch.data.listing import check_classes, ordered_classes
from autoarch.data.shares import parse_part
from autoarch.data.split import SPLIT_NAMES, TEST, TRAIN, VALID, Splits, assign_splits
from autoarch.data.text import TextData, TextPreprocessing, TextSet
from autoarch.data.text_files import Rows, choose_columns, list_texts, text_columns
from autoarch.data.tokenizer import tokens_of
from autoarch.errors import DataError

MIN_TEXTS = 10
_FRAME = "The DataFrame"
SMALLEST_ROWS, LARGEST_ROWS = 8, 160


@dataclass(frozen=True, eq=False)
class TextSource:
    """Texts with labels and splits.

    Args:
        rows: All texts, those of all splits.
        labels: Class index of each, int64 `(n,)`.
        splits: TRAIN, VALID or TEST of each, int8 `(n,)`.
        keeps: Whether each is used: False for copies of held-out texts.
        classes: Class names in the order of the labels.
        fingerprint: Of texts and labels.
        valid_given: The valid split was given, not drawn.
        duplicates: `(kept, dropped)` names.
        duplicates_within: Repeated texts inside train.
        notes: What was noticed.
        label_kind: "str", "int" or "bool".
    """

    rows: Rows
    labels: Labels
    splits: Splits
    keeps: npt.NDArray[np.bool_]
    classes: tuple[str, ...]
    fingerprint: str
    valid_given: bool
    duplicates: tuple[tuple[str, str], ...]
    duplicates_within: int
    notes: tuple[str, ...]
    label_kind: str = "str"

    def texts_of(self, split: int) -> list[str]:
        """The texts of a split that are used."""
        chosen = np.flatnonzero((self.splits == split) & self.keeps)
        return [self.rows.texts[i] for i in chosen]


def scan_texts(
    source: Any,
    labels: Any = None,
    *,
    valid: float | str | Path | None = None,
    test: float | str | Path | None = None,
    validation_data: Any = None,
    text_column: str | None = None,
    label_column: str | None = None,
    seed: int = 0,
) -> TextSource:
    """Looks over a source and splits it.

    Args:
        source: A table, a folder (see `list_texts`), a list or array of strings, or a pandas
            DataFrame or Series.
        labels: For lists and Series.
        valid, test: As for `scan_images`; a path is a table or a folder.
        validation_data: For lists `(x, y)`.
        text_column, label_column: Of tables; guessed where None.
        seed: The split is drawn from it.

    Raises:
        DataError: The source cannot be used.
    """
    if isinstance(source, str | Path):
        if labels is not None or validation_data is not None:
            raise DataError("`y` and `validation_data` go with lists of texts, not with files.")
        parts = list_texts(Path(source), text_column, label_column)
        kind = "str"
        where = str(source)
    else:
        parts, kind = given_rows(source, labels, validation_data, text_column, label_column)
        where = "x"
    given = {"valid": valid, "test": test}
    shares: dict[str, float | None] = {}
    for name, value in given.items():
        part = parse_part(name, value, has_own=name in parts)
        if part.folder is not None:
            parts[name] = list_texts(part.folder, text_column, label_column)["train"]
        elif part.is_none:
            parts.pop(name, None)
        shares[name] = part.share if name not in parts else None
    return _assemble(parts, shares, where, kind, seed)


def given_rows(
    source: Any,
    labels: Any,
    validation_data: Any = None,
    text_column: str | None = None,
    label: str | None = None,
) -> tuple[dict[str, Rows], str]:
    """The texts of values in memory by split, and the kind of their labels; see `scan_texts`.

    Raises:
        DataError: Texts are no strings, labels are missing, or a DataFrame lacks a column.
    """
    if isinstance(source, set | frozenset) or not hasattr(source, "__len__"):
        kind = type(source).__name__
        raise DataError(f"Texts must be a list, an array or a DataFrame; got a {kind}.")
    skipped: list[tuple[str, str]] = []
    names = [f"train[{i}]" for i in range(len(source))]
    if hasattr(source, "columns"):
        if labels is not None:
            raise DataError(
                "A DataFrame holds its labels: name their column with `label_column`, or give one "
                "column of texts as x."
            )
        source, labels, names, skipped = _of_frame(source, text_column, label)
    if labels is None:
        raise DataError("Lists of texts need labels: give texts x and labels y.")
    parts = {"train": (list(source), labels)}
    if validation_data is not None:
        check_pair(validation_data, "texts")
        parts["valid"] = (list(validation_data[0]), validation_data[1])
    found = {}
    for name, (texts, targets) in parts.items():
        encoded = encode_labels(targets, len(texts))
        check_strings(texts)
        found[name] = Rows(
            tuple(texts),
            tuple(encoded.classes[i] for i in encoded.indices),
            tuple(names if name == "train" else [f"{name}[{i}]" for i in range(len(texts))]),
            tuple(skipped if name == "train" else []),
        )
    return found, encode_labels(parts["train"][1], len(parts["train"][0])).kind


def check_strings(texts: Iterable[Any]) -> None:
    """Raises DataError where a text is no string; it shows the first such."""
    for text in texts:
        if not isinstance(text, str):
            raise DataError(f"Texts must be strings; got {text!r}.")


def frame_texts(frame: Any, text_column: str | None) -> list[str]:
    """The texts of a pandas DataFrame; of several columns joined, "" where nothing is there.

    Raises:
        DataError: There is no such column; the message says which there are.
    """
    texts = ["" for _ in range(len(frame))]
    columns = [str(name) for name in frame.columns]
    for column in text_columns(columns, _FRAME, text_column):
        values = frame.iloc[:, columns.index(column)]
        there = values.astype(object).where(values.notna(), "").astype(str).tolist()
        texts = [f"{text}\n{more}".strip() for text, more in zip(texts, there)]
    return texts


def _of_frame(
    frame: Any, text_column: str | None, label_column: str | None
) -> tuple[list[str], list[Any], list[str], list[tuple[str, str]]]:
    """Texts, labels and names out of a pandas DataFrame, and the rows that lack one of them."""
    columns = [str(name) for name in frame.columns]
    _, label = choose_columns(columns, _FRAME, text_column, label_column)
    texts = frame_texts(frame, text_column)
    given = frame.iloc[:, columns.index(label)]
    missing = given.isna().tolist()
    skipped = [
        (f"train[{i}]", "no label" if text else "no text")
        for i, (text, gone) in enumerate(zip(texts, missing))
        if gone or not text
    ]
    left = [i for i, text in enumerate(texts) if text and not missing[i]]
    labels = given.iloc[left].infer_objects().tolist()
    return [texts[i] for i in left], labels, [f"train[{i}]" for i in left], skipped


def _assemble(
    parts: dict[str, Rows], shares: dict[str, float | None], where: str, kind: str, seed: int
) -> TextSource:
    train = parts["train"]
    refuse_fractions(train.labels, where, "text")
    refuse_free_text(train.labels, where, "text")
    classes = ordered_classes(train.labels)
    check_classes(classes, where)
    if len(train.texts) < MIN_TEXTS:
        raise DataError(
            f"{where} holds {len(train.texts)} texts to train on; at least {MIN_TEXTS} are needed."
        )
    places = {name: index for index, name in enumerate(classes)}
    unknown = sorted({label for part in parts.values() for label in part.labels} - set(places))
    if unknown:
        raise DataError(f"valid or test has the class {unknown[0]!r}, which train lacks.")
    order = [name for name in ("train", "valid", "test") if name in parts]
    rows = Rows(
        *(
            tuple(value for name in order for value in getattr(parts[name], field))
            for field in ("texts", "labels", "names", "skipped", "notes")
        )
    )
    labels = np.array([places[label] for label in rows.labels], np.int64)
    digests = [
        digest(" ".join(text.split()).casefold().encode("utf-8", "replace")) for text in rows.texts
    ]
    groups = group_equal(digest_array(digests))
    count = len(train.texts)
    drawn = assign_splits(
        labels[:count],
        groups[:count],
        classes,
        valid_share=shares["valid"],
        test_share=shares["test"],
        seed=seed,
        noun="text",
    )
    numbers = {"valid": VALID, "test": TEST}
    given = [np.full(len(parts[name].texts), numbers[name], np.int8) for name in order[1:]]
    splits = np.concatenate([drawn, *given])
    valid_given = "valid" in parts
    twins = find_duplicates(groups, splits, labels, valid_given=valid_given)
    keeps = np.ones(len(labels), np.bool_)
    keeps[[dropped for _, dropped in twins.dropped]] = False
    left = np.bincount(labels[keeps & (splits == TRAIN)], minlength=len(classes))
    if not left.all():
        name = classes[int(np.flatnonzero(left == 0)[0])]
        raise DataError(f"No training text is left of class {name!r}; add different ones.")
    if not (keeps & (splits == VALID)).any():
        raise DataError(
            "No validation text is left: all that were drawn are also in the test part; give more "
            "texts, or a validation part."
        )
    return TextSource(
        rows=rows,
        labels=labels,
        splits=splits,
        keeps=keeps,
        classes=classes,
        fingerprint=fingerprint_examples(digests, labels, classes, count),
        valid_given=valid_given,
        duplicates=tuple((rows.names[a], rows.names[b]) for a, b in twins.dropped),
        duplicates_within=twins.within_train,
        notes=(*rows.notes, *notes_on_copies(twins.valid_in_test, twins.conflicting, "text")),
        label_kind=kind,
    )


def choose_rows(source: TextSource) -> int:
    """Tokens that nearly all training texts have at most, a multiple of 8."""
    lengths = [len(tokens_of(text[:20_000])) for text in source.texts_of(TRAIN)]
    wanted = int(np.quantile(lengths, 0.97))
    return min(LARGEST_ROWS, max(SMALLEST_ROWS, -(-wanted // 8) * 8))


def load_texts(
    source: TextSource, rows: int, vectors: Iterable[str] = (), **tables: int
) -> TextData:
    """Learns the vocabulary from the training texts and turns all texts into ids.

    Args:
        source: The texts.
        rows: Tokens of a text at most.
        vectors: Words with pretrained vectors, which have ids as well while there is room.
        tables: See `TextPreprocessing.learned`.
    """
    preprocessing = TextPreprocessing.learned(source.texts_of(TRAIN), rows, vectors, **tables)
    sets = {}
    for split in (TRAIN, VALID, TEST):
        chosen = np.flatnonzero((source.splits == split) & source.keeps)
        texts = tuple(source.rows.texts[i] for i in chosen)
        names = tuple(source.rows.names[i] for i in chosen)
        sets[split] = TextSet(preprocessing.ids(texts), source.labels[chosen], names, texts)
    counts = {}
    for split, name in enumerate(SPLIT_NAMES):
        tally = Counter(sets[split].labels.tolist())
        counts[name] = {label: tally[i] for i, label in enumerate(source.classes)}
    return TextData(
        train=sets[TRAIN],
        valid=sets[VALID],
        held_out=HeldOut(sets[TEST]),
        classes=source.classes,
        preprocessing=preprocessing,
        findings=Findings(
            counts, source.duplicates, source.duplicates_within, source.rows.skipped, source.notes
        ),
        fingerprint=source.fingerprint,
        label_kind=source.label_kind,
        valid_given=source.valid_given,
    )
