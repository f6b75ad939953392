"""The methods that `ifss predict --method` offers: one table, cheap to import."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ifss_keras.core.errors import InputError

NETWORK, SHAPE = "network", "shape"
UNTRAINED = {
    SHAPE: "ifss_keras.inference.interpolation:predict_by_shape",
    "morphological": "ifss_keras.inference.classical:predict_by_morphology",
    "growcut": "ifss_keras.inference.classical:predict_by_growcut",
    "watershed": "ifss_keras.inference.classical:predict_by_watershed",
    "random-walker": "ifss_keras.inference.classical:predict_by_random_walker",
}
UNSEEING = (SHAPE, "morphological")  # these do not look at the image
METHODS = (NETWORK, *UNTRAINED)


def untrained_method(name: str) -> Callable:
    """The function of a method that needs no network: (volume, references, *, progress) to `Prediction`.

    Raises:
        InputError: no such method.
    """
    if name not in UNTRAINED:
        raise InputError(f"The method {name} is unknown: expected one of {', '.join(METHODS)}.")
    module, function = UNTRAINED[name].split(":")
    return getattr(import_module(module), function)
