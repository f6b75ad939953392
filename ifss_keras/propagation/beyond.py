"""The references beyond the two that a slice lies between: they tell how the shape bends on its way.

A shape that swells and shrinks again lies, between two references, outside the straight line from one to the other.
Each pixel's signed distance, and the centroid, therefore follow a cubic Hermite curve: at a reference with another one
beyond it, its slope is that of the parabola through the three (Catmull and Rom, "A class of local interpolating
splines", 1974, for unequal distances); at one without, the curve has no curvature there, as a natural spline. Without
any reference beyond it is the straight line. One that is nearer than the span is long bends it less, with the square of
its distance: what it says of the slope holds nearby only, as where a muscle begins bluntly or becomes a tendon, and the
error of its contour would else decide. See docs/propagation.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ifss_keras.propagation.places import EVEN, Places
from ifss_keras.propagation.region import Region, region_around, to_working


@dataclass(frozen=True)
class BeyondSettings:
    """How far a reference beyond a span is looked at.

    Attributes:
        room: sides of the span's region: as much is seen of the reference, and as far away it may lie.
    """

    room: int = 2


SETTINGS = BeyondSettings()


class Further(NamedTuple):
    """A reference beyond one end of a span.

    Attributes:
        slices: from that end, positive; by their distance, so not always whole.
        mask: (row, column) bool, on pixels as large as the span's.
        origin: where in the span's pixels its pixel (0, 0) lies, (row, column).
    """

    slices: float
    mask: np.ndarray
    origin: tuple[float, float] = (0.0, 0.0)


class Beyond(NamedTuple):
    """What is known beyond a span.

    Attributes:
        before: the reference before its first one, if any.
        after: the one after its last.
        part: of the bend that the shape is given, 0 to 1.
    """

    before: Further | None = None
    after: Further | None = None
    part: float = 1.0

    def weights(self, fraction: float, gap: float) -> np.ndarray:
        """What each of four references counts at a fraction of the way between the middle two, (4,), of sum 1.

        Args:
            fraction: in [0, 1], from the second to the third.
            gap: slices between these.
        """
        weights = np.array([0, 1 - fraction, fraction, 0], float)
        at_first = fraction * (1 - fraction) ** 2  # what the slope there adds, of Hermite's cubics
        at_last = -(fraction**2) * (1 - fraction)
        if self.before is None:
            at_last -= at_first / 2
        if self.after is None:
            at_first -= at_last / 2
        if self.before is not None:
            away = self.before.slices
            slope = np.array([-1 / away, 1 / away + 1 / gap, -1 / gap, 0])
            weights += at_first * self._bend(away, gap) * slope
        if self.after is not None:
            away = self.after.slices
            slope = np.array([0, 1 / gap, -1 / gap - 1 / away, 1 / away])
            weights += at_last * self._bend(away, gap) * slope
        return weights

    def _bend(self, away: float, gap: float) -> float:
        return self.part * gap**2 / (gap + away) * min(away / gap, 1) ** 2


NOTHING_BEYOND = Beyond()


def nearest_beyond(masks: Mapping[int, np.ndarray], first: int, last: int) -> tuple[int | None, int | None]:
    """The nearest references before `first` and after `last`; None where there is none, or the structure is not there.

    Args:
        masks: slice index to (row, column) bool.
        first: a reference, as is `last`.
        last: the next one.
    """
    beside = _beside(masks, first, last)
    before, after = (None if index is None or not masks[index].any() else index for index in beside)
    return before, after


def references_around(masks: Mapping[int, np.ndarray], first: int, last: int) -> dict[int, np.ndarray]:
    """All that is known of a span: its two references, and the next one on each side; arguments likewise."""
    before, after = _beside(masks, first, last)
    return {index: masks[index] for index in (before, first, last, after) if index is not None}


def _beside(masks, first: int, last: int) -> tuple[int | None, int | None]:
    before = max((index for index in masks if index < first), default=None)
    return before, min((index for index in masks if index > last), default=None)


def gather_beyond(
    masks: Mapping[int, np.ndarray],
    first: int,
    last: int,
    region: Region,
    spacing_mm: tuple[float, float],
    size: int,
    part: float,
    places: Places = EVEN,
) -> Beyond:
    """Of the span from `first` to `last` the references beyond both ends, at working size.

    Args:
        masks: slice index to (row, column) bool: all references that may be known.
        first, last: as in `nearest_beyond`.
        region: of the span.
        spacing_mm: (row, column).
        size: working rows and columns.
        part: of the bend; with 0 nothing is gathered.
        places: where slices lie.
    """
    if part == 0:
        return NOTHING_BEYOND
    ends = zip(nearest_beyond(masks, first, last), (first, last), strict=True)
    found = (
        None if index is None else _further(masks[index], places.between(index, end), region, spacing_mm, size)
        for index, end in ends
    )
    return Beyond(*found, part)


def _further(mask: np.ndarray, slices: float, region: Region, spacing_mm, size: int) -> Further | None:
    """The reference about its own centre; None if that lies so far off that the structure is hardly the same."""
    room = SETTINGS.room
    own = Region(region_around([mask], spacing_mm).center_mm, region.side_mm * room, region.shares)
    origin = [
        (own.center_mm[axis] - own.extent_mm[axis] / 2 - region.center_mm[axis] + region.extent_mm[axis] / 2)
        / (region.extent_mm[axis] / size)
        for axis in (0, 1)
    ]
    if any(abs(place + room * size / 2 - size / 2) > room * size for place in origin):
        return None
    return Further(slices, to_working(mask[None], own, spacing_mm, size * room)[0] > 0.5, (origin[0], origin[1]))
