"""The grid of voxels that a sweep is put into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ifss_keras.volumes.formats.stored import LPS_TO_RAS
from ifss_keras.volumes.sweep import Sweep
from ifss_keras.volumes.volume import Volume, check_extent, check_spacing_mm

_ROUNDING = 1e-6  # of a voxel


@dataclass(frozen=True, eq=False)
class Grid:
    """Cubic voxels along the axes x, y, z of a sweep's space.

    A file in which they are written has the space's own coordinates, as those have that PLUS writes.

    Attributes:
        origin_mm: (x, y, z) of the first voxel's centre.
        spacing_mm: of neighbouring voxels.
        shape: voxels along z, y, x: slices, rows and columns.
    """

    origin_mm: np.ndarray
    spacing_mm: float
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, sweep: Sweep, rows: int, columns: int, spacing_mm: float) -> Grid:
        """The smallest that holds all pixels of the tracked frames, its first voxel at their least x, y and z.

        Raises:
            InputError: a spacing that is none, or a sweep that is larger than any body.
        """
        spacing_mm, _, _ = check_spacing_mm((spacing_mm,) * 3)
        corners = np.array([[0, row, column, 1] for row in (0, rows - 1) for column in (0, columns - 1)]).T
        places = (sweep.poses[sweep.tracked] @ corners)[:, :3].swapaxes(0, 1).reshape(3, -1)
        least, most = places.min(axis=1), places.max(axis=1)
        voxels = np.maximum(
            np.ceil((most - least) / spacing_mm - _ROUNDING) + 1, 2
        )  # two, to have a neighbour on either side
        check_extent(tuple(voxels), (spacing_mm,) * 3, "The sweep")
        columns, rows, slices = (int(count) for count in voxels)
        return cls(least, spacing_mm, (slices, rows, columns))

    @property
    def affine(self) -> np.ndarray:
        """(4, 4), from (slice, row, column, 1) to millimetres as `Volume` has them."""
        affine = np.zeros((4, 4))
        affine[[2, 1, 0], [0, 1, 2]] = self.spacing_mm
        affine[:3, 3], affine[3, 3] = self.origin_mm, 1
        return LPS_TO_RAS @ affine

    def volume(self, array: np.ndarray) -> Volume:
        """An array of the grid's shape, on it."""
        return Volume(array, self.affine, (self.spacing_mm,) * 3)
