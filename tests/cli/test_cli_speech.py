"""`autoarch fit` on sounds: what is refused, each with exit code 2 and one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from autoarch.cli import environment
from autoarch.cli.main import cli
from click.testing import CliRunner

RATE = 8000


def clip(path: Path, seed: int, *, level: float = 0.3) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = level * np.random.default_rng(seed).uniform(-1, 1, RATE // 4)
    soundfile.write(path, wave, RATE)


def one_class(root: Path) -> None:
    for i in range(12):
        clip(root / "yes" / f"{i}.wav", i)


def few(root: Path) -> None:
    for i in range(2):
        clip(root / "yes" / f"{i}.wav", i)
        clip(root / "no" / f"{i}.wav", 10 + i)


def unreadable(root: Path) -> None:
    for label in ("yes", "no"):
        for i in range(12):
            (root / label).mkdir(parents=True, exist_ok=True)
            (root / label / f"{i}.wav").write_bytes(b"RIFF" + bytes([i]) * 40)


def silent(root: Path) -> None:
    for label in ("yes", "no"):
        for i in range(12):
            clip(root / label / f"{i}.wav", i, level=1e-6 * (i + 1))


def nothing(root: Path) -> None:
    root.mkdir()


def cut_short(root: Path) -> None:
    sound(root)
    for path in root.rglob("*.wav"):
        path.write_bytes(path.read_bytes()[:30])


def zeros(root: Path) -> None:
    for label in ("yes", "no"):
        for i in range(12):
            clip(root / label / f"{i}.wav", i, level=0)


def undecodable(root: Path) -> None:
    for label in ("yes", "no"):
        (root / label).mkdir(parents=True)
        for i in range(12):
            (root / label / f"{i}.m4a").write_bytes(b"\0\0\0 ftypM4A " + bytes([i]) * 99)


def no_folders(root: Path) -> None:
    for i in range(12):
        clip(root / f"{i}.wav", i)


def sound(root: Path) -> None:
    for c, label in enumerate(("yes", "no")):
        for i in range(12):
            clip(root / label / f"{i}.wav", 100 * c + i)


@pytest.mark.parametrize(
    ("make", "options", "says"),
    [
        (one_class, [], "class"),
        (few, [], "4 clips"),
        (nothing, [], "is empty"),
        (no_folders, [], "12 clips but no class folders"),
        (undecodable, [], "no clips (WAV, FLAC, Ogg, MP3 or AIFF)"),
        (unreadable, [], "is a readable clip"),
        (cut_short, [], "is a readable clip"),
        (zeros, [], "12 copies of one clip"),
        (silent, [], "All clips to train on are silent"),
        (sound, ["--group", "nobody"], "nobody"),
        (sound, ["--group", "(["], "no regular expression"),
        (sound, ["--space", "mobile"], "auto or speech"),
        (sound, ["--image-size", "32"], "--image-size does not go with speech data"),
        (sound, ["--clip-seconds", "0"], "--clip-seconds"),
    ],
)
def test_bad_input_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make, options: list[str], says: str
) -> None:
    monkeypatch.setattr(environment, "start_tensorflow", lambda: None)
    make(tmp_path / "words")
    arguments = ["fit", str(tmp_path / "words"), "--quiet", "--time", "1m", *options]
    result = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path / "run")])
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert (result.exit_code, len(lines)) == (2, 1), result.stderr
    assert says in lines[0]
    assert "Traceback" not in result.stderr
    left = [path.name for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert "result.json" not in left and "report.html" not in left
