"""A volume in memory: a slice-first array, where its voxels lie, and what writing on its grid takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.colours import RGB
from ifss_keras.core.errors import InputError
from ifss_keras.core.paged import as_array
from ifss_keras.volumes.sweep import Sweep

# Others are no body's: most often another unit was taken for millimetres.
SMALLEST_SPACING_MM, LARGEST_SPACING_MM = 0.001, 50.0
SMALLEST_EXTENT_MM, LARGEST_EXTENT_MM = 1.0, 2500.0  # of the longest side
_SAME_PIXEL = 0.01  # relative


@dataclass(frozen=True)
class Source:
    """Where a volume came from, and how its stored axes became slice, row and column.

    Attributes:
        path: the file, or `None` for a volume made in memory.
        format: the name of its `Format`, or `None`.
        axis: the stored axis (0, 1 or 2; i, j, k in NIfTI, x, y, z elsewhere) that became the slice axis.
        names: for labels, the name of each code that the file itself names (the segments of a `.seg.nrrd`).
        colours: for labels, red, green and blue of each code that the file itself colours.
        oriented: whether the affine is known to say where the body's left, front and head are; not where it is only
            what programs write that know nothing, see `by_default`.
        nifti_header: the header of a NIfTI file, kept so that a mask gets the same form codes and units.
    """

    path: Path | None = None
    format: str | None = None
    axis: int = 2
    names: dict[int, str] = field(default_factory=dict)
    colours: dict[int, RGB] = field(default_factory=dict)
    oriented: bool = False
    nifti_header: Any = field(default=None, repr=False)

    @property
    def stored_order(self) -> tuple[int, int, int]:
        """The stored axis behind each axis of the array: (slice, row, column)."""
        return stored_order(self.axis)


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume as (slice, row, column), in the type it was stored in, with its place in space.

    Attributes:
        array: (slice, row, column); usually a read-only view of the only copy.
        affine: (4, 4), from (slice, row, column, 1) to RAS millimetres.
        spacing_mm: distance of neighbouring slices, rows and columns; from the affine unless overridden. Their product
            is the voxel's volume, also where axes are sheared, see `voxel_spacing_mm`.
        source: see `Source`.
        sweep: where each slice lies, if these are the frames of a tracked sweep; the affine is then the file's own and
            says nothing, and the distance of slices is the median of the true ones.
        places: (slice,) where each slice lies along the volume, ascending, in steps of the distance of slices; None:
            one step apart each.
    """

    array: np.ndarray
    affine: np.ndarray
    spacing_mm: tuple[float, float, float]
    source: Source = field(default_factory=Source)
    sweep: Sweep | None = None
    places: np.ndarray | None = None

    @classmethod
    def from_array(cls, array: np.ndarray, spacing_mm: tuple[float, float, float]) -> Volume:
        """A volume in memory, placed as a MetaImage file without orientation is: columns L, rows P, slices S.

        Args:
            array: (slice, row, column), real numbers; not copied.
            spacing_mm: slice, row, column.

        Raises:
            InputError: if the array is not three-dimensional and real, or a spacing is not positive, or larger than
                any of a body.
        """
        array = as_array(array)
        check_voxels(array, "the array")
        spacing_mm = check_spacing_mm(spacing_mm)
        check_extent(array.shape, spacing_mm, "the array")
        affine = np.zeros((4, 4))
        affine[2, 0], affine[1, 1], affine[0, 2] = spacing_mm[0], -spacing_mm[1], -spacing_mm[2]
        affine[3, 3] = 1.0
        return cls(array=array, affine=affine, spacing_mm=spacing_mm)

    @classmethod
    def from_stored(
        cls,
        stored: np.ndarray,
        stored_affine: np.ndarray,
        source: Source,
        spacing_mm: tuple[float, float, float] | None = None,
        sweep: Sweep | None = None,
    ) -> Volume:
        """A slice-first view of an array in stored axis order, without reorientation.

        Of the two axes that are not `source.axis`, the one that varies faster in the file (the lower index)
        becomes the column.

        Args:
            stored: (i, j, k).
            stored_affine: (4, 4), from (i, j, k, 1) to RAS millimetres.
            source: where it came from; its `axis` becomes the slice axis.
            spacing_mm: slice, row, column, in place of the affine's or the sweep's.
            sweep: where each slice lies, if these are the frames of a tracked sweep.

        Raises:
            InputError: if the affine cannot be inverted, sizes are larger than a body, or the spacing contradicts the
                sweep.
        """
        order = source.stored_order
        affine = np.asarray(stored_affine, np.float64)[:, [*order, 3]]
        if not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-12:
            raise InputError(
                f"{source.path} does not say where its voxels lie: expected three directions and an origin in numbers, "
                "received zeros or no numbers; export it again."
            )
        array = stored.transpose(order)
        if sweep is not None:
            spacing = _sweep_spacing_mm(sweep, array.shape, source, spacing_mm)
        else:
            spacing = voxel_spacing_mm(affine) if spacing_mm is None else check_spacing_mm(spacing_mm)
        check_extent(array.shape, spacing, str(source.path))
        array.flags.writeable = False
        return cls(array=array, affine=affine, spacing_mm=spacing, source=source, sweep=sweep)

    @property
    def stored_affine(self) -> np.ndarray:
        """(4, 4), from the indices as stored in the file (i, j, k, 1) to RAS millimetres."""
        affine = np.empty((4, 4))
        affine[:, [*self.source.stored_order, 3]] = self.affine
        return affine

    def to_stored(self, array: np.ndarray) -> np.ndarray:
        """A view of a (slice, row, column) array of this grid in stored axis order (i, j, k)."""
        return array.transpose(np.argsort(self.source.stored_order))

    @property
    def voxel_volume_ml(self) -> float:
        """Millilitres of one voxel: the determinant of the affine, unless the spacing is overridden."""
        return float(np.prod(self.spacing_mm) / 1000.0)


