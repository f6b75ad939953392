"""What a client shows of the current muscle, and what of it is out of date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Change:
    """What a client has to draw anew.

    Attributes:
        box: first and one after the last voxel along each axis of the image as it came.
        mask: uint8 in that box, 1 for the current muscle.
    """

    box: tuple[tuple[int, int], ...]
    mask: np.ndarray


class Shown:
    """What a client shows, nothing at first.

    Args:
        shape: of the image as it came.
    """

    def __init__(self, shape: tuple[int, int, int]):
        self._mask = np.zeros(shape, bool)
        self._all_stale = False
        self._stale: set[int] = set()

    def show(self, mask: np.ndarray | bool) -> None:
        """The client shows this mask (axes as the image) now; any of it may be out of date."""
        self._mask[...] = mask
        self.doubt()

    def doubt(self, slices: Iterable[int] | None = None) -> None:
        """The mask may be another on these slices; None: on all."""
        if slices is None:
            self._all_stale = True
        else:
            self._stale.update(slices)

    def changes(self, labels: np.ndarray, axis: int, code: int | None) -> Change | None:
        """Where the mask is another than the client shows, which it shows from then on; None if nowhere.

        Args:
            labels: (slice, row, column) codes.
            axis: of the image, across which these slices lie.
            code: of the muscle; None if there is none.
        """
        shown = np.moveaxis(self._mask, axis, 0)
        slices, rows, columns = [], [], []
        for index in range(len(labels)) if self._all_stale else sorted(self._stale):
            now = labels[index] == (code or -1)
            differs = now ^ shown[index]
            if differs.any():
                slices.append(index)
                rows += np.flatnonzero(differs.any(axis=1))[[0, -1]].tolist()
                columns += np.flatnonzero(differs.any(axis=0))[[0, -1]].tolist()
                shown[index] = now
        self._stale, self._all_stale = set(), False
        if not slices:
            return None
        box = [(min(side), max(side) + 1) for side in (slices, rows, columns)]
        mask = labels[tuple(slice(*side) for side in box)] == code
        box.insert(axis, box.pop(0))
        return Change(tuple(box), np.moveaxis(mask, 0, axis).astype(np.uint8))
