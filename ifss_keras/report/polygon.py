"""Outlines with fewer points."""

from __future__ import annotations

import numpy as np


def simplified(line: np.ndarray, tolerance: float) -> np.ndarray:
    """The points of a line that suffice: no other one lies further than `tolerance` from the line through them.

    Douglas and Peucker, Cartographica 10(2), 1973, as in `skimage.measure.approximate_polygon`, but with all stretches
    that are halved at a time in one step, which is many times faster.

    Args:
        line: (point, 2).
        tolerance: in its unit, above 0.

    Returns:
        (fewer points, 2), the first and the last of them those of the line.
    """
    kept = np.zeros(len(line), bool)
    kept[[0, -1]] = True
    starts, ends = np.array([0]), np.array([len(line) - 1])
    while (wide := ends - starts > 1).any():
        starts, ends = starts[wide], ends[wide]
        stretch, places = _between(starts, ends)
        distance = _distance(line[places], line[starts][stretch], line[ends][stretch])
        begins = np.cumsum(ends - starts - 1) - (ends - starts - 1)
        farthest = np.maximum.reduceat(distance, begins)
        reached = np.flatnonzero(distance == farthest[stretch])
        first_of = np.unique(stretch[reached], return_index=True)[1]
        far = farthest > tolerance
        middles = places[reached[first_of]][far]
        kept[middles] = True
        starts, ends = np.r_[starts[far], middles], np.r_[middles, ends[far]]
    return line[kept]


def _between(starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places between the ends of all stretches, one stretch after the other: the number of each's, and each."""
    counts = ends - starts - 1
    stretch = np.repeat(np.arange(len(counts)), counts)
    begins = np.cumsum(counts) - counts
    return stretch, np.arange(counts.sum()) - begins[stretch] + starts[stretch] + 1


def _distance(points: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """(n,) from each point to a straight stretch of its own, all (n, 2)."""
    way, gone = last - first, points - first
    length = np.einsum("ij,ij->i", way, way)
    share = np.einsum("ij,ij->i", gone, way) / np.where(length > 0, length, 1)
    return np.hypot(*(gone - np.clip(share, 0, 1)[:, None] * way).T)
