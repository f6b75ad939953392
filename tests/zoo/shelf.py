"""Every preset of ours: those in the package, and on the shelf those that they succeeded."""

from pathlib import Path

from ifss_keras.zoo.preset import CONFIG, Preset
from ifss_keras.zoo.presets import released_presets

SHELF = Path(__file__).resolve().parents[2] / "zoo"
SUPERSEDED = {path.parent.name: Preset.read(path.parent) for path in sorted(SHELF.glob(f"*/{CONFIG}"))}
PRESETS = released_presets() | SUPERSEDED
