"""The mean of several trainings of one network, as a preset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ifss_keras.core.errors import PresetError
from ifss_keras.zoo.preset import WEIGHTS, Preset
from ifss_keras.zoo.presets import check_new_folder, find_preset, finished, verified_weights
from ifss_keras.zoo.weights_file import average_weights


def average_presets(presets: Sequence[str | Path], folder: str | Path) -> Preset:
    """Writes the mean of several presets of one network as a preset, see `average_weights`.

    Raises:
        PresetError: fewer than two, presets that are not of one network shown volumes alike, or a folder that holds
            other files or cannot be written.
    """
    if len(presets) < 2:
        raise PresetError(f"A mean is of two presets or more, received {len(presets)}: name another.")
    held, folder = [find_preset(preset) for preset in presets], Path(folder)
    for name in ("architecture", "arguments", "propagation", "labels"):
        for preset in held:
            if getattr(preset, name) != getattr(held[0], name):
                raise PresetError(
                    f"{preset.name} and {held[0].name} differ in {name}: average trainings of one recipe."
                )
    check_new_folder(folder, "the mean")
    weights = [verified_weights(preset) for preset in held]
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise PresetError(f"{folder} cannot be made ({error.strerror}): choose another place.") from None
    average_weights(weights, folder / WEIGHTS)
    names = ", ".join(preset.name for preset in held)
    mean = replace(
        held[0], folder=folder, weights=WEIGHTS, summary=f"The mean of {names}.", engine=None, engine_sha256=None
    )
    return finished(mean, f"# {mean.name}\n\nThe mean of the weights of {names}.\n")
