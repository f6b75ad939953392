"""The zoo: networks and their released presets. Networks are imported on first use, presets at once."""

from ifss_keras.zoo.presets import DEFAULT_PRESET, PRESETS, Preset, find_preset

__all__ = ["DEFAULT_PRESET", "PRESETS", "IFSSNet", "Preset", "find_preset"]


def __getattr__(name):
    if name == "IFSSNet":
        from ifss_keras.zoo.ifss_net import IFSSNet

        return IFSSNet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
