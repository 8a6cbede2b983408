"""`model_float16.tflite`: as `model.tflite`, the weights in half precision and half the size.

LiteRT turns the weights back to float32 when it loads the file (GPUs may calculate in half
precision), so only their rounding remains: probabilities change in the third decimal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoarch.export.formats import Convert, Writing

NAME = "litert_float16"
FILE = "model_float16.tflite"
BESIDE: tuple[str, ...] = ()
TOLERANCE = 2e-2
DIFFERENCE = "largest"
NEEDS: tuple[str, ...] = ()
CONVERTS = True


def write(writing: Writing, path: Path, convert: Convert) -> None:
    from autoarch.export.formats import litert

    litert.write_floats(writing, path, convert, half=True)


def answers(path: str, questions: Any) -> dict[str, Any]:
    """As `litert.answers`: the inputs and outputs are the same."""
    import runpy

    litert = runpy.run_path(str(Path(__file__).with_name("litert.py")))
    found: dict[str, Any] = litert["answers"](path, questions)
    return found
