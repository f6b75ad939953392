"""Where each frame of a tracked freehand sweep lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ifss_keras.core.errors import InputError

_LEAST_TRACKED = 2
_LEAST_STEP_MM = 0.001  # less is a frame that was stored twice
_NO_LENGTH = 1e-12
_QUARTERS = ((0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75))


@dataclass(frozen=True, eq=False)
class Sweep:
    """The plane of every frame, as a tracker saw it.

    Attributes:
        poses: (frame, 4, 4), from (x, row, column, 1) to millimetres in one space for all frames; pixels have x = 0,
            and the first column is the plane's unit normal, so that x is in millimetres. NaN where the tracker did not
            see the probe.
        timestamps_s: (frame,) when each was recorded, or None.
        space: name of the space, for texts.
        boxes: rows and columns of the array that each frame's picture covers, where they were laid beside each other;
            None: all.
    """

    poses: np.ndarray
    timestamps_s: np.ndarray | None = None
    space: str = "tracker"
    boxes: list[tuple[slice, slice]] | None = None

    @classmethod
    def of_planes(cls, planes: np.ndarray, **more) -> Sweep:
        """The sweep of matrices (frame, 4, 4) that lead from (column, row, anything, 1) in pixels to millimetres.

        That is the order of PLUS and of most files; the third column is not looked at. A frame whose matrix holds a
        number that is not finite is one that was not tracked.

        Raises:
            InputError: fewer than two tracked frames, or pixels without size or with two different ones.
        """
        planes = np.array(planes, np.float64)
        columns, rows = planes[:, :3, 0], planes[:, :3, 1]
        normals = np.cross(columns, rows)
        tracked = np.isfinite(planes[:, :3, [0, 1, 3]]).all(axis=(1, 2))
        if np.count_nonzero(tracked) < _LEAST_TRACKED:
            raise InputError(
                f"The sweep has {np.count_nonzero(tracked)} tracked frames of {len(planes)}: expected "
                f"{_LEAST_TRACKED} or more; choose other transforms."
            )
        lengths = np.linalg.norm(normals, axis=1)
        if not lengths[tracked].min() > 0:
            raise InputError("The sweep has frames without size: expected matrices from pixels to mm; correct them.")
        poses = np.full((len(planes), 4, 4), np.nan)
        poses[tracked] = np.eye(4)
        poses[tracked, :3, 0] = normals[tracked] / lengths[tracked, None]
        poses[tracked, :3, 1], poses[tracked, :3, 2] = rows[tracked], columns[tracked]
        poses[tracked, :3, 3] = planes[tracked, :3, 3]
        sizes = np.linalg.norm(poses[tracked, :3, 1:3], axis=1)
        if np.ptp(sizes, axis=0).max() > 0.01 * sizes.max():
            raise InputError(
                f"The sweep has pixels of {sizes.min():.4g} to {sizes.max():.4g} mm: expected the same in every frame; "
                "correct the matrices."
            )
        return cls(poses, **more)

    @property
    def tracked(self) -> np.ndarray:
        """(frame,) whether the tracker saw the probe."""
        return np.isfinite(self.poses).all(axis=(1, 2))

    @property
    def pixel_mm(self) -> tuple[float, float]:
        """Distance of neighbouring rows and of neighbouring columns."""
        row_mm, column_mm = np.linalg.norm(self.poses[self.tracked][0, :3, 1:3], axis=0)
        return float(row_mm), float(column_mm)

    def spacing_mm(self, rows: int, columns: int) -> tuple[float, float, float]:
        """Distance of neighbouring frames, rows and columns, for frames of that size.

        That of frames is a median: of how far, on average, the middles of an image's four quarters move along the
        normal from one tracked frame to the next. Frames that repeat the one before do not count.

        Raises:
            InputError: all frames lie in one plane.
        """
        frames = np.flatnonzero(self.tracked)
        poses = self.poses[frames]
        quarters = np.array([[0, row * (rows - 1), column * (columns - 1), 1] for row, column in _QUARTERS]).T
        moved = np.diff((poses @ quarters)[:, :3], axis=0)
        normals = poses[1:, :3, 0] + poses[:-1, :3, 0]
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), _NO_LENGTH)
        steps_mm = np.abs(np.einsum("fxq,fx->fq", moved, normals)).mean(axis=1) / np.diff(frames)
        steps_mm = steps_mm[steps_mm > _LEAST_STEP_MM]
        if not len(steps_mm):
            raise InputError("The sweep's frames all lie in one plane: expected a moving probe; give other transforms.")
        return float(np.median(steps_mm)), *self.pixel_mm
