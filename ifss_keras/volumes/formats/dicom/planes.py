"""Where the slices of a DICOM series lie: their order, and the affine from their voxels.

DICOM PS3.3 C.7.6.2.1.1: a position is that of the first pixel in LPS millimetres, an orientation the directions in
which columns and rows are counted, a pixel spacing the distances of rows and of columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.dicom.series import Series, parsing
from ifss_keras.volumes.formats.stored import LPS_TO_RAS
from ifss_keras.volumes.grid import GRID_TOLERANCE_VOXELS

_DOUBLED_MM = 0.001  # two slices nearer than this are at one place
_GAP_STEPS = 1.5  # a step longer than this many usual ones has slices missing in it
_TURNED = 1e-3  # by how much directions of one series may differ
_CM, _TWO_DIMENSIONAL = 3, 1  # PS3.3 C.8.5.5.1: units of a region, and its kind
_DIFFERENT = 0.01  # two sizes of a pixel that differ by more are two
_PLACES = (  # functional group and keyword of position and orientation, by whether they are those of the body
    (True, ("PlanePositionSequence", "ImagePositionPatient"), ("PlaneOrientationSequence", "ImageOrientationPatient")),
    (
        False,
        ("PlanePositionVolumeSequence", "ImagePositionVolume"),
        ("PlaneOrientationVolumeSequence", "ImageOrientationVolume"),
    ),
)


@dataclass(frozen=True, eq=False)
class Stack:
    """The slices of a series as axis k of a volume.

    Attributes:
        order: (slice,) the frame behind each, in the series' own order.
        affine: (4, 4), from (column, row, slice, 1) to RAS millimetres; sheared where the slices are displaced against
            each other, as by a tilted gantry.
        has_spacing: whether the series says how far its rows and columns lie apart.
        has_frame_step: whether it says how far its slices do; where not, the affine has 1 mm.
        in_body: whether positions are those of the patient.
    """

    order: np.ndarray
    affine: np.ndarray
    has_spacing: bool
    has_frame_step: bool
    in_body: bool


def stacked(series: Series) -> Stack:
    """The stack of a series: slices ascend along the normal of their rows and columns, whatever their names.

    Without positions (a cine) frames keep their order, files that of their instance numbers.

    Raises:
        InputError: slices are missing, doubled, unevenly far apart or differently turned.
    """
    frames = series.described
    pixel_mm = [pixel_mm_of(series, frame) for frame in frames]
    has_spacing = pixel_mm[0] is not None and all(_same(size, pixel_mm[0]) for size in pixel_mm)
    row_mm, column_mm = pixel_mm[0] if has_spacing else (1.0, 1.0)
    for in_body, position, orientation in _PLACES:
        positions = [numbers(series, frame, *position, 3) for frame in frames]
        turns = [numbers(series, frame, *orientation, 6) for frame in frames]
        if len(frames) == series.frames and all(value is not None for value in (*positions, *turns)):
            axes = directions(series, np.array(turns))
            order, step = ordered(np.array(positions), np.cross(*axes), series.path)
            lps = np.eye(4)
            lps[:3, :3] = np.column_stack([axes[0] * column_mm, axes[1] * row_mm, step])
            lps[:3, 3] = positions[order[0]]
            return Stack(order, LPS_TO_RAS @ lps, has_spacing, True, in_body)
    return Stack(_by_number(series), np.diag([-column_mm, -row_mm, 1.0, 1.0]), has_spacing, False, False)


def ordered(positions: np.ndarray, normal: np.ndarray, name: Any) -> tuple[np.ndarray, np.ndarray]:
    """The order of planes (plane, xyz) along their normal, and the step (xyz) from each to the next.

    Args:
        name: of the file, for texts.

    Raises:
        InputError: they are not evenly far apart.
    """
    along = positions @ normal
    order = np.argsort(along, kind="stable")
    if len(order) == 1:
        return order, normal
    steps = np.diff(along[order])
    if steps.min() < _DOUBLED_MM:
        at = along[order][int(steps.argmin())]
        raise InputError(
            f"{name} has two slices at the same place, {at:.4g} mm along their normal: expected one volume, received "
            "several in one series (echoes, times) or a doubled file; export one of them."
        )
    usual = float(np.median(steps))
    if steps.max() > _GAP_STEPS * usual:
        raise InputError(
            f"{name} has a gap of {steps.max():.4g} mm between two slices: expected steps of {usual:.4g} mm as between "
            "the others, so slices are missing; copy or export all of them."
        )
    step = (positions[order[-1]] - positions[order[0]]) / (len(order) - 1)
    off_mm = np.linalg.norm(positions[order] - positions[order[0]] - np.arange(len(order))[:, None] * step, axis=1)
    if off_mm.max() > GRID_TOLERANCE_VOXELS * usual:
        raise InputError(
            f"{name} has slices {steps.min():.4g} to {steps.max():.4g} mm apart, up to {off_mm.max():.4g} mm off even "
            "steps on a line: expected even steps; resample the series onto them first."
        )
    return order, step


def directions(series: Series, turns: np.ndarray) -> np.ndarray:
    """(2, 3) the directions in which columns and rows are counted, the same in all frames."""
    axes = turns[0].reshape(2, 3)
    if not np.allclose(axes @ axes.T, np.eye(2), atol=_TURNED):
        raise InputError(
            f"{series.path} has a header that cannot be used: expected two directions of length 1 at a right angle as "
            f"its orientation, received {np.round(turns[0], 4).tolist()}; export it again."
        )
    if np.abs(turns - turns[0]).max() > _TURNED:
        raise InputError(
            f"{series.path} has slices that are turned differently: expected one direction in a series, as not in "
            "localizers and radial scans; keep the slices of one volume."
        )
    return axes


def _by_number(series: Series) -> np.ndarray:
    """The order of frames without positions."""
    if len(series.files) == 1:
        return np.arange(series.frames)
    with parsing(series.path):
        numbers = [int(header.InstanceNumber) for header in series.headers]
    if len(set(numbers)) < len(numbers):
        raise InputError(
            f"{series.path} has slices that say no position and share an instance number: expected a position in "
            "each; export it again."
        )
    return np.argsort(numbers)


def pixel_mm_of(series: Series, frame: int) -> tuple[float, float] | None:
    """Distance of rows and of columns; None where it is not said, or said twice and differently."""
    spacing = numbers(series, frame, "PixelMeasuresSequence", "PixelSpacing", 2)
    said = [] if spacing is None else [tuple(spacing)]
    with parsing(series.path):
        for region in series.header_of(frame).get("SequenceOfUltrasoundRegions") or ():
            units = (region.get("PhysicalUnitsXDirection"), region.get("PhysicalUnitsYDirection"))
            if units == (_CM, _CM) and region.get("RegionSpatialFormat") == _TWO_DIMENSIONAL:
                said.append(tuple(10 * abs(float(region.get(f"PhysicalDelta{axis}"))) for axis in "YX"))
    usable = said and all(np.isfinite(size).all() and min(size) > 0 and _same(size, said[0]) for size in said)
    return said[0] if usable else None


def _same(size: tuple[float, float] | None, other: tuple[float, float]) -> bool:
    return size is not None and bool(np.allclose(size, other, rtol=_DIFFERENT, atol=0))


def numbers(series: Series, frame: int, group: str, keyword: str, count: int) -> np.ndarray | None:
    """So many finite numbers said of a frame, or None."""
    with parsing(series.path):
        value = series.said(frame, group, keyword)
        if value is None or isinstance(value, str) or np.size(value) != count:
            return None
        found = np.array([float(number) for number in ([value] if count == 1 else value)])
    return found if np.isfinite(found).all() else None
