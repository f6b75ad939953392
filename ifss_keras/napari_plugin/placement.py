"""Where a volume lies in a viewer's world, and what volume an array at some place of that world is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from nibabel.orientations import io_orientation, ornt2axcodes

from ifss_keras.core.errors import GeometryError
from ifss_keras.volumes.volume import Volume, affine_spacing_mm, check_spacing_mm, voxel_spacing_mm

UPRIGHT = 1e-4  # radians or so: rounded headers say no better whether slices are tilted
_STORED = ("slice", "row", "column")
# A world of unknown sides is taken as files without orientation are: its axes are S, P and L.
_TO_RAS = np.array([[0.0, 0, -1, 0], [0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])


@dataclass(frozen=True, eq=False)
class Placement:
    """How a viewer shows a volume: array index times scale, then affine, is a place in the world, in mm.

    Attributes:
        scale_mm: distance of neighbouring slices, rows and columns.
        affine: (4, 4), from scaled indices to the world. The world's axes are the body's, in the order and the
            direction that come nearest to slice, row and column, so that slices are never turned over.
        axis_labels: of the world: letters of the body's sides, towards which they grow; slice, row and column where
            the file does not say how the body lies.
        upright: whether the slices are planes of the world. A viewer cannot cut tilted ones, nor can anybody draw on
            them, so they are shown without their tilt: `affine` is then the identity, and the first voxel the origin.
    """

    scale_mm: tuple[float, float, float]
    affine: np.ndarray
    axis_labels: tuple[str, str, str]
    upright: bool

    @classmethod
    def of(cls, volume: Volume) -> Placement:
        """The place of a volume; frames of a sweep, which lie anywhere, are stacked."""
        if volume.sweep is not None:
            return cls(volume.spacing_mm, np.eye(4), _STORED, upright=True)
        orientation, lengths_mm = io_orientation(volume.affine), np.array(affine_spacing_mm(volume.affine))
        turned = _world_to_ras(orientation).T @ volume.affine @ np.diag([*(1 / lengths_mm), 1])
        tilt = np.abs(np.concatenate([turned[0, 1:3], turned[1:3, 0]])).max()
        if tilt > UPRIGHT:
            return cls(volume.spacing_mm, np.eye(4), _STORED, upright=False)
        turned[0, 1:3] = turned[1:3, 0] = 0.0  # a viewer takes anything else as tilted
        labels = ornt2axcodes(orientation) if volume.source.oriented else _STORED
        given = np.divide(volume.spacing_mm, voxel_spacing_mm(volume.affine))  # by a user, in place of the file's
        return cls(tuple((lengths_mm * given).tolist()), turned, labels, upright=True)

    @property
    def matrix(self) -> np.ndarray:
        """(4, 4), from (slice, row, column, 1) to the world in mm."""
        return self.affine @ np.diag([*self.scale_mm, 1.0])


def volume_at(array: np.ndarray, matrix: np.ndarray, known: Volume | None = None) -> Volume:
    """The volume that a viewer shows.

    Args:
        array: (slice, row, column).
        matrix: (4, 4), from (slice, row, column, 1) to the world in mm.
        known: as it was read, if it was. It stays what it is unless the viewer has moved or stretched it since: then
            the viewer's spacing counts for distances and millilitres, and files are still written on its own grid.

    Raises:
        InputError: the array is no volume, or its voxels are none of a body.
        GeometryError: the axes fall together.
    """
    if abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise GeometryError(
            "The image layer's scale or affine has no inverse: expected three directions; correct its transform."
        )
    spacing_mm = voxel_spacing_mm(matrix)
    if known is None:
        return replace(Volume.from_array(array, spacing_mm), affine=_TO_RAS @ matrix)
    if np.allclose(spacing_mm, voxel_spacing_mm(Placement.of(known).matrix), rtol=1e-6):
        return known
    if known.sweep is not None:
        raise GeometryError(
            "The image layer has another scale than its file, but the frames of a tracked sweep lie where their poses "
            "say: expected the file's; open it again."
        )
    return replace(known, spacing_mm=check_spacing_mm(spacing_mm))


def _world_to_ras(orientation: np.ndarray) -> np.ndarray:
    """(4, 4) of ones, of either sign: from the axes of RAS that come nearest to the array's, in its order, to RAS."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1.0
    for axis, (ras_axis, sign) in enumerate(orientation):
        matrix[int(ras_axis), axis] = sign
    return matrix
