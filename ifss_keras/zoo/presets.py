"""The released presets: what they are, where their weights lie, and how those are checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ifss_keras.core.checks import known_names
from ifss_keras.core.errors import ChecksumError, PresetError


@dataclass(frozen=True)
class Preset:
    """A released set of weights; it never changes under its name.

    Attributes:
        name: what `from_preset` takes.
        summary: one line for people.
        network: arguments of `IFSSNet`.
        working: arguments of `ifss_keras.inference.label_propagation.Working`.
        weights: name of the weights file.
        sha256, size_bytes: of that file.
        parameters: weights, moving statistics included.
        licence, data: of the weights, and what they were trained on.
    """

    name: str
    summary: str
    network: dict[str, Any] = field(hash=False)
    working: dict[str, Any] = field(hash=False)
    weights: str
    sha256: str
    size_bytes: int
    parameters: int
    licence: str
    data: str

    @property
    def path(self) -> Path:
        """Where the weights lie in the installed package."""
        return Path(str(resources.files("ifss_keras.zoo") / "weights" / self.weights))


DEFAULT_PRESET = "ifss_synthetic_v4"

_NETWORK_96 = {
    "image_size": (96, 96),
    "widths": (16, 24, 32, 64),
    "rates": (1, 2, 4),
    "encoder_depth_kernel": 1,
    "norm_per_channel": True,
    "matching_kernel": 7,
    "encoder_dropout": 0.0,
    "memory_dropout": 0.1,
    "decoder_dropout": 0.0,
}
_WORKING_96 = {"size": 96, "margin": 1.4, "least_share": 0.5, "threshold": 0.5, "smoothing_mm": 2.5}
_SOFTER_WITH_CHANGE = {"softness": {"maximum": 6.0, "per_change": 0.08}}

PRESETS = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset(
                name="ifss_synthetic_v4",
                summary="Any structure between a few annotated slices, in any modality; working size 96, for the CPU.",
                network=_NETWORK_96 | {"memory_level": 2},
                working=_WORKING_96 | _SOFTER_WITH_CHANGE | {"recent": True},
                weights="ifss_synthetic_v4.weights.h5",
                sha256="b607d04c6a703ce5ae1652bedf7442bbda5cce3bdeae44381b544156070a0174",
                size_bytes=3_765_528,
                parameters=889_740,
                licence="Apache-2.0",
                data="synthetic ultrasound calves, random shapes and crowded structures; no patient data",
            ),
            Preset(
                name="ifss_synthetic_v3",
                summary="As ifss_synthetic_v4, whose training starts from it.",
                network=_NETWORK_96 | {"memory_level": 2},
                working=_WORKING_96 | _SOFTER_WITH_CHANGE,
                weights="ifss_synthetic_v3.weights.h5",
                sha256="1f2b728884a1105b1bd3d98f7e7cad0ce592b5c274dae7c549e6c293d84b6290",
                size_bytes=3_765_528,
                parameters=889_740,
                licence="Apache-2.0",
                data="synthetic ultrasound calves, random shapes and crowded structures; no patient data",
            ),
            Preset(
                name="ifss_synthetic_v2",
                summary="Muscles in ultrasound; succeeded by ifss_synthetic_v3, whose training starts from it.",
                network=_NETWORK_96,
                working=_WORKING_96,
                weights="ifss_synthetic_v2.weights.h5",
                sha256="5c0fd9177dced7344cd1895986c05e00b8190d950a39f55ad7281874f3e8b1f0",
                size_bytes=3_747_288,
                parameters=888_562,
                licence="Apache-2.0",
                data="synthetic ultrasound calves and random shapes; no patient data",
            ),
        )
    }
)


def find_preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        PresetError: no such preset; the text lists those there are.
    """
    if name in PRESETS:
        return PRESETS[name]
    raise PresetError(f"There is no preset {name!r}: {known_names(name, PRESETS)}")


def verified_weights(preset: Preset) -> Path:
    """The path of the preset's weights, after their SHA-256 has been checked.

    Raises:
        ChecksumError: the file is missing or is not the released one.
    """
    mend = "reinstall ifss_keras"
    try:
        found = hashlib.sha256(preset.path.read_bytes()).hexdigest()
    except OSError as error:
        raise ChecksumError(
            f"The weights of {preset.name} cannot be read from {preset.path} ({error.strerror}): {mend}."
        ) from error
    if found != preset.sha256:
        raise ChecksumError(
            f"The weights of {preset.name} are corrupted: expected SHA-256 {preset.sha256[:12]}..., received "
            f"{found[:12]}... in {preset.path}: {mend}."
        )
    return preset.path


def load_network(name: str, kind: type | None = None):
    """The network of a preset with its verified weights.

    Args:
        name: of the preset.
        kind: class that the network must be of; None: any.

    Raises:
        PresetError: an unknown name, a preset of another network, or weights that do not fit the network.
        ChecksumError: weights that are not the released ones.
    """
    from ifss_keras.zoo.ifss_net import IFSSNet
    from ifss_keras.zoo.weights_file import load_weights

    preset = find_preset(name)
    if kind not in (None, IFSSNet):
        raise PresetError(f"The preset {name} is of an IFSSNet, not of a {kind.__name__}: there is none of that yet.")
    weights = verified_weights(preset)
    network = IFSSNet(name="ifss_net", **preset.network)
    load_weights(network, weights)
    return network
