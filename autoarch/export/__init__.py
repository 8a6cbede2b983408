"""A trained model as files that answer exactly as it does, each checked in a fresh process.

Importing this room starts neither Keras nor TensorFlow.
"""

from autoarch.export.bundle import ExportedFile, export_bundle
from autoarch.export.formats import FORMATS
from autoarch.export.model import TrainedModel
from autoarch.export.quantise import CALIBRATION, ask_int8, quantise, weigh_float
from autoarch.export.samples import Samples
from autoarch.export.workers import ExportWorkers

__all__ = [
    "CALIBRATION",
    "FORMATS",
    "ExportWorkers",
    "ExportedFile",
    "Samples",
    "TrainedModel",
    "ask_int8",
    "export_bundle",
    "quantise",
    "weigh_float",
]
