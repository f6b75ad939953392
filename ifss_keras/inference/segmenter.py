"""From a volume alone to the muscles in it, by a network that needs no reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from keras import ops

from ifss_keras.core.errors import InputError, PresetError
from ifss_keras.core.paged import large_zeros
from ifss_keras.core.progress import Progress, silent
from ifss_keras.inference.along_sweep import along_sweep, needs_order
from ifss_keras.inference.prediction import Prediction
from ifss_keras.propagation.intensity import IntensityRange
from ifss_keras.propagation.region import to_grid, to_working, whole_plane
from ifss_keras.volumes.volume import Volume
from ifss_keras.zoo.catalogue import find_architecture
from ifss_keras.zoo.preset import CONFIG
from ifss_keras.zoo.presets import find_preset, load_network


class Segmenter:
    """A network that needs no reference, ready to find its muscles in any volume.

    Args:
        network: from {"image": (1, slices, size, size, 1)} to a dict with probabilities (1, slices, size, size, class),
            the labels in the order of `names`, the background last.
        names: label code to name.
        slices: in a window.
        size: working rows and columns.
    """

    def __init__(self, network, names: Mapping[int, str], slices: int, size: int):
        self.network = network
        self.names = dict(names)
        self.slices = slices
        self.size = size

    @classmethod
    def from_preset(cls, preset: str | Path) -> Segmenter:
        """A segmenter with the weights of a preset.

        Args:
            preset: its name, or the folder of a preset, such as `ifss train` writes.

        Raises:
            InputError: its network carries annotated slices on.
            PresetError, ChecksumError: see `load_network`.
        """
        found = find_preset(preset)
        if find_architecture(found.architecture).needs_reference:
            raise InputError(
                f"The preset {found.name} is of the network {found.architecture}, which carries annotated slices on: "
                "use `Predictor`."
            )
        if found.labels is None:
            raise PresetError(f"{found.folder / CONFIG} does not name what the network finds: add labels.")
        network = load_network(found)
        return cls(network, found.labels, network.slices, network.image_size[0])

    def predict(self, volume: Volume, *, progress: Progress = silent) -> Prediction:
        """Every voxel given to its most probable class.

        Args:
            volume: any grid, any real voxel type.
            progress: told of "slices", those done and those there are.
        """
        if needs_order(volume):
            return along_sweep(lambda ordered, _: self.predict(ordered, progress=progress), volume, None)
        region = whole_plane(volume.array.shape[1:], volume.spacing_mm[1:])
        intensity = IntensityRange.from_volume(volume.array)
        probabilities = self.blended(
            lambda part: to_working(intensity.apply(volume.array[part]), region, volume.spacing_mm[1:], self.size),
            len(volume.array),
            progress,
        )
        codes = np.array([*self.names, 0], np.min_scalar_type(max(self.names)))
        labels = large_zeros(volume.array.shape, codes.dtype)
        for index, values in enumerate(probabilities):
            on_grid = to_grid(values.transpose(2, 0, 1), region, volume.spacing_mm[1:], volume.array.shape[1:])
            labels[index] = codes[np.argmax(on_grid, axis=0)]
        return Prediction.of_found_labels(labels, volume, self.names, "network")

    def blended(self, read: Callable[[slice], np.ndarray], count: int, progress: Progress = silent) -> np.ndarray:
        """The probabilities (slice, row, column, class) of all slices, window by window.

        Windows overlap by half, and where they do the middle of a window counts for more than its ends. The weights of
        a slice add up to 1, so that what is the same in all windows stays as it is. A volume of fewer slices than a
        window is continued with its last slice.

        Args:
            read: from a slice of indices to the working images (slice, row, column).
            count: slices there are.
            progress: told of "slices", those done and those there are.
        """
        total, weights = None, np.zeros(count)
        share = 1 + np.minimum(np.arange(self.slices), np.arange(self.slices)[::-1]).astype(np.float64)
        for first in window_starts(count, self.slices):
            part = slice(first, min(first + self.slices, count))
            images = read(part)
            held = len(images)
            images = np.pad(images, ((0, self.slices - held), (0, 0), (0, 0)), mode="edge")[None, ..., None]
            outputs = self.network({"image": ops.convert_to_tensor(images)}, training=False)
            found = ops.convert_to_numpy(outputs["probabilities"])[0, :held]
            if total is None:
                total = np.zeros((count, *found.shape[1:]))
            total[part] += share[:held, None, None, None] * found
            weights[part] += share[:held]
            progress("slices", part.stop, count)
        return (total / weights[:, None, None, None]).astype(np.float32)


def window_starts(count: int, slices: int) -> list[int]:
    """The first slices of windows that overlap by half and hold every one of `count` slices; the last ends there."""
    last = max(count - slices, 0)
    return sorted({*range(0, last, max(slices // 2, 1)), last})
