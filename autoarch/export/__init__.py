"""A trained model as files that answer exactly as it does, each checked in a fresh process.

Importing this room starts neither Keras nor TensorFlow.
"""

from autoarch.export.bundle import ExportedFile, export_bundle
from autoarch.export.formats import FORMATS
from autoarch.export.model import TrainedModel
from autoarch.export.samples import Samples
from autoarch.export.workers import ExportWorkers

__all__ = [
    "FORMATS",
    "ExportWorkers",
    "ExportedFile",
    "Samples",
    "TrainedModel",
    "export_bundle",
]
