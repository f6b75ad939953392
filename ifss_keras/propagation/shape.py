"""Shapes interpolated between annotated slices, without looking at the image.

The signed distances of both references are blended linearly (Raya and Udupa,
"Shape-based interpolation of multidimensional objects", IEEE TMI 9(1), 1990). Before that, each is moved so
that its centroid lies on the straight line between both, so that shapes which do not overlap do not vanish
on the way. Where references beyond them are known, too, distances and centroid follow a curve: see
`propagation.beyond`; and the outline is moved evenly to the area that all references let expect: see
`propagation.area`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from scipy import ndimage

from ifss_keras.core.errors import InputError
from ifss_keras.propagation.area import AreaCurve
from ifss_keras.propagation.beyond import NOTHING_BEYOND, Beyond, Further, nearest_beyond
from ifss_keras.propagation.places import EVEN, Places


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


def interpolate_shapes(
    masks: Mapping[int, np.ndarray], spacing_mm: tuple[float, float] = (1.0, 1.0), places: Places = EVEN
) -> Iterator[tuple[int, np.ndarray]]:
    """Every slice from the first reference to the last with its mask, one at a time, ascending.

    References come back as given, between two of them see `distances_between`. Memory: the box around four references,
    and one slice.

    Args:
        masks: slice index to (row, column) bool, empty masks allowed.
        spacing_mm: (row, column).
        places: where slices lie.

    Yields:
        (slice index, mask (row, column) bool).
    """
    indices = sorted(masks)
    for start, stop in pairwise(indices):
        yield start, np.array(masks[start], bool)
        for index, distance in distances_between(masks, start, stop, spacing_mm, places=places):
            yield index, distance > 0
    if indices:
        yield indices[-1], np.array(masks[indices[-1]], bool)


def distances_between(
    masks: Mapping[int, np.ndarray],
    start: int,
    stop: int,
    spacing_mm: tuple[float, float],
    slices: Sequence[int] | None = None,
    places: Places = EVEN,
) -> Iterator[tuple[int, np.ndarray]]:
    """The signed distance to the interpolated shape on each slice between two neighbouring references.

    Between two that hold the structure the shape bends for those beyond both, and its area is that of the curve through
    the areas of all. Where one of the two is empty the other shrinks evenly and is gone half-way: the structure ended
    somewhere between, and the middle is the least wrong guess.

    Args:
        masks: slice index to (row, column) bool, all references.
        start, stop: two of them.
        spacing_mm: (row, column).
        slices: those that are asked for; None: all between.
        places: where slices lie.

    Yields:
        (slice index, distance (row, column) float32 in mm, positive inside, minus infinity where the shape cannot be).
    """
    between = range(start + 1, stop) if slices is None else slices
    if not len(between):
        return
    span, box = _span_in_box(masks, start, stop, spacing_mm, places)
    areas = [None] * len(between)
    if masks[start].any() and masks[stop].any():
        areas = AreaCurve.of_masks(masks, places).at(between)
    for index, area in zip(between, areas, strict=True):
        distance = np.full(masks[start].shape, -np.inf, np.float32)
        distance[box] = span.at(places.between(start, index) / places.between(start, stop), area)
        yield index, distance


def _span_in_box(masks, start, stop, spacing_mm, places) -> tuple[ShapeSpan, tuple[slice, slice]]:
    """The span between two references, and a box that what lies between does not leave.

    A bent shape may leave the bounding box of all four references by a part of their size, a larger one by another.
    """
    others = nearest_beyond(masks, start, stop)
    union = np.logical_or.reduce([masks[index] for index in (start, stop, *others) if index is not None])
    box = _box(union, 2 + max(side.stop - side.start for side in _box(union, 2)) // 2)
    away = zip(others, (start, stop), strict=True)
    further = [None if index is None else Further(places.between(index, end), masks[index][box]) for index, end in away]
    ends = (masks[index][box] for index in (start, stop))
    return ShapeSpan(*ends, spacing_mm, gap=places.between(start, stop), beyond=Beyond(*further)), box


class ShapeSpan:
    """Two masks, prepared so that the signed distance at any fraction between them costs a shift for each reference.

    Args:
        mask_a: (row, column) bool.
        mask_b: (row, column) bool.
        spacing_mm: (row, column).
        gap: slices from a to b; for `beyond` only.
        beyond: references before a and after b; not looked at where a or b is empty.
    """

    def __init__(
        self,
        mask_a: np.ndarray,
        mask_b: np.ndarray,
        spacing_mm: tuple[float, float] = (1.0, 1.0),
        gap: float = 1.0,
        beyond: Beyond = NOTHING_BEYOND,
    ):
        mask_a, mask_b = np.asarray(mask_a, bool), np.asarray(mask_b, bool)
        if mask_a.shape != mask_b.shape:
            raise InputError(
                f"Both references must have the same rows and columns, but got {mask_a.shape} and "
                f"{mask_b.shape}; bring them onto one grid first."
            )
        self.shape = mask_a.shape
        both = mask_a.any() and mask_b.any()
        before, after = (held if both and held and held.mask.any() else None for held in beyond[:2])
        self._gap, self._beyond = gap, Beyond(before, after, beyond.part)
        self._knots = [
            _Knot(*held) if held else None
            for held in (before and before[1:], (mask_a, (0, 0)), (mask_b, (0, 0)), after and after[1:])
        ]
        self._places = np.zeros((4, 2))  # of the centroids, in pixels from that of a
        if both:
            centroids = [knot.centroid() if knot else np.zeros(2) for knot in self._knots]
            self._places = np.array(centroids) - centroids[1]
        ways = np.array([self._weights(fraction) @ self._places for fraction in np.linspace(0, 1, 17)])
        for knot, place in zip(self._knots, self._places, strict=True):
            if knot:
                knot.prepare(ways - place, self.shape, spacing_mm)
        _, knot_a, knot_b, _ = self._knots
        if not mask_b.any() and mask_a.any():
            knot_b.map = knot_a.map - 2 * knot_a.map.max()
        elif not mask_a.any() and mask_b.any():
            knot_a.map = knot_b.map - 2 * knot_b.map.max()

    def change(self) -> float:
        """By how much the masks differ: how far the centroid moves, and how far the borders are apart beside that.

        The latter is the mean over the pixels at the border of the shape half-way; 0 where a mask is empty.
        """
        _, knot_a, knot_b, _ = self._knots
        if not (knot_a.map.max() > 0 and knot_b.map.max() > 0):
            return 0.0
        move = self._places[2]
        from_a, from_b = knot_a.read(-0.5 * move, self.shape), knot_b.read(0.5 * move, self.shape)
        border = np.abs(from_a + from_b) < 4
        apart = float(np.abs(from_a - from_b)[border].mean()) if border.any() else 0.0
        return apart + float(np.hypot(*move))

    def at(self, fraction: float, pixels: float | None = None) -> np.ndarray:
        """The signed distance at a fraction of the way from a to b, (row, column) float32.

        Args:
            fraction: 0 to 1.
            pixels: how many shall be inside; the outline is moved evenly until they are. None: it is not moved.
        """
        if fraction == 0 or fraction == 1:  # the reference itself, to the last bit
            return self._knots[2 if fraction else 1].read(np.zeros(2), self.shape)
        weights = self._weights(fraction)
        way, distance = weights @ self._places, np.zeros(self.shape, np.float32)
        for knot, place, weight in zip(self._knots, self._places, weights, strict=True):
            if knot:
                distance += np.float32(weight) * knot.read(place - way, self.shape)
        return distance if pixels is None else distance - np.float32(level_of(distance, pixels))

    def _weights(self, fraction: float) -> np.ndarray:
        return self._beyond.weights(fraction, self._gap)


class _Knot:
    """A reference on the way: its mask, and the signed distance as far around as it will be moved."""

    def __init__(self, mask: np.ndarray, origin: tuple[float, float]):
        self.mask = np.asarray(mask, bool)
        self.origin = np.asarray(origin, float)

    def centroid(self) -> np.ndarray:
        """In the span's pixels."""
        return _centroid(self.mask) + self.origin

    def prepare(self, moves: np.ndarray, shape: tuple[int, int], spacing_mm: tuple[float, float]) -> None:
        """Makes the distances for moves (n, 2) of the mask, in pixels, and one pixel more for what lies between."""
        moves = moves + self.origin
        over = np.asarray(shape) - self.mask.shape - moves.min(axis=0)
        before, after = (np.ceil(np.maximum(most, 0)).astype(int) + 1 for most in (moves.max(axis=0), over))
        padded = np.pad(self.mask, list(zip(before, after, strict=True)))
        self.map, self._first = signed_distance(padded, spacing_mm), before - self.origin

    def read(self, back: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """The signed distance to the mask moved by -`back`, on the span's pixels, a new array."""
        return _shifted(self.map, self._first + back, shape)


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


def level_of(values: np.ndarray, pixels: float) -> float:
    """The level that `pixels` of the values lie above, between two values; equal ones lie above together."""
    count = int(np.clip(round(pixels), 0, values.size - 1))
    if not count:
        return float(values.max())
    place = values.size - count
    level = np.partition(values.ravel(), (place - 1, place))[place - 1 : place + 1].mean()
    return float(np.nextafter(level, np.float32(-np.inf)))


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
