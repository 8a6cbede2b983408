"""What people call: one class for each kind of data, and ways back to a finished run."""

from autoarch.training.runtime import prepare_environment

prepare_environment()  # before TensorFlow is imported

from autoarch.tasks.base import BaseSearch, NotFittedError  # noqa: E402
from autoarch.tasks.image import ImageSearch  # noqa: E402
from autoarch.tasks.reopen import load, resume  # noqa: E402
from autoarch.tasks.speech import SpeechSearch  # noqa: E402
from autoarch.tasks.text import TextSearch  # noqa: E402

__all__ = [
    "BaseSearch",
    "ImageSearch",
    "NotFittedError",
    "SpeechSearch",
    "TextSearch",
    "load",
    "resume",
]
