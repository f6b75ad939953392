"""The spacing that somebody gives beside a file, in place of what the file says or does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.stored import Stored, default_affine
from ifss_keras.volumes.volume import affine_spacing_mm, check_spacing_mm, stored_order

_FRAME_AXIS = 2  # as stored


@dataclass(frozen=True)
class GivenSpacing:
    """What is given of a volume's spacing.

    Attributes:
        axis: the stored axis that is the slice axis.
        spacing_mm: slice, row, column; None: as the file says.
        frame_step_mm: of neighbouring frames, the last stored axis, alone; None likewise.

    Raises:
        InputError: both are given, or sizes that no body has.
    """

    axis: int
    spacing_mm: tuple[float, float, float] | None = None
    frame_step_mm: float | None = None

    def __post_init__(self):
        order = stored_order(self.axis)
        if self.frame_step_mm is None:
            return
        if self.spacing_mm is not None:
            raise InputError(
                "Both a spacing and a frame step are given: expected one of them; leave out the frame step.",
                setting="frame_step_mm",
            )
        try:
            check_spacing_mm(self._with_frame_step((1.0, 1.0, 1.0), order))
        except InputError:
            raise InputError(
                f"a frame step of {self.frame_step_mm!r} mm cannot be used: expected the distance of two frames in mm.",
                setting="frame_step_mm",
            ) from None

    def placed(self, stored: Stored, path: Path) -> Stored:
        """What a file holds, placed by the given spacing where the file itself says neither place nor spacing.

        Raises:
            InputError: it does not say its spacing, and that is not given either.
        """
        if self.spacing_mm is None:
            self._check_said(stored, path)
        elif stored.affine is None:
            placed_mm = np.empty(3)
            placed_mm[list(stored_order(self.axis))] = check_spacing_mm(self.spacing_mm)
            return replace(stored, affine=default_affine(placed_mm))
        return stored if stored.has_frame_step else self._stepped(stored)

    def _stepped(self, stored: Stored) -> Stored:
        """Frames that the file puts 1 mm apart, for want of better, as far apart as they are."""
        affine = stored.affine.copy()
        step_mm = self.frame_step_mm
        if step_mm is None:
            step_mm = check_spacing_mm(self.spacing_mm)[stored_order(self.axis).index(_FRAME_AXIS)]
        affine[:, _FRAME_AXIS] *= step_mm
        return replace(stored, affine=affine)

    def _check_said(self, stored: Stored, path: Path) -> None:
        if not stored.has_spacing:
            raise InputError(
                f"{path} does not say how far its voxels lie apart in mm: expected that in its header, once; "
                "give it as SLICE,ROW,COLUMN.",
                setting="spacing_mm",
            )
        if not stored.has_frame_step and self.frame_step_mm is None:
            raise InputError(
                f"{path} does not say how far its frames lie apart, and frames are not slices: expected a sweep of "
                "known, even steps; give the distance of two frames in mm, or reconstruct the volume first.",
                setting="frame_step_mm",
            )

    def of(self, stored_affine: np.ndarray) -> tuple[float, float, float] | None:
        """The spacing (slice, row, column) to use for a file's affine; None: the affine's own."""
        if self.frame_step_mm is None:
            return self.spacing_mm
        order = stored_order(self.axis)
        return self._with_frame_step(affine_spacing_mm(stored_affine[:, [*order, 3]]), order)

    def of_frames(self, path: Path) -> tuple[float, float, float] | None:
        """The same for the frames of a sweep, whose poses say how far they lie apart.

        Raises:
            InputError: a frame step is given.
        """
        if self.frame_step_mm is not None:
            raise InputError(
                f"{path} is a tracked sweep, whose poses say how far its frames lie apart: leave out the frame step.",
                setting="frame_step_mm",
            )
        return self.spacing_mm

    def _with_frame_step(
        self, spacing_mm: tuple[float, float, float], order: tuple[int, int, int]
    ) -> tuple[float, float, float]:
        slice_mm, row_mm, column_mm = (
            self.frame_step_mm if axis == _FRAME_AXIS else size for axis, size in zip(order, spacing_mm, strict=True)
        )
        return slice_mm, row_mm, column_mm
