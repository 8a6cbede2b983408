"""Architectures as values. Importing this room starts neither Keras nor TensorFlow."""

from autoarch.architecture.graph import INPUT, Architecture, GraphBuilder, Node

__all__ = ["INPUT", "Architecture", "GraphBuilder", "Node"]
