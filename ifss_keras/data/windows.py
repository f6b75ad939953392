"""Training windows for networks that need no reference: a few whole slices and what every pixel is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ifss_keras.data.augmentation import augment_intensity, flip, jitter_region
from ifss_keras.data.corpus import TrainingVolume
from ifss_keras.data.region import Region, to_working


@dataclass(frozen=True)
class WindowSettings:
    """How windows are drawn.

    Attributes:
        size: working rows and columns.
        slices: in a window.
        codes: of the labels, in the order of the network's classes; everything else is background, the last class.
    """

    size: int
    slices: int
    codes: tuple[int, ...]


class Window(NamedTuple):
    """One example.

    Attributes:
        image: (slice, row, column, 1), in [0, 1].
        truth: (slice, row, column, class), 0 or 1, one of them 1 at every pixel.
    """

    image: np.ndarray
    truth: np.ndarray


def whole_plane(shape: tuple[int, int], spacing_mm: tuple[float, float]) -> Region:
    """The region that is exactly the slice.

    Args:
        shape: (row, column).
        spacing_mm: (row, column).
    """
    extent_mm = [size * step for size, step in zip(shape, spacing_mm, strict=True)]
    center_mm = [(size - 1) / 2 * step for size, step in zip(shape, spacing_mm, strict=True)]
    side_mm = max(extent_mm)
    return Region((center_mm[0], center_mm[1]), side_mm, (extent_mm[0] / side_mm, extent_mm[1] / side_mm))


def draw_window(rng: np.random.Generator, volume: TrainingVolume, settings: WindowSettings) -> Window:
    """Consecutive slices anywhere in the volume, upside down as often as not, augmented.

    Slices that a short volume does not have are its last one again.
    """
    count = len(volume.image)
    first = int(rng.integers(0, max(count - settings.slices, 0) + 1))
    indices = np.minimum(np.arange(first, first + settings.slices), count - 1)
    if rng.random() < 0.5:
        indices = indices[::-1]
    spacing_mm = volume.spacing_mm[1:]
    region = jitter_region(rng, whole_plane(volume.image.shape[1:], spacing_mm), 0.05, (0.85, 1.1))
    image = to_working(volume.window.apply(volume.image[indices]), region, spacing_mm, settings.size)
    labels = volume.labels[indices]
    shares = [to_working(labels == code, region, spacing_mm, settings.size) for code in settings.codes]
    shares.append(1 - sum(shares))
    truth = np.eye(len(shares), dtype=np.float32)[np.argmax(shares, axis=0)]
    return flip(rng, Window(augment_intensity(rng, image)[..., None], truth))


def batch_of_windows(volumes: Sequence[TrainingVolume], settings: WindowSettings, batch: int, seed) -> Window:
    """One batch, both arrays with a leading axis; the same arguments give the same batch."""
    rng = np.random.default_rng(seed)
    drawn = [draw_window(rng, volumes[int(rng.integers(len(volumes)))], settings) for _ in range(batch)]
    return Window(*(np.stack(parts) for parts in zip(*drawn, strict=True)))
