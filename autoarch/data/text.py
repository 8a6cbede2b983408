"""Texts: the values that the data room hands on, and how any text becomes token ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from autoarch.data import tokenizer
from autoarch.data.dataset import ExampleSet, TaskData
from autoarch.data.preprocessing import Array, Preprocessing, Signature
from autoarch.data.tokenizer import COLUMNS, Tokenizer, tokens_of
from autoarch.trials.run_directory import write_atomically

VOCABULARY_FILE = "vocab.txt"
TOKENIZER_FILE = "tokenizer.py"
MOST_WORDS = 20_000
"""Tokens with ids of their own at most; ids fit 16 bits."""
BUCKETS = 32_768


@dataclass(frozen=True, eq=False)
class TextSet(ExampleSet):
    """Texts of one split: inputs are uint16 ids `(n, rows, COLUMNS)`.

    Args:
        texts: As they were given.
    """

    texts: tuple[str, ...] = ()

    def at(self, places: Array) -> Self:
        return replace(super().at(places), texts=tuple(self.texts[place] for place in places))

    def joined(self, other: Self) -> Self:
        return replace(super().joined(other), texts=self.texts + other.texts)


@dataclass(frozen=True, eq=False)
class TextData(TaskData):
    """Everything that a search needs to know about its texts."""


@dataclass(frozen=True)
class TextPreprocessing(Preprocessing):
    """What turns any text into ids; see `autoarch.data.tokenizer`.

    Args:
        vocabulary: Tokens with ids of their own, the most frequent first.
        rows: Tokens of a text at most.
        buckets: Hashed ids.
    """

    kind: ClassVar[str] = "text"
    noun: ClassVar[str] = "text"
    input_name: ClassVar[str] = "tokens"
    file_names: ClassVar[tuple[str, ...]] = (VOCABULARY_FILE, TOKENIZER_FILE)

    vocabulary: tuple[str, ...] = field(repr=False)
    rows: int
    buckets: int = BUCKETS

    @classmethod
    def learned(
        cls,
        texts: Iterable[str],
        rows: int,
        vectors: Iterable[str] = (),
        *,
        words: int = MOST_WORDS,
        buckets: int = BUCKETS,
    ) -> Self:
        """The vocabulary of training texts: tokens seen twice or more, then those with vectors,
        `words` of them at most."""
        counts = Counter(token for text in texts for token in tokens_of(text))
        ranked = [token for _, token in sorted((-n, token) for token, n in counts.items() if n > 1)]
        pretrained = [word for word in vectors if tokens_of(word) == [word]]
        known = dict.fromkeys([*ranked[:words], *pretrained])
        return cls(tuple(known)[:words], rows, buckets)

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, COLUMNS

    @property
    def words(self) -> int:
        """Number of ids in column 0, those of padding and unknown tokens included."""
        return len(self.vocabulary) + 2

    def ids(self, texts: Sequence[str]) -> Array:
        """uint16 `(n, rows, COLUMNS)`."""
        tokens = Tokenizer(self.vocabulary, self.rows, self.buckets)
        found = np.zeros((len(texts), *self.shape), np.uint16)
        for row, text in zip(found, texts):
            if ids := tokens.token_ids(text):
                row[: len(ids)] = ids
        return found

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "rows": self.rows, "buckets": self.buckets}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(data.get("vocabulary", ())), int(data["rows"]), int(data["buckets"]))

    def save_files(self, directory: Path) -> None:
        write_atomically(directory / VOCABULARY_FILE, "".join(f"{t}\n" for t in self.vocabulary))
        source = Path(tokenizer.__file__).read_text("utf-8")
        write_atomically(directory / TOKENIZER_FILE, source)

    @classmethod
    def load(cls, data: Mapping[str, Any], directory: Path) -> Self:
        lines = (directory / VOCABULARY_FILE).read_text("utf-8").split("\n")[:-1]
        return cls.from_json({**data, "vocabulary": lines})

    def facts(self) -> dict[str, Any]:
        return {"tokens": self.rows, "vocabulary": len(self.vocabulary)}

    def check_inputs(self, inputs: Array) -> None:
        if inputs.dtype != np.uint16 or inputs.shape[1:] != self.shape:
            raise ValueError(
                f"`inputs` of Samples must be uint16 of shape (n, {self.rows}, {COLUMNS}); got "
                f"{inputs.dtype} of shape {inputs.shape}."
            )

    def encode(self, inputs: Array) -> list[bytes]:
        raise ValueError("Ids do not tell their text; give the texts themselves.")

    def signatures(self) -> dict[str, Signature]:
        from autoarch.data.text_graph import text_signatures

        return text_signatures(self)
