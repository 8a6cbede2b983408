"""The model card: `README.md` beside the exported files, from `templates/model_card.md.j2`.

That template is the card of a picture's model; those of other kinds of data replace its blocks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jinja2

from autoarch.export.labels import as_utf8
from autoarch.export.model import TrainedModel

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$@:-])")
_LIST_NUMBER = re.compile(r"^(\d+)\.")


_TEMPLATES = {"speech": "model_card_speech.md.j2", "text": "model_card_text.md.j2"}
"""Templates by kind of data, where not `model_card.md.j2`."""


class _Raw(str):
    """Text that is Markdown already."""


def escape_markdown(value: object) -> str:
    """Any value as Markdown text on one line that shows exactly what it is.

    >>> escape_markdown("a_b | <script>")
    'a\\\\_b \\\\| \\\\<script\\\\>'
    """
    if isinstance(value, _Raw):
        return value
    if isinstance(value, int | float):
        return str(value)  # no Markdown in a number but its sign, which reads well as it is
    text = as_utf8(str(value)).decode()
    escaped = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return _LIST_NUMBER.sub(r"\1\\.", escaped)


def model_card(
    model: TrainedModel, exports: Sequence[Mapping[str, Any]], card: Mapping[str, Any]
) -> str:
    """Writes the model card.

    Args:
        model: What was exported.
        exports: For each file `format`, `path`, `size_bytes` and `max_difference`.
        card: `metrics` {"valid": {...}, "test": {...} or None} and, where known, `name`,
            `refitted` (whether the final training used the validation part),
            `quantised` (in int8 mode: size of the file and the float figures beside),
            `samples` (number of examples compared), `data` {label: value}, `training`
            {label: value}, `versions` {package: version}, `caveats` [sentence].

    Returns:
        The text of `README.md`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        # Markdown, not HTML: `finalize` escapes every expression that is not marked as raw.
        autoescape=False,  # noqa: S701
        finalize=escape_markdown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        percent=lambda share: _Raw(f"{100 * share:.1f} %"),
        decimals=lambda value: _Raw(f"{value:.3f}"),
        scientific=lambda value: _Raw(f"{value:.1e}"),
        thousands=lambda count: _Raw(f"{count:,}"),
        size=_size,
    )
    kind = model.preprocessing.kind
    noun = model.preprocessing.noun
    files = {str(export["format"]): export for export in exports}
    floats = next((files[f]["path"] for f in ("litert", "litert_float16") if f in files), None)
    name = str(card.get("name") or f"{kind.capitalize()} classifier")
    return environment.get_template(_TEMPLATES.get(kind, "model_card.md.j2")).render(
        name=name,
        slug=_Raw(re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"),
        classes=model.classes,
        params=model.architecture.params,
        macs=model.macs,
        mirrored=model.mirrored,
        preprocessing=model.preprocessing,
        things="pictures" if kind == "image" else f"{noun}s",
        exports=files,
        float_file=None if floats is None else _Raw(floats),
        test=card["metrics"].get("test"),
        measured=card["metrics"].get("test") or card["metrics"]["valid"],
        refitted=card.get("refitted", False),
        quantised=card.get("quantised"),
        samples=card.get("samples"),
        data=card.get("data") or {},
        training=card.get("training") or {},
        versions=card.get("versions") or {},
        caveats=card.get("caveats") or [],
    )


def _template(name: str) -> str:
    return resources.files("autoarch.templates").joinpath(name).read_text("utf-8")


def _size(size_bytes: int) -> _Raw:
    kilobytes = size_bytes / 1000
    return _Raw(f"{kilobytes:.0f} kB" if kilobytes < 1000 else f"{kilobytes / 1000:.1f} MB")
