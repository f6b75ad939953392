"""Files as the dock opens them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.napari_plugin.layers import LayerData, image_layer
from ifss_keras.volumes.annotation import read_annotation
from ifss_keras.volumes.io import read_volume
from ifss_keras.volumes.volume import Volume

# What a file may not say, and how somebody is asked for it.
QUESTIONS = {
    "spacing_mm": "Distance of neighbouring slices, rows and columns in mm, such as 0.5,0.2,0.2",
    "frame_step_mm": "Distance of neighbouring frames in mm",
}


def read_asking(path: Path, ask: Callable[[str], str | None]) -> LayerData | None:
    """The layer of an image; `ask` is given a question where the file does not say enough, and may answer None.

    Raises:
        InputError: as `read_volume`, also for an answer that cannot be used.
    """
    try:
        return image_layer(read_volume(path), path.name)
    except InputError as error:
        if error.setting not in QUESTIONS:
            raise
        answer = ask(QUESTIONS[error.setting])
        if answer is None:
            return None
        return image_layer(read_volume(path, **{error.setting: _numbers(answer, error.setting)}), path.name)


def read_labels_over(path: Path, volume: Volume) -> tuple[np.ndarray, dict[int, str]]:
    """The codes (slice, row, column) of a file's labels, put on the grid of an image as references are, and names.

    Raises:
        InputError: as `read_annotation`.
    """
    annotation = read_annotation(path, volume)
    labels = np.zeros(volume.array.shape, annotation.masks.dtype)
    labels[annotation.slices] = annotation.masks
    return labels, {code: name for code, name in annotation.names.items() if name != str(code)}


def _numbers(answer: str, setting: str) -> tuple[float, ...] | float:
    try:
        numbers = tuple(float(part) for part in answer.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != (3 if setting == "spacing_mm" else 1):
        raise InputError(f"{answer!r} cannot be used: expected {QUESTIONS[setting].lower()}.", setting=setting)
    return numbers if setting == "spacing_mm" else numbers[0]
