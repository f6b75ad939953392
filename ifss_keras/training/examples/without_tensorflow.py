"""Batches of clips and of windows as a Keras data set, for machines without TensorFlow: the batches of `pipeline`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import keras

from ifss_keras.propagation.settings import PropagationSettings
from ifss_keras.training.examples.clips import ClipSettings
from ifss_keras.training.examples.corpus import TrainingVolume
from ifss_keras.training.examples.pipeline import batch_of_clips
from ifss_keras.training.examples.windows import WindowSettings, batch_of_windows

_AHEAD = 2  # batches that are drawn while one is trained on


class Batches(keras.utils.PyDataset):
    """Batches by their numbers, drawn by threads a little ahead of their use.

    Args:
        draw: from a batch's number to what `fit` takes.
        first, count: number of the first, and how many there are.
        kept: keep all that were drawn, for validation.
    """

    def __init__(self, draw: Callable[[int], tuple], first: int, count: int, *, kept: bool = False):
        super().__init__()
        self.draw, self.first, self.count, self.kept = draw, first, count, kept
        self.pool, self.drawn = ThreadPoolExecutor(_AHEAD, thread_name_prefix="batches"), {}

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        for ahead in range(index, min(index + 1 + _AHEAD, self.count)):
            if ahead not in self.drawn:
                self.drawn[ahead] = self.pool.submit(self.draw, self.first + ahead)
        return (self.drawn[index] if self.kept else self.drawn.pop(index)).result()

    def cache(self) -> Batches:
        """The same, each drawn once."""
        return Batches(self.draw, self.first, self.count, kept=True)


def clip_batches(
    volumes: Sequence[TrainingVolume],
    settings: ClipSettings,
    propagation: PropagationSettings,
    *,
    batch: int,
    batches: int,
    seed: int,
    first: int = 0,
) -> Batches:
    """The batches of `pipeline.clip_dataset`, as arrays."""
    return Batches(
        lambda number: (batch_of_clips(volumes, settings, propagation, batch, (seed, number)),), first, batches
    )


def window_batches(
    volumes: Sequence[TrainingVolume], settings: WindowSettings, *, batch: int, batches: int, seed: int, first: int = 0
) -> Batches:
    """The batches of `pipeline.window_dataset`, as arrays."""
    return Batches(lambda number: batch_of_windows(volumes, settings, batch, (seed, number)), first, batches)