def stored_order(axis: int) -> tuple[int, int, int]:
    """The stored axes that become slice, row and column if stored axis `axis` is the slice axis."""
    if isinstance(axis, bool) or axis not in (0, 1, 2):
        raise InputError(
            f"axis {axis} is out of range: expected 0, 1 or 2, the axes as stored in the file "
            "(i, j, k in NIfTI; x, y, z in MetaImage and NRRD)."
        )
    faster, slower = (other for other in range(3) if other != axis)
    return (int(axis), slower, faster)


def affine_spacing_mm(affine: np.ndarray) -> tuple[float, float, float]:
    """Spacing along each index axis of an affine, in its unit: the lengths of its columns."""
    slice_mm, row_mm, column_mm = np.linalg.norm(affine[:3, :3], axis=0)
    return float(slice_mm), float(row_mm), float(column_mm)


def voxel_spacing_mm(affine: np.ndarray) -> tuple[float, float, float]:
    """The same, but for the slices: as far apart as makes the product of all three the voxel's volume.

    Where slices are displaced against each other (a tilted gantry), that is the distance of their planes.
    """
    slice_mm, row_mm, column_mm = affine_spacing_mm(affine)
    upright = abs(float(np.linalg.det(affine[:3, :3]))) / (slice_mm * row_mm * column_mm)
    return slice_mm * (upright if upright < 1 - 1e-6 else 1), row_mm, column_mm


def by_default(stored_affine: np.ndarray) -> bool:
    """Whether the axes are those of a file made without any knowledge of the body: i, j, k along L, P, S exactly."""
    spacing_mm = affine_spacing_mm(stored_affine)
    if not (np.isfinite(spacing_mm).all() and all(spacing_mm)):
        return False  # these are no axes, which is refused elsewhere
    axes = stored_affine[:3, :3] / spacing_mm
    return bool(np.allclose(axes, np.diag([-1, -1, 1]), atol=1e-6))


