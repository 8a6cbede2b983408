"""What people call: one class for each kind of data, and ways back to a finished run."""

from autoarch.tasks.base import BaseSearch, NotFittedError
from autoarch.tasks.image import ImageSearch
from autoarch.tasks.reopen import load, resume

__all__ = ["BaseSearch", "ImageSearch", "NotFittedError", "load", "resume"]
