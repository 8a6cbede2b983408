from __future__ import annotations

import pytest

from autoarch.export.labels import as_utf8, format_labels, parse_labels

NAMES = (
    "cat",
    "a b",
    "two\nlines",
    "\r",
    "line\u2028separator",
    '"quoted"',
    'has "quotes" inside',
    " space",
    "space ",
    "",
    "tab\there",
    "na\u00efve",
    "\u732b",
    "back\\slash",
    "not utf-8 \udce9",
    "0",
)


def test_labels_survive_the_file_and_keep_one_line_each() -> None:
    text = format_labels(NAMES)
    assert parse_labels(text) == NAMES
    assert len(text.splitlines()) == len(NAMES)
    text.encode("utf-8")


@pytest.mark.parametrize("name", ["cat", "a b", "na\u00efve", 'has "quotes" inside', "\u732b"])
def test_plain_names_are_written_as_they_are(name: str) -> None:
    assert format_labels([name]) == name + "\n"


def test_no_labels_are_an_empty_file() -> None:
    assert format_labels([]) == ""
    assert parse_labels("") == ()


def test_a_broken_json_line_is_an_error() -> None:
    with pytest.raises(ValueError, match="Unterminated"):
        parse_labels('"open\n')


def test_names_that_are_not_utf8_become_readable_bytes() -> None:
    assert as_utf8("caf\udce9") == b"caf\\udce9"
    assert as_utf8("caf\u00e9").decode() == "caf\u00e9"
