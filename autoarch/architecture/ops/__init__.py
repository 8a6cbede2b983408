"""Every op, one file each. A new op is a new file: all modules of this folder are imported."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

from autoarch.architecture.ops.op import Op, Shape
from autoarch.errors import InvalidArchitectureError

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def _concrete(base: type[Op]) -> Iterator[type[Op]]:
    for op in base.__subclasses__():
        if "kind" in vars(op):
            yield op
        yield from _concrete(op)


OPS: dict[str, type[Op]] = {op.kind: op for op in _concrete(Op)}  # type: ignore[type-abstract]
"""Op classes by kind."""


def op_from_config(config: Mapping[str, Any]) -> Op:
    """The inverse of `Op.config`.

    Raises:
        InvalidArchitectureError: Unknown kind, or fields that the op does not have.
    """
    fields = dict(config)
    kind = fields.pop("kind", None)
    if kind not in OPS:
        raise InvalidArchitectureError(
            f"Unknown op kind {kind!r}; known kinds: {', '.join(sorted(OPS))}."
        )
    try:
        return OPS[kind](**fields)
    except TypeError as error:
        raise InvalidArchitectureError(f"Op {kind!r}: {error}.") from error


__all__ = ["OPS", "Op", "Shape", "op_from_config"]
