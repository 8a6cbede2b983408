"""Text to token ids. This file needs nothing but Python: it is shipped beside `model.tflite`.

    from tokenizer import Tokenizer
    ids = Tokenizer.load(".").ids("What is an atom ?")    # `rows` lists of `COLUMNS` numbers

A text becomes tokens: runs of letters, marks and digits, in lower case; every other visible
character, and every character of scripts that are written without spaces, is a token of its own.
Texts longer than `rows` tokens keep their beginning and the last third. A token has these ids,
0 where there is nothing:

- column 0: its place in `vocab.txt`, from 2 on; 1 for tokens that are not in it;
- columns 1 and 2: itself with the next one, and with the next two, hashed;
- columns 3 to 12 and 13 to 22: its runs of 3 and of 4 characters, with its beginning and end
  marked, hashed.

Hashes are polynomials over the prime 2**31 - 1 (Rabin and Karp, 1987), so that a graph of integer
ops gives the same ones.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

PRIME = 2**31 - 1
BASE = 1_000_003
MIXER = 1_640_531_527
TOKEN_LENGTH = 24
"""Characters of a token that count."""
WINDOWS = (3, 4)
POSITIONS = 10
"""Runs of characters of each length that a token has at most."""
COLUMNS = 3 + POSITIONS * len(WINDOWS)
TABLE_SIZE = 0x20000
"""Characters from here on (rare ideographs) are tokens of their own."""
SPACE, WORD, SINGLE = 0, 1, 2
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Japanese syllables
    (0x3400, 0x9FFF),  # ideographs
    (0xF900, 0xFAFF),
)


@lru_cache(maxsize=65536)
def kind_of(code: int) -> int:
    """SPACE, WORD or SINGLE."""
    if code >= TABLE_SIZE or any(low <= code <= high for low, high in _UNSPACED):
        return SINGLE
    category = unicodedata.category(chr(code))
    if category[0] in "ZC":
        return SPACE
    return WORD if category[0] in "LMN" else SINGLE


@lru_cache(maxsize=65536)
def lower_of(code: int) -> int:
    """Lower case of a character where that is one character."""
    lower = chr(code).lower() if code < TABLE_SIZE else ""
    return ord(lower) if len(lower) == 1 else code


def tokens_of(text: str) -> list[str]:
    """The tokens of a text, cut to `TOKEN_LENGTH` characters.

    >>> tokens_of("It's GOOD, \u5f88\u597d!")
    ['it', "'", 's', 'good', ',', '\u5f88', '\u597d', '!']
    """
    found: list[str] = []
    for chunk in text.split(" "):
        # Most chunks are words that have been met before.
        found += (_chunk_tokens if len(chunk) <= TOKEN_LENGTH else _tokens)(chunk)
    return found


def _tokens(text: str) -> tuple[str, ...]:
    found: list[str] = []
    word: list[str] = []
    for character in text:
        code = ord(character)
        kind = kind_of(code)
        if kind == WORD:
            word.append(chr(lower_of(code)))
            continue
        if word:
            found.append("".join(word[:TOKEN_LENGTH]))
            word.clear()
        if kind == SINGLE:
            found.append(chr(lower_of(code)))
    if word:
        found.append("".join(word[:TOKEN_LENGTH]))
    return tuple(found)


_chunk_tokens = lru_cache(maxsize=1 << 16)(_tokens)


def shortened(tokens: list[str], rows: int) -> list[str]:
    """The beginning and the last third of `rows` where there are more tokens than that."""
    if len(tokens) <= rows:
        return tokens
    tail = rows // 3
    return tokens[: rows - tail] + tokens[len(tokens) - tail :]


def hash_of(codes: Iterable[int]) -> int:
    """Polynomial hash of small positive numbers, in [0, PRIME)."""
    value, power = 0, 1
    for code in codes:
        value += code * power
        power = power * BASE % PRIME
    return value % PRIME


def token_hash(token: str) -> int:
    """The hash of a whole token, as a run of characters has it."""
    return hash_of(ord(character) + 3 for character in token)


def character_hashes(token: str) -> tuple[int, ...]:
    """Hashes of the token's runs of characters, one a column; -1 where there is none."""
    codes = [1, *(ord(character) + 3 for character in token), 2]
    found = []
    for length in WINDOWS:
        for start in range(POSITIONS):
            window = codes[start : start + length]
            whole = len(window) == length
            found.append((hash_of(window) * MIXER + length) % PRIME if whole else -1)
    return tuple(found)


class Tokenizer:
    """Texts to ids.

    Args:
        vocabulary: Tokens that have ids of their own, in order.
        rows: Most tokens of a text.
        buckets: Hashed ids are 1 to `buckets`.
    """

    def __init__(self, vocabulary: Iterable[str], rows: int, buckets: int):
        self.vocabulary = tuple(vocabulary)
        self.rows = rows
        self.buckets = buckets
        self.places: dict[int, int] = {}
        for place, token in enumerate(self.vocabulary, 2):
            self.places.setdefault(token_hash(token), place)
        self._token = lru_cache(maxsize=1 << 16)(self._token_of)

    @classmethod
    def load(cls, directory: str | Path) -> Tokenizer:
        """From `preprocessing.json` and `vocab.txt` in a directory."""
        settings = json.loads((Path(directory) / "preprocessing.json").read_text("utf-8"))
        vocabulary = (Path(directory) / "vocab.txt").read_text("utf-8").split("\n")[:-1]
        return cls(vocabulary, settings["rows"], settings["buckets"])

    def ids(self, text: str) -> list[list[int]]:
        """The ids of a text, `rows` lists of `COLUMNS` numbers."""
        found = self.token_ids(text)
        return found + [[0] * COLUMNS] * (self.rows - len(found))

    def token_ids(self, text: str) -> list[list[int]]:
        """The same without lists of zeros for the tokens that a short text does not have."""
        known = [self._token(token) for token in shortened(tokens_of(text), self.rows)]
        hashes = [own for own, _, _ in known] + [0, 0]
        found = []
        for i, (own, place, runs) in enumerate(known):
            two = (own * MIXER + hashes[i + 1]) % PRIME
            three = (two * MIXER + hashes[i + 2]) % PRIME
            found.append([place, two % self.buckets + 1, three % self.buckets + 1, *runs])
        return found

    def _token_of(self, token: str) -> tuple[int, int, tuple[int, ...]]:
        """A token's hash, its place in the vocabulary, and the ids of its runs of characters."""
        own = token_hash(token)
        runs = [0 if n < 0 else n % self.buckets + 1 for n in character_hashes(token)]
        return own, self.places.get(own, 1), tuple(runs)