def check_spacing_mm(
    spacing_mm: tuple[float, float, float], order: str = "SLICE,ROW,COLUMN"
) -> tuple[float, float, float]:
    """The spacing as three floats, refused unless each lies between a micrometre and 50 mm.

    Args:
        spacing_mm: along three axes.
        order: what these are to whoever gave it.
    """
    try:
        first_mm, second_mm, third_mm = (float(value) for value in spacing_mm)
    except (TypeError, ValueError):
        raise InputError(
            f"spacing {spacing_mm!r} cannot be used: expected three numbers in mm, {order}.",
            setting="spacing_mm",
        ) from None
    values = (first_mm, second_mm, third_mm)
    if not all(SMALLEST_SPACING_MM <= value <= LARGEST_SPACING_MM for value in values):
        raise InputError(
            f"spacing {values} mm cannot be used: expected three numbers from {SMALLEST_SPACING_MM:g} to "
            f"{LARGEST_SPACING_MM:g}, {order}.",
            setting="spacing_mm",
        )
    return values


def _sweep_spacing_mm(
    sweep: Sweep, shape: tuple[int, ...], source: Source, given_mm: tuple[float, float, float] | None
) -> tuple[float, float, float]:
    """The spacing of a sweep; what is given may change the distance of its frames, but not the size of its pixels."""
    spacing_mm = sweep.spacing_mm(*shape[1:])
    if given_mm is None:
        return spacing_mm
    given_mm = check_spacing_mm(given_mm)
    if not np.allclose(given_mm[1:], spacing_mm[1:], rtol=_SAME_PIXEL):
        row_mm, column_mm = spacing_mm[1:]
        raise InputError(
            f"{source.path} is a tracked sweep with rows {row_mm:.4g} and columns {column_mm:.4g} mm apart: expected "
            f"these, received {given_mm[1]:g} and {given_mm[2]:g}; leave the spacing out, or correct the calibration.",
            setting="spacing_mm",
        )
    return given_mm


def check_extent(
    shape: tuple[int, ...], spacing_mm: tuple[float, float, float], name: str, order: str = "slice, row, column"
) -> None:
    """Refuses voxels and volumes that are larger than those of any body, or far smaller.

    Args:
        shape, spacing_mm: along three axes.
        name: what the volume is called.
        order: what the axes are called.

    Raises:
        InputError: naming the sizes.
    """
    extent_mm = np.multiply(shape, spacing_mm)
    fits = min(spacing_mm) >= SMALLEST_SPACING_MM and max(spacing_mm) <= LARGEST_SPACING_MM
    if not fits or not SMALLEST_EXTENT_MM <= extent_mm.max() <= LARGEST_EXTENT_MM:
        raise InputError(
            f"{name} is said to be {' x '.join(f'{size:.4g}' for size in extent_mm)} mm large, its voxels "
            f"{' x '.join(f'{size:.4g}' for size in spacing_mm)} mm ({order}): expected at most "
            f"{LARGEST_EXTENT_MM:g} mm and {LARGEST_SPACING_MM:g} mm, and not far less; give its spacing in mm.",
            setting="spacing_mm",
        )


def check_voxels(array: np.ndarray, name: str, *, image: bool = True) -> None:
    """Refuses what is not a (slice, row, column) array of real numbers; for images also 2D and not finite."""
    if array.ndim != 3 or array.size == 0:
        raise InputError(
            f"{name} has shape {array.shape}: expected three non-empty axes (slice, row, column); "
            "give a single 3D volume."
        )
    if array.dtype.kind not in "buif":
        raise InputError(f"{name} holds {array.dtype} values: expected real numbers; convert it first.")
    if not image:
        return
    if min(array.shape) < 2:
        slices, rows, columns = array.shape
        raise InputError(
            f"{name} is a 2D image, fewer than 2 slices, rows or columns: expected a volume, received "
            f"{slices} {'slice' if slices == 1 else 'slices'} of {rows} x {columns}; give the whole volume or another "
            "axis."
        )
    if array.dtype.kind == "f" and not any(np.isfinite(plane).any() for plane in array):
        raise InputError(f"{name} has no finite voxel: expected intensities, received only NaN or infinity.")


def present_codes(labels: np.ndarray) -> tuple[int, ...]:
    """The values that occur, in ascending order, found slice by slice to need little memory."""
    codes: set[int] = set()
    for plane in labels:
        if plane.dtype == np.uint8:  # several times faster than sorting them
            codes.update(np.flatnonzero(np.bincount(plane.ravel(), minlength=256)).tolist())
        else:
            codes.update(np.unique(plane).tolist())
    return tuple(sorted(codes))
