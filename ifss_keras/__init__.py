"""Muscle volumes from 3D ultrasound with a few annotated slices. Importing this does not import TensorFlow."""

__version__ = "0.1.0"
