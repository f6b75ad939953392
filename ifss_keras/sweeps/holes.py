"""The voxels between the frames of a sweep, filled from those around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
from scipy import ndimage

SLAB_SLICES = 16
BYTES_PER_VOXEL = 24  # of a slab with its margins, while its holes are filled
_SD_PER_REACH = 1 / 3


def fill_grey(values: np.ndarray, known: np.ndarray, reach: int) -> np.ndarray:
    """Fills holes with the mean of what is known around, the nearer the heavier; (slice, row, column) bool: where.

    A hole is what lies between known voxels at most twice the reach apart, along the grid's axes. What lies beyond the
    outermost ones stays as it is.

    Args:
        values: (slice, row, column) numbers, changed where holes are.
        known: (slice, row, column) bool.
        reach: voxels, from 1 up.
    """
    filled = np.zeros(known.shape, bool)
    for slab, around, inner in _slabs(known, reach):
        holes = _holes(around, reach)[inner]
        if holes.any():
            window = np.where(around, _window(values, slab, reach), 0).astype(np.float32)
            mean = _nearness(window, reach)[inner][holes] / _nearness(around, reach)[inner][holes]
            values[slab][holes] = mean
            filled[slab] = holes
    return filled


def fill_labels(labels: np.ndarray, known: np.ndarray, reach: int, codes: Iterable[int]) -> np.ndarray:
    """The same with the label that is known most around, the nearer the heavier; the smaller code where two are."""
    filled = np.zeros(known.shape, bool)
    codes = sorted(codes)
    for slab, around, inner in _slabs(known, reach):
        holes = _holes(around, reach)[inner]
        if holes.any():
            window = _window(labels, slab, reach)
            votes = [_nearness(around & (window == code), reach)[inner][holes] for code in codes]
            labels[slab][holes] = np.array(codes, labels.dtype)[np.argmax(votes, axis=0)]
            filled[slab] = holes
    return filled


def slab_voxels(shape: tuple[int, int, int], reach: int) -> int:
    """How many voxels are worked on at a time."""
    sizes = (min(shape[0], SLAB_SLICES), *shape[1:])
    return math.prod(size + 4 * reach for size in sizes)


def _holes(known: np.ndarray, reach: int) -> np.ndarray:
    """A closing: what is known grows by the reach and shrinks again."""
    size = 2 * reach + 1
    grown = ndimage.maximum_filter(known.view(np.uint8), size, mode="constant")
    return (ndimage.minimum_filter(grown, size, mode="constant") > 0) & ~known


def _nearness(values: np.ndarray, reach: int) -> np.ndarray:
    """The sum of what is within reach of each voxel, the nearer the heavier."""
    values = values.astype(np.float32, copy=False)
    return ndimage.gaussian_filter(values, reach * _SD_PER_REACH, radius=reach, mode="constant")


def _slabs(known: np.ndarray, reach: int) -> Iterator[tuple[slice, np.ndarray, tuple]]:
    """Of every few slices: their place, what is known there with a margin on all sides, and their place in that."""
    margin = 2 * reach
    inner = tuple(slice(margin, margin + size) for size in known.shape[1:])
    for first in range(0, len(known), SLAB_SLICES):
        slab = slice(first, min(first + SLAB_SLICES, len(known)))
        yield slab, _window(known, slab, reach), (slice(margin, margin + slab.stop - first), *inner)


def _window(array: np.ndarray, slab: slice, reach: int) -> np.ndarray:
    """Some slices with a margin of twice the reach on all sides, 0 beyond the array."""
    margin = 2 * reach
    first, last = slab.start - margin, slab.stop + margin
    held = array[max(first, 0) : last]
    before, after = max(-first, 0), max(last - len(array), 0)
    return np.pad(held, ((before, after), (margin, margin), (margin, margin)))
