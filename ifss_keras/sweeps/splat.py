"""Pixels of tracked frames added to the voxels in which they lie."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ifss_keras.core.progress import Progress, silent
from ifss_keras.sweeps.grid import Grid
from ifss_keras.volumes.sweep import Sweep

LINEAR, NEAREST = "linear", "nearest"
WEIGHTINGS = (LINEAR, NEAREST)
BLOCK_PIXELS = 1 << 18
BYTES_PER_PIXEL = 200  # of a block, while its pixels are placed


class Splatter:
    """Adds what is seen in the frames of a sweep to arrays of a grid, a block of pixels at a time.

    Args:
        sweep: where the frames lie.
        grid: that holds them.
        weighting: "linear" shares a pixel among the eight voxels around it, each as much as it is near; "nearest" gives
            all to one.
    """

    def __init__(self, sweep: Sweep, grid: Grid, weighting: str = LINEAR):
        self.sweep, self.grid, self.weighting = sweep, grid, weighting

    def zeros(self) -> np.ndarray:
        """(voxel,) float32, to add to."""
        return np.zeros(int(np.prod(self.grid.shape)), np.float32)

    def add(
        self, frames: np.ndarray, total: np.ndarray, weight: np.ndarray | None = None, *, progress: Progress = silent
    ) -> None:
        """Adds to each voxel of `total` the weighted values of its pixels, and to `weight` the weights.

        Frames that were not tracked and pixels that are not finite are left out.

        Args:
            frames: (frame, row, column) numbers.
            total, weight: (voxel,) float32.
            progress: told of "frames".
        """
        tracked = np.flatnonzero(self.sweep.tracked)
        for done, frame in enumerate(tracked, 1):
            for first, block in _blocks(frames[frame]):
                values = block.ravel().astype(np.float32)
                seen = np.isfinite(values)
                seen = slice(None) if seen.all() else seen
                values = values[seen]
                for index, share in self._shares(self._places(frame, first, block.shape)[:, seen]):
                    np.add.at(total, index, share * values)
                    if weight is not None:
                        np.add.at(weight, index, share)
            progress("frames", done, len(tracked))

    def _shares(self, place: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Index of a voxel and the share that it gets, for each place (3, pixel); as often as a pixel is shared."""
        sizes = np.array(self.grid.shape[::-1])
        strides = np.array([1, sizes[0], sizes[0] * sizes[1]])
        if self.weighting == NEAREST:
            index = np.clip(np.rint(place), 0, (sizes - 1)[:, None]).astype(np.int64)
            yield strides @ index, np.ones(index.shape[1], np.float32)
            return
        corner = np.clip(np.floor(place), 0, (sizes - 2)[:, None]).astype(np.int64)
        beyond = (place - corner).astype(np.float32)
        index, before = strides @ corner, 1 - beyond
        for x, y, z in np.ndindex(2, 2, 2):
            share = (before, beyond)[x][0] * (before, beyond)[y][1] * (before, beyond)[z][2]
            yield index + strides @ (x, y, z), share

    def _places(self, frame: int, first: int, shape: tuple[int, int]) -> np.ndarray:
        """(3, pixel): where the pixels of a block lie, in voxels along x, y, z."""
        pose = self.sweep.poses[frame]
        origin, row, column = ((pose[:3, 3] - self.grid.origin_mm), pose[:3, 1], pose[:3, 2])
        rows = (origin + np.arange(first, first + shape[0])[:, None] * row) / self.grid.spacing_mm
        columns = np.arange(shape[1])[:, None] * column / self.grid.spacing_mm
        return (rows.T[:, :, None] + columns.T[:, None, :]).reshape(3, -1)


def _blocks(frame: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Rows of a frame, and the number of the first, in pieces of few pixels."""
    rows = max(BLOCK_PIXELS // frame.shape[1], 1)
    for first in range(0, len(frame), rows):
        yield first, frame[first : first + rows]
