"""What part of the slices is shown, how it is turned, and which grey values are black and white."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ifss_keras.metrics.masks import bounding_box, union_box
from ifss_keras.report.orientation import AS_STORED, View

SOFT_TISSUE_HU = (-160.0, 240.0)
AIR_HU = (-1100.0, -900.0)
AIR_SHARE = 0.0005  # of the voxels of a CT that are air, at least: within a body there is little
WATER_SHARE = 0.01
SAMPLED = 12  # slices that grey values are looked at on


@dataclass(frozen=True)
class Frame:
    """The part of all slices that is shown.

    Attributes:
        rows, columns: of the stored slices.
        row_mm, column_mm: distance of neighbouring stored rows and columns.
        view: how slices are turned.
    """

    rows: slice
    columns: slice
    row_mm: float
    column_mm: float
    view: View = AS_STORED

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of what is shown."""
        height, width = (part.stop - part.start for part in (self.rows, self.columns))
        return (width, height) if self.view.transposed else (height, width)

    @property
    def shown_mm(self) -> tuple[float, float]:
        """Distance of neighbouring rows and columns of what is shown."""
        return self.view.spacing_mm(self.row_mm, self.column_mm)

    @property
    def height_mm(self) -> float:
        return self.shape[0] * self.shown_mm[0]

    @property
    def width_mm(self) -> float:
        return self.shape[1] * self.shown_mm[1]

    @property
    def extent_mm(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top edge; voxel centres lie at their index times the spacing."""
        row_mm, column_mm = self.shown_mm
        return -column_mm / 2, self.width_mm - column_mm / 2, self.height_mm - row_mm / 2, -row_mm / 2

    def of(self, plane: np.ndarray) -> np.ndarray:
        """What is shown of a slice (row, column), turned."""
        return np.asarray(self.view.turned(plane[self.rows, self.columns]))


def crop_box(volumes: Sequence[np.ndarray], codes: Iterable[int]) -> tuple[slice, slice, slice]:
    """What to show of volumes (slice, row, column) on one grid: the box around all labels, in the plane with a margin.

    All of it if no label is found.
    """
    box = None
    for code in codes:
        for labels in volumes:
            box = union_box(box, bounding_box(labels, code))
    shape = volumes[0].shape
    if box is None:
        return tuple(slice(0, size) for size in shape)
    margin = max(6, round(0.12 * max(part.stop - part.start for part in box[1:])))
    in_plane = (
        slice(max(0, part.start - margin), min(size, part.stop + margin))
        for part, size in zip(box[1:], shape[1:], strict=True)
    )
    return (box[0], *in_plane)


@dataclass(frozen=True)
class Greys:
    """Which grey value is black and which is white."""

    black: float
    white: float
    is_ct: bool = False

    @classmethod
    def of(cls, image: np.ndarray, along: slice, frame: Frame) -> Greys:
        """The soft-tissue window for a CT; else the values that all but the darkest and brightest 0.5 % lie between.

        Args:
            image: (slice, row, column).
            along: the slices that are shown.
            frame: what is shown of them.
        """
        chosen = np.unique(np.linspace(along.start, along.stop - 1, SAMPLED).round().astype(int))
        planes = image[chosen]
        if _is_ct(planes):
            return cls(*SOFT_TISSUE_HU, is_ct=True)
        shown = planes[:, frame.rows, frame.columns]
        finite = shown[np.isfinite(shown)]
        low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 1.0)
        return cls(float(low), float(max(high, low + 1e-6)))

    def to_bytes(self, plane: np.ndarray) -> np.ndarray:
        """The grey values as 0 to 255; what is no number is black."""
        share = (plane.astype(np.float32) - self.black) / (self.white - self.black)
        return (np.clip(np.nan_to_num(share, nan=0.0, posinf=1.0, neginf=0.0), 0, 1) * 255).round().astype(np.uint8)


def _is_ct(planes: np.ndarray) -> bool:
    """Whether grey values are Hounsfield units: signed, with air at about -1000 and nothing far below but padding."""
    if planes.dtype.kind not in "if":
        return False
    air = np.count_nonzero((planes >= AIR_HU[0]) & (planes <= AIR_HU[1]))
    water = np.count_nonzero(np.abs(planes) <= SOFT_TISSUE_HU[1])
    enough = air >= AIR_SHARE * planes.size and water >= WATER_SHARE * planes.size
    return bool(enough and np.nanmin(planes) >= -4096)
