"""The anchor: what two annotated slices say about those between them, without looking at the image.

Shape-based interpolation: the signed distances of both references are blended linearly (Raya and Udupa,
"Shape-based interpolation of multidimensional objects", IEEE TMI 9(1), 1990). Before that, each is moved so
that its centroid lies on the straight line between both, so that shapes which do not overlap do not vanish
on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import ndimage
from scipy.special import expit

from ifss_keras.core.errors import InputError


@dataclass(frozen=True)
class Softness:
    """How far to trust the anchor: the scale of its border, in working pixels.

    `start` at a reference, `per_slice` more for every slice away from the nearest one, `per_change` more half-way
    between two references for every working pixel by which they differ (thick slices: few, but far apart), at most
    `maximum`.
    """

    start: float = 0.5
    per_slice: float = 0.1
    maximum: float = 4.5
    per_change: float = 0.0

    def at(self, offsets: np.ndarray, gap: float, change: float = 0.0) -> np.ndarray:
        """The scale in working pixels, `offsets` slices after a reference and `gap` before the next.

        Args:
            offsets: slices after the first of two references.
            gap: slices from it to the second.
            change: by how many working pixels the references differ.
        """
        offsets = np.asarray(offsets, float)
        middle = 4 * offsets * (gap - offsets) / gap**2  # 0 at the references, 1 half-way
        scale = self.start + self.per_slice * np.minimum(offsets, gap - offsets) + self.per_change * change * middle
        return np.minimum(scale, self.maximum)


def signed_distance(mask: np.ndarray, spacing_mm: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """Distance to the mask's border in mm, (row, column) float32, positive inside, never 0.

    The border lies half-way between a pixel inside and its neighbour outside. Pixels beyond the array count
    as outside. An empty mask is nowhere: minus the array's diagonal throughout.

    Args:
        mask: (row, column) bool.
        spacing_mm: (row, column).
    """
    mask = np.asarray(mask, bool)
    if mask.ndim != 2:
        raise InputError(
            f"A signed distance needs one mask (row, column), but got the shape {mask.shape}; pass one slice."
        )
    if not mask.any():
        diagonal = np.hypot(mask.shape[0] * spacing_mm[0], mask.shape[1] * spacing_mm[1])
        return np.full(mask.shape, -diagonal, np.float32)
    signed = -_to_border(~mask, spacing_mm)
    box = _box(mask, 0)
    inside = np.pad(mask[box], 1)  # the distances inside need no more than the bounding box and its rim
    depth = _to_border(inside, spacing_mm)[1:-1, 1:-1]
    signed[box] = np.where(mask[box], depth, signed[box])
    return signed


def shape_distance(
    mask_a: np.ndarray,
    mask_b: np.ndarray,
    fractions: Sequence[float] | np.ndarray,
    spacing_mm: tuple[float, float] = (1.0, 1.0),
) -> np.ndarray:
    """Signed distances between two masks, (n, row, column) float32 in mm, positive inside.

    At fraction 0 its positive part is `mask_a`, at 1 `mask_b`, exactly. If one mask is empty, the other
    shrinks evenly and is gone half-way: the muscle ended somewhere between, and the middle is the least
    wrong guess (the empty one stands as the other's distance less twice its greatest depth). If both are
    empty there is nothing between.

    Args:
        mask_a: (row, column) bool.
        mask_b: (row, column) bool.
        fractions: (n,) in [0, 1], the way from a to b.
        spacing_mm: (row, column).
    """
    fractions = np.atleast_1d(np.asarray(fractions, float))
    if fractions.size and not (fractions.min() >= 0 and fractions.max() <= 1):
        raise InputError(
            f"Fractions between two references must lie in [0, 1], but got {fractions.min():g} to "
            f"{fractions.max():g}; outside the references there is nothing to interpolate."
        )
    span = ShapeSpan(mask_a, mask_b, spacing_mm)
    distances = np.empty((len(fractions), *span.shape), np.float32)
    for index, fraction in enumerate(fractions):
        distances[index] = span.at(fraction)
    return distances


def anchor(
    mask_a: np.ndarray,
    mask_b: np.ndarray,
    offsets: Sequence[int] | np.ndarray,
    gap: int,
    softness: Softness | None = None,
) -> np.ndarray:
    """The anchor between two references, (n, row, column) float32 in [0, 1].

    sigmoid(distance / t): the distance of the interpolated shape in working pixels, with t growing with the
    number of slices to the nearer reference.

    Args:
        mask_a: (row, column) bool, at working size.
        mask_b: (row, column) bool, `gap` slices further.
        offsets: (n,) slices from a, 0 to `gap`.
        gap: slices from a to b, at least 1.
        softness: how t grows; `Softness()` if None.
    """
    offsets = np.atleast_1d(np.asarray(offsets, float))
    if gap < 1 or (offsets.size and not (offsets.min() >= 0 and offsets.max() <= gap)):
        raise InputError(
            f"Anchors need a gap of at least one slice and offsets from 0 to the gap, but got a gap of {gap} "
            f"and the offsets {offsets.tolist()}; outside the references there is no anchor."
        )
    span = ShapeSpan(mask_a, mask_b)
    scale = (softness or Softness()).at(offsets, gap, span.change()).astype(np.float32)
    values = np.empty((len(offsets), *span.shape), np.float32)
    for index, offset in enumerate(offsets):
        values[index] = span.at(offset / gap)
    values /= scale[:, None, None]
    return expit(values, out=values)


def interpolate_shapes(
    masks: Mapping[int, np.ndarray], spacing_mm: tuple[float, float] = (1.0, 1.0), follow_centroid: bool = True
) -> Iterator[tuple[int, np.ndarray]]:
    """Every slice from the first reference to the last with its mask, one at a time, ascending.

    References come back as given; between two of them the interpolated shape. Memory: the bounding box of
    two references, and one mask.

    Args:
        masks: slice index to (row, column) bool, empty masks allowed.
        spacing_mm: (row, column).
        follow_centroid: move each shape so that the centroid lies on the straight line between both.

    Yields:
        (slice index, mask (row, column) bool).
    """
    indices = sorted(masks)
    for start, stop in pairwise(indices):
        mask_a, mask_b = (np.asarray(masks[index], bool) for index in (start, stop))
        yield start, mask_a.copy()
        if stop == start + 1:
            continue
        # the interpolated shape never leaves the linearly interpolated bounding box of the two
        box = _box(mask_a | mask_b, 2)
        span = ShapeSpan(mask_a[box], mask_b[box], spacing_mm, follow_centroid)
        for index in range(start + 1, stop):
            mask = np.zeros(mask_a.shape, bool)
            mask[box] = span.at((index - start) / (stop - start)) > 0
            yield index, mask
    if indices:
        yield indices[-1], np.array(masks[indices[-1]], bool)


class ShapeSpan:
    """Two masks, prepared so that the signed distance at any fraction between them costs two shifts."""

    def __init__(
        self,
        mask_a: np.ndarray,
        mask_b: np.ndarray,
        spacing_mm: tuple[float, float] = (1.0, 1.0),
        follow_centroid: bool = True,
    ):
        mask_a, mask_b = np.asarray(mask_a, bool), np.asarray(mask_b, bool)
        if mask_a.shape != mask_b.shape:
            raise InputError(
                f"Both references must have the same rows and columns, but got {mask_a.shape} and "
                f"{mask_b.shape}; bring them onto one grid first."
            )
        self.shape = mask_a.shape
        self.move = np.zeros(2)  # pixels from the centroid of a to that of b
        if follow_centroid and mask_a.any() and mask_b.any():
            self.move = _centroid(mask_b) - _centroid(mask_a)
        self.map_a, self.origin_a = _padded_distance(mask_a, -self.move, spacing_mm)
        self.map_b, self.origin_b = _padded_distance(mask_b, self.move, spacing_mm)
        if not mask_b.any() and mask_a.any():
            self.map_b = self.map_a - 2 * self.map_a.max()
        elif not mask_a.any() and mask_b.any():
            self.map_a = self.map_b - 2 * self.map_b.max()

    def change(self) -> float:
        """By how much the masks differ: how far the centroid moves, and how far the borders are apart beside that.

        The latter is the mean over the pixels at the border of the shape half-way; 0 where a mask is empty.
        """
        if not (self.map_a.max() > 0 and self.map_b.max() > 0):
            return 0.0
        from_a = _shifted(self.map_a, self.origin_a - 0.5 * self.move, self.shape)
        from_b = _shifted(self.map_b, self.origin_b + 0.5 * self.move, self.shape)
        border = np.abs(from_a + from_b) < 4
        apart = float(np.abs(from_a - from_b)[border].mean()) if border.any() else 0.0
        return apart + float(np.hypot(*self.move))

    def at(self, fraction: float) -> np.ndarray:
        """The signed distance at a fraction of the way from a to b, (row, column) float32."""
        if fraction == 0 or fraction == 1:  # the reference itself, to the last bit
            chosen, origin = (self.map_b, self.origin_b) if fraction else (self.map_a, self.origin_a)
            return _shifted(chosen, origin.astype(float), self.shape)
        from_a = _shifted(self.map_a, self.origin_a - fraction * self.move, self.shape)
        from_b = _shifted(self.map_b, self.origin_b + (1 - fraction) * self.move, self.shape)
        from_a *= np.float32(1 - fraction)
        from_b *= np.float32(fraction)
        from_a += from_b
        return from_a


def _padded_distance(
    mask: np.ndarray, reach: np.ndarray, spacing_mm: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """The signed distance on an array that is also true up to `reach` pixels beyond the mask's array.

    Returns the map and the place of the mask's first pixel in it.
    """
    before = np.ceil(np.maximum(-reach, 0)).astype(int)
    after = np.ceil(np.maximum(reach, 0)).astype(int) + 1  # one more for the interpolation
    padded = np.zeros(np.asarray(mask.shape) + before + after, bool)
    padded[before[0] : before[0] + mask.shape[0], before[1] : before[1] + mask.shape[1]] = mask
    return signed_distance(padded, spacing_mm), before


def _shifted(distance: np.ndarray, origin: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The map read from `origin` (pixels, not whole) on, bilinear, a new array of the given shape."""
    whole = np.floor(origin).astype(int)
    part = (origin - whole).astype(np.float32)
    block = distance[whole[0] : whole[0] + shape[0] + 1, whole[1] : whole[1] + shape[1] + 1]
    block = block[:-1] if part[0] == 0 else block[:-1] + part[0] * (block[1:] - block[:-1])
    if part[1] == 0:
        return block[:, :-1].copy()
    return block[:, :-1] + part[1] * (block[:, 1:] - block[:, :-1])


def _to_border(inside: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """Distance in mm from every pixel inside to the border half-way to the nearest pixel outside, float32.

    Half a pixel means half of its extent towards that nearest one. 0 outside.
    """
    if spacing_mm[0] == spacing_mm[1]:
        distance = ndimage.distance_transform_edt(inside) * spacing_mm[0]
        return np.where(inside, distance - spacing_mm[0] / 2, 0).astype(np.float32)
    distance, nearest = ndimage.distance_transform_edt(inside, sampling=spacing_mm, return_indices=True)
    vertical = (nearest[0] - np.arange(inside.shape[0])[:, None]) * spacing_mm[0] ** 2
    horizontal = (nearest[1] - np.arange(inside.shape[1])) * spacing_mm[1] ** 2
    half = 0.5 * np.hypot(vertical, horizontal) / np.where(inside, distance, 1)
    return np.where(inside, distance - half, 0).astype(np.float32)


def _centroid(mask: np.ndarray) -> np.ndarray:
    """The mean (row, column) of the mask's pixels."""
    per_row, per_column = mask.sum(axis=1), mask.sum(axis=0)
    total = per_row.sum()
    return np.array([np.arange(len(per)) @ per / total for per in (per_row, per_column)])


def _box(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The bounding box of the mask, `margin` pixels wider but within the array; empty for an empty mask."""
    box = []
    for axis in (0, 1):
        held = np.flatnonzero(mask.any(axis=1 - axis))
        begin, end = (held[0] - margin, held[-1] + 1 + margin) if held.size else (0, 0)
        box.append(slice(max(0, int(begin)), min(mask.shape[axis], int(end))))
    return box[0], box[1]
