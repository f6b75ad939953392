"""The region a muscle is worked in, and the resampling into it and back onto the grid.

Resampling is linear and separable: `rows @ image @ columns.T`, one matrix per axis.
- Going up it is linear interpolation. An image that goes down is averaged by a triangle as wide as two
  output pixels, which keeps speckle from aliasing; its weights are corrected to first order, so that ramps
  stay ramps. A map that comes back onto the grid is not: averaged, what is small would fall below one half.
- The weights of each output pixel sum to 1 up to the image's edge (half a pixel beyond the outermost
  centres), so a constant stays constant. Beyond that edge the result is exactly 0: for a mask it means
  "not the muscle"; for an image it is what a reconstructed sweep holds where the probe has not been, and
  what the network's own padding holds. Repeating the edge instead would draw tissue that nobody saw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ifss_keras.core.errors import InputError


@dataclass(frozen=True)
class Region:
    """A square in the plane of the slice, or a part of it: pixel (i, j) has its centre at (i, j) * spacing_mm.

    Attributes:
        center_mm: (row, column).
        side_mm: of the square.
        shares: the part of the square's rows and of its columns that is covered, about the same centre.
    """

    center_mm: tuple[float, float]
    side_mm: float
    shares: tuple[float, float] = (1.0, 1.0)

    def centred_on(self, other: Region) -> Region:
        """A region of this size about the centre of another."""
        return Region(other.center_mm, self.side_mm, self.shares)

    @property
    def extent_mm(self) -> tuple[float, float]:
        """How far it reaches along rows and columns."""
        return self.side_mm * self.shares[0], self.side_mm * self.shares[1]


def region_around(
    masks: Sequence[np.ndarray] | np.ndarray,
    spacing_mm: tuple[float, float],
    margin: float = 1.4,
    minimum_mm: float | None = None,
    least_share: float = 1.0,
) -> Region:
    """The square around everything that the masks hold, `margin` times as wide as its bounding box.

    With `least_share` below 1 the square is cut to the bounding box and the same margin in mm all around: a flat
    muscle then fills its working pixels, with more of them across its thin side.

    Args:
        masks: (n, row, column) bool, or a list of (row, column).
        spacing_mm: (row, column).
        margin: side of the square over the longer edge of the bounding box, which runs along the edges
            of the pixels, not their centres.
        minimum_mm: the side is never shorter than this, if given.
        least_share: the shorter side is at least this part of the longer; 1 keeps the square.

    Raises:
        InputError: if no mask holds a pixel.
    """
    union = None
    for mask in masks:
        mask = np.asarray(mask, bool)
        union = mask.copy() if union is None else np.logical_or(union, mask, out=union)
    if union is None or not union.any():
        raise InputError(
            "A working region needs at least one mask with a pixel in it, but all masks are empty; "
            "annotate the muscle in one slice or more."
        )
    center, edges = [], []
    for axis, spacing in enumerate(spacing_mm):
        held = np.flatnonzero(union.any(axis=1 - axis))
        center.append(float(held[0] + held[-1]) / 2 * spacing)
        edges.append(float(held[-1] - held[0] + 1) * spacing)
    side_mm = max(margin * max(edges), minimum_mm or 0.0)
    rows, columns = (max(1 - (max(edges) - edge) / side_mm, least_share) for edge in edges)
    return Region((center[0], center[1]), side_mm, (rows, columns))


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


def to_working(
    slices: np.ndarray,
    region: Region,
    spacing_mm: tuple[float, float],
    size: int,
    grey: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """The region at the working size, (n, size, size) float32; 0 beyond the image.

    Args:
        slices: (n, row, column), any real type or bool. Only the rows and columns that the region covers
            are read, one slice at a time.
        region: what is shown; pixels of a region that is not square are not square either.
        spacing_mm: (row, column) of the slices.
        size: pixels along each side of the result.
        grey: applied to what is read before it is resampled, as the intensity range's `apply`: clipping does not
            commute with averaging, and one non-finite voxel would spread.

    Raises:
        InputError: if a voxel in the region is not finite.
    """
    _require_slices(slices)
    steps = [region.extent_mm[axis] / size / spacing_mm[axis] for axis in (0, 1)]
    rows, columns = (
        _axis(
            n_in=slices.shape[axis + 1],
            step=step,
            first=(region.center_mm[axis] - region.extent_mm[axis] / 2 + region.extent_mm[axis] / size / 2)
            / spacing_mm[axis],
            n_out=size,
            half=max(1.0, step),
        )
        for axis, step in enumerate(steps)
    )
    working = np.zeros((len(slices), size, size), np.float32)
    for index in range(len(slices)):
        read = np.asarray(slices[index, rows.read, columns.read])
        read = read.astype(np.float32) if grey is None else grey(read)
        working[index, rows.write, columns.write] = (rows.matrix @ read) @ columns.matrix.T
    if slices.dtype.kind == "f" and not np.isfinite(working).all():
        raise InputError(
            "Resampling needs finite voxels, but the region holds NaN or infinite ones; "
            "apply the intensity range first, which makes them 0."
        )
    return working


def to_grid_part(
    maps: np.ndarray, region: Region, spacing_mm: tuple[float, float], shape: tuple[int, int]
) -> tuple[slice, slice, np.ndarray]:
    """The part of the grid that the region covers: its rows, its columns, and the values there.

    A pixel is covered if its centre lies in the region; everywhere else the map is 0 by definition.

    Args:
        maps: (n, size, size) float, on the region's working pixels.
        region: where the maps lie.
        spacing_mm: (row, column) of the grid.
        shape: (rows, columns) of the grid.

    Returns:
        Row slice, column slice, and values (n, rows covered, columns covered) float32; empty slices if
        the region lies beyond the grid.
    """
    _require_slices(maps)
    rows, columns = (
        _axis(
            n_in=maps.shape[axis + 1],
            step=spacing_mm[axis] / (region.extent_mm[axis] / maps.shape[axis + 1]),
            first=(region.extent_mm[axis] / 2 - region.center_mm[axis])
            / (region.extent_mm[axis] / maps.shape[axis + 1])
            - 0.5,
            n_out=shape[axis],
            half=1.0,
        )
        for axis in (0, 1)
    )
    values = np.empty((len(maps), len(rows.matrix), len(columns.matrix)), np.float32)
    for index in range(len(maps)):
        read = np.asarray(maps[index, rows.read, columns.read]).astype(np.float32)
        np.matmul(rows.matrix @ read, columns.matrix.T, out=values[index])
    return rows.write, columns.write, values


def to_grid(maps: np.ndarray, region: Region, spacing_mm: tuple[float, float], shape: tuple[int, int]) -> np.ndarray:
    """The maps on the whole grid, (n, rows, columns) float32, exactly 0 outside the region."""
    rows, columns, values = to_grid_part(maps, region, spacing_mm, shape)
    grid = np.zeros((len(maps), *shape), np.float32)
    grid[:, rows, columns] = values
    return grid


class _Axis(NamedTuple):
    """Resampling along one axis: `out[write] = matrix @ in[read]`, and 0 elsewhere."""

    read: slice
    write: slice
    matrix: np.ndarray


@lru_cache(maxsize=128)
def _axis(n_in: int, step: float, first: float, n_out: int, half: float) -> _Axis:
    """The weights that take `n_in` pixels to `n_out`, in units of input pixels.

    Output pixel p has its centre at `first + p * step` and reads up to `half` to each side; input pixel j lies at j.
    """
    centers = first + step * np.arange(n_out)
    covered = np.flatnonzero((centers >= -0.5) & (centers <= n_in - 0.5))
    if covered.size == 0:
        return _Axis(slice(0, 0), slice(0, 0), np.zeros((0, 0), np.float32))
    centers = centers[covered]
    begin = max(0, int(np.floor(centers[0] - half)))
    end = min(n_in, int(np.ceil(centers[-1] + half)) + 1)
    distance = np.arange(begin, end) - centers[:, None]
    weights = np.clip(1 - np.abs(distance) / half, 0, None)
    if half > 1:
        weights *= _first_order(weights, distance, (centers - half >= -1) & (centers + half <= n_in))
    weights /= weights.sum(axis=1, keepdims=True)
    matrix = weights.astype(np.float32)
    matrix.flags.writeable = False
    return _Axis(slice(begin, end), slice(int(covered[0]), int(covered[-1]) + 1), matrix)


def _first_order(weights: np.ndarray, distance: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Factors that move the weights' centre of mass to the output pixel where the triangle is `whole`.

    A sampled triangle's centre of mass is off by a fraction of a pixel that depends on where the samples
    fall; without this a ramp would come out with ripples (the weights of a local linear regression).
    """
    first = (weights * distance).sum(axis=1, keepdims=True)
    second = (weights * distance**2).sum(axis=1, keepdims=True)
    return np.where(whole[:, None], second - first * distance, 1.0)


def _require_slices(array: np.ndarray) -> None:
    if array.ndim != 3:
        raise InputError(
            f"Resampling needs slices (n, row, column), but got the shape {tuple(array.shape)}; "
            f"add the axis of the slices."
        )
