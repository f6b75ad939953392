"""Muscle volumes from 3D ultrasound with a few annotated slices.

    import ifss_keras as ifss

    volume = ifss.read_volume("sweep.mha")
    annotation = ifss.read_annotation("slices.seg.nrrd", volume)
    prediction = ifss.Predictor.from_preset().predict(volume, annotation)
    prediction.volumes_ml
    prediction.save("mask.seg.nrrd")

Names are imported on first use: importing this does not import TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "Annotation": "volumes.annotation",
    "Prediction": "inference.prediction",
    "Predictor": "inference.predictor",
    "Segmenter": "inference.segmenter",
    "Volume": "volumes.volume",
    "evaluate": "metrics.evaluation",
    "read_annotation": "volumes.annotation",
    "read_labels": "volumes.io",
    "read_volume": "volumes.io",
    "train": "training.run",
}
_MODULES = ("layers", "losses", "metrics", "zoo")
_ON_KERAS = ("Predictor", "Segmenter", "layers", "losses")  # which import Keras, so that it is started first

__all__ = [*_HOMES, *_MODULES]


def __getattr__(name):
    if name in _ON_KERAS:
        importlib.import_module(f"{__name__}.core.backend").start_backend()
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
