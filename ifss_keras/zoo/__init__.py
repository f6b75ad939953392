"""The zoo: networks and their released presets. Networks are imported on first use, presets at once."""

from ifss_keras.zoo.catalogue import ARCHITECTURES, network_class
from ifss_keras.zoo.preset import Preset
from ifss_keras.zoo.presets import DEFAULT_PRESET, find_preset, released_presets

__all__ = ["ARCHITECTURES", "DEFAULT_PRESET", "Preset", "find_preset", "released_presets", *ARCHITECTURES]


def __getattr__(name):
    if name in ARCHITECTURES:
        return network_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
