"""Who speaks in which clip, and splits in which nobody is in two parts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np

from autoarch.data.dataset import Labels
from autoarch.data.formats import listed
from autoarch.data.listing import ImageFile, Listing
from autoarch.data.split import TEST, TRAIN, VALID, Splits
from autoarch.errors import DataError
from autoarch.seeding import rng

COLUMNS = ("speaker", "speaker_id", "client_id", "group", "subject")
"""Columns of a manifest that name the speaker."""

_FEWEST = 4
"""Fewer different values in file names are more likely recording conditions than speakers."""

_DRAWS = 300


def find_speakers(
    files: Sequence[ImageFile], group: str
) -> tuple[tuple[str, ...] | None, str | None]:
    """The speaker of each file.

    Args:
        files: With labels, and the columns of a manifest.
        group: "auto", "none", a manifest's column, or a regular expression over the file's path
            whose first parenthesis is the speaker.

    Returns:
        Their names, and a note on how they were guessed; None where nobody says who speaks.

    Raises:
        DataError: The column or the expression does not fit.
    """
    if group == "none":
        return None, None
    if group == "auto":
        return _guess(files)
    if "(" in group:
        return _by_pattern(files, group), None
    if lacking := [file.relative for file in files if not file.columns.get(group.lower())]:
        columns = sorted({name for file in files for name in file.columns})
        has = f"the manifest has {listed(columns, 6)}" if columns else "there is no manifest"
        raise DataError(
            f"`group` is {group!r}, but {lacking[0]} has no such column ({has}); give a column, "
            f"a regular expression with a parenthesis, as '_(.+?)_', or none."
        )
    return tuple(file.columns[group.lower()] for file in files), None


def parts_with(
    speakers: Sequence[str], listings: Mapping[str, Listing], group: str
) -> tuple[str, ...]:
    """The given parts ("valid", "test") in which some of `speakers` are heard, too, or of which
    nobody knows who speaks.

    Args:
        speakers: Those of train.
        listings: All parts.
        group: See `find_speakers`. An expression that fits train alone says nothing of others.
    """
    found = []
    for name in {"valid", "test"} & set(listings):
        try:
            others, _ = find_speakers(listings[name].files, group)
        except DataError:
            continue
        if others is None or set(others) & set(speakers):
            found.append(name)
    return tuple(sorted(found, reverse=True))


def _by_pattern(files: Sequence[ImageFile], group: str) -> tuple[str, ...]:
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise DataError(f"`group` is no regular expression: {error}.") from error
    if not pattern.groups:
        raise DataError(f"`group` is {group!r}; the speaker must be in a parenthesis of its own.")
    found = [pattern.search(file.relative) for file in files]
    if None in found:
        name = files[found.index(None)].relative
        raise DataError(f"`group` is {group!r}, which does not fit {name}.")
    return tuple(match.group(1) or "" for match in found if match)


def _guess(files: Sequence[ImageFile]) -> tuple[tuple[str, ...] | None, str | None]:
    for column in COLUMNS:
        if all(file.columns.get(column) for file in files):
            note = f"The column {column!r} names the speakers: none is in two parts of the split."
            return tuple(file.columns[column] for file in files), note
    parts = [re.split(r"[_-]", PurePath(file.relative).stem) for file in files]
    if len({len(words) for words in parts}) != 1:
        return None, None
    for position in range(len(parts[0])):
        words = tuple(row[position] for row in parts)
        if _look_like_speakers(words, [file.label for file in files]):
            note = (
                f"File names seem to tell the speakers ({listed(sorted(set(words)))}): none is in "
                f"two parts of the split. If they are none, say --group none."
            )
            return words, note
    return None, None


def _look_like_speakers(words: Sequence[str], labels: Sequence[str]) -> bool:
    """Names of letters, several files each, across classes; no class has its own."""
    distinct = set(words)
    if not _FEWEST <= len(distinct) <= len(words) / 2 or distinct & set(labels):
        return False
    if sum(any(c.isalpha() for c in word) for word in distinct) < 0.9 * len(distinct):
        return False
    classes = defaultdict(set)
    for word, label in zip(words, labels):
        classes[word].add(label)
    across = sum(len(found) > 1 for found in classes.values())
    return across >= 0.8 * len(distinct)


def split_by_speaker(
    labels: Labels,
    speakers: Sequence[str],
    classes: tuple[str, ...],
    *,
    valid_share: float | None,
    test_share: float | None,
    seed: int,
) -> Splits:
    """Deals whole speakers out to train, valid and test.

    Of many random orders the one is taken that leaves every class in every part, if there is one,
    and comes closest to the shares.

    Args:
        labels: Class index of each clip, `(n,)`.
        speakers: Who speaks in each.
        classes: Names, for messages.
        valid_share: Part of what test leaves; None where valid is given elsewhere.
        test_share: None or 0 where test is given elsewhere or not wanted.
        seed: The split depends on this, the labels and the speakers alone.

    Raises:
        DataError: Too few speakers, or a class that only held-out speakers would have.
    """
    names, who = np.unique(np.asarray(speakers), return_inverse=True)
    shares = [(TEST, test_share or 0.0), (VALID, (valid_share or 0.0) * (1 - (test_share or 0.0)))]
    wanted = [(part, share) for part, share in shares if share]
    if len(names) <= len(wanted):
        raise DataError(
            f"There are {len(names)} speakers ({listed(names.tolist())}) for "
            f"{len(wanted) + 1} parts; give clips of more speakers, or --group none."
        )
    counts = np.zeros((len(names), len(classes)), np.int64)
    np.add.at(counts, (who, labels), 1)
    random = rng("speakers", seed=seed)
    best: tuple[float, Splits] | None = None
    for _ in range(_DRAWS):
        order = random.permutation(len(names))
        dealt = np.full(len(names), TRAIN, np.int8)
        at = 0
        for index, (part, share) in enumerate(wanted):
            taken, most = 0, len(names) - (len(wanted) - index)
            while at < most and (not taken or taken < share * len(labels)):
                following = int(counts[order[at]].sum())
                # the next speaker comes in where that is nearer to the share
                if taken and taken + following / 2 > share * len(labels):
                    break
                dealt[order[at]] = part
                taken += following
                at += 1
        cost = 0.0
        for part, share in [*wanted, (TRAIN, 1 - sum(share for _, share in wanted))]:
            inside = counts[dealt == part].sum(axis=0)
            cost += abs(inside.sum() / len(labels) - share)
            cost += float(np.sum(inside == 0)) * (100 if part == TRAIN else 10)
        if best is None or cost < best[0]:
            best = cost, dealt
    assert best is not None
    splits: Splits = best[1][who]
    in_train = np.bincount(labels[splits == TRAIN], minlength=len(classes))
    if lost := [name for name, count in zip(classes, in_train) if not count]:
        raise DataError(
            f"Class {listed(lost)} has too few speakers to be in train and held out; "
            f"add clips of other speakers, or say --group none."
        )
    return splits
