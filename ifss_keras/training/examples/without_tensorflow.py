"""Batches of clips and of windows as a Keras data set, for machines without TensorFlow: the batches of `pipeline`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import keras

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
        if index >= self.count:
            raise IndexError(index)  # which ends an iteration
        for ahead in range(index, min(index + 1 + _AHEAD, self.count)):
            if ahead not in self.drawn:
                self.drawn[ahead] = self.pool.submit(self.draw, self.first + ahead)
        return (self.drawn[index] if self.kept else self.drawn.pop(index)).result()

    def cache(self) -> Batches:
        """The same, each drawn once."""
        return Batches(self.draw, self.first, self.count, kept=True)
