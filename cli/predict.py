"""`autoarch predict`: the classes of images, clips or texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from autoarch.cli.command import Command
from autoarch.cli.runs import run_argument


@dataclass(frozen=True)
class Prediction:
    """The answer for one file: its best classes, the most probable first.

    Args:
        path: The file.
        top: Pairs of (class, probability).
    """

    path: str
    top: tuple[tuple[str, float], ...]


@click.command(
    cls=Command,
    short_help="Classes and probabilities of images, clips or texts.",
    examples=[
        ("two images", "autoarch predict runs/photos cat.jpg dog.png"),
        ("the three most probable classes", "autoarch predict runs/photos cat.jpg --top 3"),
        (
            "a whole folder into a spreadsheet",
            "autoarch predict runs/photos inbox/ --format csv > answers.csv",
        ),
    ],
)
@run_argument
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option(
    "--text", "texts", multiple=True, metavar="TEXT", help="A text; may be given more than once."
)
@click.option(
    "--text-column",
    metavar="NAME",
    help="Column of the texts in a table. Default: as in training, else guessed.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to print the answers.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="K",
    help="How many classes to print for each file, the most probable first.",
)
def predict(
    run: Path,
    files: Sequence[str],
    texts: Sequence[str],
    text_column: str | None,
    form: str,
    top: int,
) -> None:
    """Print the class of each FILE and its probability, by the model of the run in RUN.

    A folder stands for all images or clips in it. For a model of texts a FILE is one text (.txt),
    or a table with a text in each row (CSV, TSV, JSON lines). Files that cannot be read are named
    on stderr, and the exit code is 1 where some could not be read and 2 where none could.
    """
    import sys

    import numpy as np
    from autoarch.cli.environment import start_tensorflow
    from autoarch.cli.errors import Failure
    from autoarch.cli.runs import find_run

    import autoarch

    is_text = find_run(run).settings().get("task") == "text"
    if not files and not texts:
        raise Failure("Say what to predict: files, or --text.", exit_code=2)
    if (texts or text_column) and not is_text:
        raise Failure(f"{run} is no model of texts; give files alone.", exit_code=2)
    paths: list[Any] = [] if is_text else list(expanded(files))
    if not paths and not is_text:
        raise Failure(f"No images or clips in {', '.join(files)}.", exit_code=2)
    with redirect_stdout(sys.stderr):
        start_tensorflow()
        search = autoarch.load(run)
        if is_text:
            column = text_column or getattr(search, "text_column", None)
            read, unreadable = _texts(files, texts, column)
            if not read and not unreadable:
                raise Failure(f"No texts in {', '.join(files)}.", exit_code=2)
            paths = [name for name, _ in read]
            probabilities = search.predict_proba([text for _, text in read])
        else:
            probabilities, unreadable = search.predict_files(paths)
    failed = dict(unreadable)
    answered = [path for path in paths if path not in failed]
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    predictions = [
        Prediction(str(path), tuple((str(search.classes_[c]), float(row[c])) for c in best))
        for path, row, best in zip(answered, probabilities, order, strict=True)
    ]
    if predictions or form == "json":
        click.echo(_FORMATS[form](predictions, failed), nl=False)
    for path, reason in failed.items():
        click.echo(f"Error: {path}: {reason}", err=True)
    if failed:
        click.get_current_context().exit(1 if predictions else 2)


def _texts(
    files: Sequence[str], texts: Sequence[str], text_column: str | None
) -> tuple[list[tuple[str, str]], list[tuple[Path, str]]]:
    """Texts with what to call them, and the files that cannot be read with the reasons."""
    from autoarch.data.text_files import unlabelled_texts
    from autoarch.errors import DataError

    found = [(text, text) for text in texts]
    unreadable = []
    for name in files:
        try:
            found += unlabelled_texts(Path(name), text_column)
        except DataError as error:
            unreadable.append((Path(name), str(error)))
    return found, unreadable


def expanded(files: Sequence[str]) -> Iterator[Path]:
    """The files as named, whatever their names, and in folders those of a kind that is read."""
    from autoarch.data.formats import is_audio_name, is_ignored, is_image_name

    for path in map(Path, files):
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            ignored = any(map(is_ignored, file.relative_to(path).parts))
            wanted = is_image_name(file.name) or is_audio_name(file.name)
            if wanted and not ignored and file.is_file():
                yield file


def _table(predictions: Sequence[Prediction], failed: Mapping[Path, str]) -> str:
    from autoarch.cli.text import table

    ranks = len(predictions[0].top)
    header = ["file", *("class", "probability") * ranks]
    rows = [
        [p.path, *(cell for name, share in p.top for cell in (name, f"{share:.4f}"))]
        for p in predictions
    ]
    return table(header, rows, left=(0, *range(1, len(header), 2))) + "\n"


def _csv(predictions: Sequence[Prediction], failed: Mapping[Path, str]) -> str:
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "rank", "class", "probability"])
    for prediction in predictions:
        for rank, (name, share) in enumerate(prediction.top, start=1):
            writer.writerow([prediction.path, rank, name, f"{share:.6f}"])
    return text.getvalue()


def _json(predictions: Sequence[Prediction], failed: Mapping[Path, str]) -> str:
    from autoarch.cli.text import to_json

    document = {
        "predictions": [
            {
                "path": p.path,
                "class": p.top[0][0],
                "probability": p.top[0][1],
                "top": [{"class": name, "probability": share} for name, share in p.top],
            }
            for p in predictions
        ],
        "unreadable": [{"path": str(path), "reason": reason} for path, reason in failed.items()],
    }
    return to_json(document) + "\n"


_FORMATS = {"table": _table, "csv": _csv, "json": _json}
