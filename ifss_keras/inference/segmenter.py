"""From a volume alone to the muscles in it, by a network that needs no reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from keras import ops

from ifss_keras.core.errors import InputError
from ifss_keras.data.intensity import IntensityWindow
from ifss_keras.data.region import to_grid, to_working
from ifss_keras.data.volume import Volume
from ifss_keras.data.windows import whole_plane
from ifss_keras.inference.summary import Prediction, summarize_labels
from ifss_keras.inference.trained import trained_network
from ifss_keras.training.recipe import SegmentationRecipe


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
    def from_training(cls, weights: str | Path) -> Segmenter:
        """A segmenter with weights that `ifss train` wrote; the recipe.yaml beside them tells the network.

        Raises:
            InputError, PresetError: see `trained_network`; or the network carries annotated slices on.
        """
        recipe, network = trained_network(weights)
        if not isinstance(recipe, SegmentationRecipe):
            raise InputError(f"{weights} is of a {recipe.model}, which needs references: use `Predictor`.")
        return cls(network, recipe.labels, recipe.slices, recipe.size)

    def predict(self, volume: Volume, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Prediction:
        """Every voxel given to its most probable class.

        Args:
            volume: any grid, any real voxel type.
            progress: called with the slices done and those there are.
        """
        region = whole_plane(volume.array.shape[1:], volume.spacing_mm[1:])
        window = IntensityWindow.from_volume(volume.array)
        probabilities = self.blended(
            lambda part: to_working(window.apply(volume.array[part]), region, volume.spacing_mm[1:], self.size),
            len(volume.array),
            progress,
        )
        codes = np.array([*self.names, 0], np.min_scalar_type(max(self.names)))
        labels = np.zeros(volume.array.shape, codes.dtype)
        for index, values in enumerate(probabilities):
            on_grid = to_grid(values.transpose(2, 0, 1), region, volume.spacing_mm[1:], volume.array.shape[1:])
            labels[index] = codes[np.argmax(on_grid, axis=0)]
        return Prediction(labels, summarize_labels(labels, volume.spacing_mm, self.names, "network"))

    def blended(
        self, read: Callable[[slice], np.ndarray], count: int, progress: Callable[[int, int], None] = lambda *_: None
    ) -> np.ndarray:
        """The probabilities (slice, row, column, class) of all slices, window by window.

        Windows overlap by half, and where they do the middle of a window counts for more than its ends. The weights of
        a slice add up to 1, so that what is the same in all windows stays as it is. A volume of fewer slices than a
        window is continued with its last slice.

        Args:
            read: from a slice of indices to the working images (slice, row, column).
            count: slices there are.
            progress: called with the slices done and those there are.
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
            progress(part.stop, count)
        return (total / weights[:, None, None, None]).astype(np.float32)


def window_starts(count: int, slices: int) -> list[int]:
    """The first slices of windows that overlap by half and hold every one of `count` slices; the last ends there."""
    last = max(count - slices, 0)
    return sorted({*range(0, last, max(slices // 2, 1)), last})
