"""What clients are told of the network that serves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ifss_keras import __version__
from ifss_keras.zoo.presets import find_preset


def model_facts(preset: str | Path) -> dict[str, Any]:
    """Name, licence, data and checksum of a preset, as JSON holds them.

    Raises:
        PresetError: there is none of that name.
    """
    found = find_preset(preset)
    return {
        "id": found.name,
        "summary": found.summary,
        "architecture": found.architecture,
        "licence": found.licence or "not stated",
        "data": found.data,
        "sha256": found.sha256,
        "package": f"ifss_keras {__version__}",
    }
