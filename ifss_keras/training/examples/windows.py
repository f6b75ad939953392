"""Training windows for networks that need no reference: a few whole slices and what every pixel is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ifss_keras.propagation.region import to_working, whole_plane
from ifss_keras.training.examples.augmentation import augment_intensity, flip, jitter_region
from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.examples.mixed import Volumes, drawn_volume


@dataclass(frozen=True)
class WindowSettings:
    """How windows are drawn.

    Attributes:
        size: working rows and columns.
        slices: in a window.
        codes: of the labels, in the order of the network's classes; everything else is background, the last class.
        negatives: codes of other labels, whose pixels are known to be none of these.
    """

    size: int
    slices: int
    codes: tuple[int, ...]
    negatives: tuple[int, ...] = ()


class Target(NamedTuple):
    """What a network should say of a window, where that is known.

    Attributes:
        truth: (slice, row, column, class), 0 or 1, one of them 1 at every pixel.
        negative: (slice, row, column, 1), 1 where one of the negatives is.
    """

    truth: np.ndarray
    negative: np.ndarray


class Window(NamedTuple):
    """One example, in the order of Keras' inputs, targets and weights.

    Attributes:
        image: (slice, row, column, 1), in [0, 1].
        target: see `Target`.
        weight: (slice, class), 0 where it is not known which pixels are of the class, else 1.
    """

    image: np.ndarray
    target: Target
    weight: np.ndarray


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
    image = to_working(volume.intensity.apply(volume.image[indices]), region, spacing_mm, settings.size)
    labels = volume.labels[indices]
    shares = [to_working(labels == code, region, spacing_mm, settings.size) for code in settings.codes]
    shares.append(1 - sum(shares))
    truth = np.eye(len(shares), dtype=np.float32)[np.argmax(shares, axis=0)]
    others = np.isin(labels, settings.negatives) if settings.negatives else np.zeros(labels.shape, bool)
    negative = (to_working(others, region, spacing_mm, settings.size) > 0.5).astype(np.float32)
    known = np.stack([volume.known(code)[indices] for code in settings.codes], axis=-1)
    weight = np.concatenate([known, known.all(axis=-1, keepdims=True)], axis=-1).astype(np.float32)
    target = Target(truth, negative[..., None])
    return flip(rng, Window(augment_intensity(rng, image)[..., None], target, weight))


def batch_of_windows(volumes: Volumes, settings: WindowSettings, batch: int, seed) -> Window:
    """One batch, both arrays with a leading axis; the same arguments give the same batch."""
    rng = np.random.default_rng(seed)
    drawn = [draw_window(rng, drawn_volume(rng, volumes), settings) for _ in range(batch)]
    images, targets, weights = zip(*drawn, strict=True)
    target = Target(*(np.stack(parts) for parts in zip(*targets, strict=True)))
    return Window(np.stack(images), target, np.stack(weights))


def batches_of_windows(volumes: Volumes, settings: WindowSettings, batch: int, seed: int):
    """A function from a number to the batch of windows of that number; each has a seed of its own."""
    return lambda number: batch_of_windows(volumes, settings, batch, (seed, number))
