"""Where slices lie along a volume: evenly, or as a tracker saw them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from scipy import ndimage

LEAST_STEPS = 4  # of a span, as in training


class Places:
    """The place of every slice, in steps of the volume's distance of slices; slice 0 has the smallest.

    Args:
        places: (slice,) strictly ascending; None: slice k lies at k.
    """

    def __init__(self, places: np.ndarray | None = None):
        self._places = None if places is None else np.asarray(places, float)

    @property
    def even(self) -> bool:
        """Whether slice k lies at k."""
        return self._places is None

    def at(self, slices: Sequence[int] | np.ndarray | int) -> np.ndarray:
        """The places of some slices."""
        return np.asarray(slices, float) if self.even else self._places[np.asarray(slices, int)]

    def between(self, first: int, last: int) -> float:
        """How far two slices lie apart, in steps."""
        return float(abs(self.at(last) - self.at(first)))

    def thickness(self, slices: Sequence[int]) -> np.ndarray:
        """How much of the volume each of some slices stands for, in steps: half-way to its neighbours."""
        if self.even:
            return np.ones(len(slices))
        ends = 2 * self._places[[0, -1]] - self._places[[1, -2]]  # as far out as the next one in
        padded = np.r_[ends[0], self._places, ends[1]]
        return ((padded[2:] - padded[:-2]) / 2)[np.asarray(slices, int)]

    def of(self, slices: Sequence[int]) -> Places:
        """The places of some slices, ascending or descending, numbered from 0 and counted from the first of them."""
        if self.even and abs(slices[-1] - slices[0]) == len(slices) - 1:
            return self
        places = self.at(slices)
        return Places(np.abs(places - places[0]))

    def sampled(self, first: int, last: int, step: int) -> list[int]:
        """Slices from one to another, in order: both and, between them, those nearest to even places.

        They are the same from the other side. All slices where they would make fewer than `LEAST_STEPS` steps.

        Args:
            first, last: slice indices; `last` may be the smaller one.
            step: how far apart even places are at most, in steps of the volume.
        """
        way = 1 if last >= first else -1
        slices = np.arange(first, last + way, way)
        ahead = np.abs(self.at(slices) - self.at(first))
        gap = float(ahead[-1])
        step = min(step, gap // LEAST_STEPS)
        if step < 2:
            return slices.tolist()
        steps = ceil(gap / step)
        if steps % 2 == 0 and gap % 2:
            steps += 1  # an even number would need a slice in the middle
        places = np.arange(steps // 2 + 1) * gap / steps
        half, other = (_nearest(each, places) for each in (ahead, gap - ahead[::-1]))
        return slices[np.union1d(half, len(slices) - 1 - other)].tolist()

    def filled(self, values: np.ndarray, known: Sequence[int], slices: Sequence[int]) -> np.ndarray:
        """Values (slice, ...) of slices from those of some among them, linearly between; both are ascending."""
        if len(known) == len(slices):
            return values
        here, there = self.at(slices), self.at(known)
        after = np.clip(np.searchsorted(there, here, "right"), 1, len(there) - 1)
        share = (here - there[after - 1]) / (there[after] - there[after - 1])
        share = share.astype(values.dtype).reshape(-1, *[1] * (values.ndim - 1))
        return (1 - share) * values[after - 1] + share * values[after]

    def smoothed(self, values: np.ndarray, first: int, sigma: float) -> np.ndarray:
        """Values (slice, ...) of slices from `first` on, each the mean of those around by a Gaussian of `sigma` steps.

        The outermost slices count as if they went on.
        """
        if self.even:
            return ndimage.gaussian_filter(values, (sigma, *[0] * (values.ndim - 1)), mode="nearest")
        if sigma == 0:
            return values
        slices = np.arange(first, first + len(values))
        places, widths = self.at(slices), self.thickness(slices)
        reach = np.arange(1, int(4 * sigma) + 1)
        everywhere = np.r_[places[0] - reach[::-1], places, places[-1] + reach]
        widths = np.r_[np.ones(len(reach)), widths, np.ones(len(reach))]
        weights = widths * np.exp(-0.5 * ((places[:, None] - everywhere) / sigma) ** 2)
        weights /= weights.sum(axis=1, keepdims=True)
        inner = weights[:, len(reach) : len(reach) + len(places)]
        inner[:, 0] += weights[:, : len(reach)].sum(axis=1)
        inner[:, -1] += weights[:, len(reach) + len(places) :].sum(axis=1)
        return np.tensordot(inner.astype(values.dtype), values, axes=1)


def _nearest(places: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each place that is wanted the number of the nearest of some, which ascend; of two the later."""
    after = np.searchsorted(places, wanted)
    before = np.maximum(after - 1, 0)
    return np.where(wanted - places[before] < places[after] - wanted - 1e-9, before, after)


EVEN = Places()
