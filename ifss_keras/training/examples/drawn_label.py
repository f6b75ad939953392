"""One label of a volume as an annotator draws it."""

from __future__ import annotations

import numpy as np

from ifss_keras.propagation.shape import distances_between
from ifss_keras.training.examples.augmentation import move_border


class DrawnLabel:
    """A label with its border up to `border_mm` inside or outside, everywhere alike, and where it is known.

    Args:
        rng: decides by how much.
        labels: (slice, row, column).
        code: of the label.
        known: (slice,) bool.
        extent: the first and the last slice that it is known to be in.
        spacing_mm: (row, column).
        border_mm: see `ClipSettings`.
    """

    def __init__(self, rng: np.random.Generator, labels, code: int, known: np.ndarray, extent, spacing_mm, border_mm):
        self.labels, self.code, self.known, self.extent, self.spacing_mm = labels, code, known, extent, spacing_mm
        self._offset_mm = 0.0
        if border_mm:
            middle = self.at(sum(extent) // 2).sum() * spacing_mm[0] * spacing_mm[1]
            self._offset_mm = rng.uniform(-1, 1) * min(border_mm, 0.2 * np.sqrt(middle / np.pi))

    def at(self, index: int) -> np.ndarray:
        """The mask (row, column) bool; where nothing would be left, it is the label's own.

        On a slice that is not annotated: what the shapes of its annotated neighbours let expect, and beyond the
        outermost ones these; no target, but good enough to put a region around or to begin from.
        """
        if self.known[index]:
            mask = self._drawn(index)
        else:
            before, after = self._neighbours(index)
            ends = {near: self._drawn(near) for near in (before, after)}
            if before == after or not any(mask.any() for mask in ends.values()):
                mask = ends[before]
            else:
                ((_, distance),) = distances_between(ends, before, after, self.spacing_mm, [index])
                mask = distance > 0
        moved = move_border(mask, self.spacing_mm, self._offset_mm)
        return moved if moved.any() else mask

    def _drawn(self, index: int) -> np.ndarray:
        return self.labels[index] == self.code

    def _neighbours(self, index: int) -> tuple[int, int]:
        """The nearest known slices before and after; twice the nearest known one that holds it, outside these."""
        low, high = self.extent
        known = np.flatnonzero(self.known)
        known = known[(known >= low) & (known <= high)]
        place = int(np.searchsorted(known, index))
        if place in (0, len(known)):
            return (low, low) if place == 0 else (high, high)
        return int(known[place - 1]), int(known[place])
