"""Data: what lies in a folder, a manifest, arrays or a dataset, decoded and split.

TensorFlow is imported when the first picture is decoded, so bad input is told at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoarch.data.dataset import (
    ExampleSet,
    Findings,
    HeldOut,
    ImageData,
    ImagePreprocessing,
    ImageSet,
    PixelRange,
    TaskData,
)
from autoarch.data.detect import detect_task
from autoarch.data.listed_parts import list_files
from autoarch.data.load import load_images
from autoarch.data.preprocessing import Preprocessing, Signature, load_preprocessing
from autoarch.data.read import ReadImages, load_labelled, read_images
from autoarch.data.source import ImageSource, infer_channels, scan_images

if TYPE_CHECKING:
    from autoarch.data.image import decode_image, resize_image

__all__ = [
    "ExampleSet",
    "Findings",
    "HeldOut",
    "ImageData",
    "ImagePreprocessing",
    "ImageSet",
    "ImageSource",
    "PixelRange",
    "Preprocessing",
    "ReadImages",
    "Signature",
    "TaskData",
    "decode_image",
    "detect_task",
    "infer_channels",
    "list_files",
    "load_images",
    "load_labelled",
    "load_preprocessing",
    "read_images",
    "resize_image",
    "scan_images",
]


def __getattr__(name: str) -> Any:
    if name in ("decode_image", "resize_image"):
        from autoarch.data import image

        return getattr(image, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
