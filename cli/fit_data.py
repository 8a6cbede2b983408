"""What kind of data `autoarch fit` is given, and which options go with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_OWN: dict[str, dict[str, Any]] = {
    "image": {"image_size": None, "mirror": "auto", "architecture": None, "pretrained": None},
    "speech": {"clip_seconds": None, "group": "auto"},
    "text": {"text_column": None, "label_column": None, "vectors": None},
}
"""Options that only one kind of data has, with their defaults."""


def check_data(task: str, data: str, settings: dict[str, Any]) -> str:
    """What kind of data it is; takes the options of other kinds out of `settings`.

    Refuses data that is missing or has no classes, and options that do not go with it.
    """
    from autoarch.data import detect_task, list_files
    from autoarch.data.demo import DEMO_PREFIX
    from autoarch.data.formats import AUDIO_FILES, IMAGE_FILES
    from autoarch.data.text_files import list_texts
    from autoarch.errors import InvalidInputError

    if task == "auto" and any(settings[name] is not None for name in _OWN["text"]):
        task = "text"
    kind = detect_task(data) if task == "auto" else task
    for other, defaults in _OWN.items():
        for name, default in defaults.items() if other != kind else ():
            if settings.pop(name) != default:
                option = "--" + name.replace("_", "-")
                raise InvalidInputError(f"{option} does not go with {kind} data; leave it out.")
    if kind == "text":
        list_texts(Path(data), settings["text_column"], settings["label_column"])
    elif not data.startswith(DEMO_PREFIX):
        list_files(Path(data), AUDIO_FILES if kind == "speech" else IMAGE_FILES)
    return kind
