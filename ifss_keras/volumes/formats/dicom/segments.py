"""DICOM segmentations as label volumes: frames of one segment each, or of label codes, on the slices where they lie."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.colours import RGB
from ifss_keras.core.errors import InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.volumes.formats.dicom.claims import check_claims
from ifss_keras.volumes.formats.dicom.pixels import decoded
from ifss_keras.volumes.formats.dicom.planes import directions, numbers, pixel_mm_of
from ifss_keras.volumes.formats.dicom.series import Series, parsing, read_header
from ifss_keras.volumes.formats.stored import LPS_TO_RAS, Stored, one_line
from ifss_keras.volumes.grid import GRID_TOLERANCE_VOXELS
from ifss_keras.volumes.volume import Volume

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
LABEL_CODE = "label {}"  # the tracking ID by which a segment keeps its code
_LABEL_CODE = re.compile(r"label (\d{1,9})", re.ASCII)
_SAME_MM = 0.01


@dataclass(frozen=True)
class _Segment:
    number: int
    code: int
    name: str
    colour: RGB | None


@dataclass(frozen=True, eq=False)
class _Grid:
    """Where frames go.

    Attributes:
        places: (frame,) the slice of each.
        count: of slices.
        affine: (4, 4), from (column, row, slice, 1) to RAS millimetres.
        has_spacing, has_frame_step: as in `Stored`.
    """

    places: np.ndarray
    count: int
    affine: np.ndarray
    has_spacing: bool = True
    has_frame_step: bool = True


def read_segments(path: Path, max_gb: float | None, like: Volume | None) -> Stored:
    """The label codes (column, row, slice) of a segmentation, with the names and colours of its segments.

    A code is the segment's number, or the one that `ifss` wrote as its tracking ID. Slices that the file leaves out
    are empty; if its frames are slices of `like`, all slices of that are there, otherwise those from its first frame
    to its last.

    Args:
        max_gb: see `check_memory`.
        like: the image that the labels belong to, if known.

    Raises:
        InputError: it cannot be read, is fractional, has overlapping segments, or does not say where its frames lie.
    """
    header = read_header(path)
    with parsing(path):
        check_claims(path, header)
    series = Series(path, (path,), (header,))
    segments = _segments(path, header)
    shown = _shown(series, segments)
    grid = _grid(series, like)
    rows, columns = series.frame_shape
    dtype = np.min_scalar_type(max(segment.code for segment in segments.values()))
    check_memory(grid.count * rows * columns * dtype.itemsize, str(path), max_gb, settable=True)
    labels = np.zeros((grid.count, rows, columns), dtype)
    for frame, segment, place in zip(decoded(path, header), shown, grid.places, strict=True):
        if segment is None:
            _add_codes(labels[place], frame, segments, path)
        else:
            _add_segment(labels[place], _whole(frame, header, path), segment, segments.values(), path)
    names = {segment.code: segment.name for segment in segments.values()}
    colours = {segment.code: segment.colour for segment in segments.values() if segment.colour is not None}
    return Stored(
        labels.transpose(2, 1, 0),
        grid.affine,
        grid.has_spacing,
        oriented=True,
        names=names,
        colours=colours,
        has_frame_step=grid.has_frame_step,
    )


def _segments(path: Path, header: Any) -> dict[int, _Segment]:
    """Segment number to what is said of it."""
    from highdicom.color import CIELabColor

    found: dict[int, _Segment] = {}
    with parsing(path):
        for item in header.get("SegmentSequence") or ():
            number = int(item.SegmentNumber)
            match = _LABEL_CODE.fullmatch(str(item.get("TrackingID") or ""))
            lab = item.get("RecommendedDisplayCIELabValue")
            colour = None
            if lab is not None and np.size(lab) == 3:
                colour = tuple(round(part) for part in CIELabColor.from_dicom_value(list(lab)).to_rgb(clip=True))
            name = one_line(str(item.get("SegmentLabel") or "")) or f"Segment_{number}"
            found[number] = _Segment(number, int(match[1]) if match else number, name, colour)
        if len({segment.code for segment in found.values()}) < len(found):
            found = {key: _Segment(key, key, held.name, held.colour) for key, held in found.items()}
    if found and min(segment.code for segment in found.values()) < (header.get("SegmentationType") != "LABELMAP"):
        found = {}
    if not found:
        raise InputError(f"{path} describes no segments by numbers from 1 up: expected those; export it again.")
    return found


def _shown(series: Series, segments: dict[int, _Segment]) -> list[_Segment | None]:
    """The segment that each frame shows; None for each where the frames hold segment numbers."""
    kind = series.headers[0].get("SegmentationType")
    if kind == "LABELMAP":
        return [None] * series.frames
    if kind not in ("BINARY", "FRACTIONAL"):
        raise InputError(
            f"{series.path} is a segmentation of an unknown type: expected BINARY or LABELMAP; convert it."
        )
    shown = []
    for frame in range(series.frames):
        with parsing(series.path):
            number = series.said(frame, "SegmentIdentificationSequence", "ReferencedSegmentNumber")
        if number not in segments:
            raise InputError(
                f"{series.path} has frames of segment {number}, which it does not describe; export it again."
            )
        shown.append(segments[number])
    return shown


def _whole(frame: np.ndarray, header: Any, path: Path) -> np.ndarray:
    """Where a frame shows its segment."""
    full = int(header.get("MaximumFractionalValue") or 1) if header.SegmentationType == "FRACTIONAL" else 1
    mask = frame == full
    if not (mask | (frame == 0)).all():
        raise InputError(
            f"{path} is fractional: expected a segment or none in a voxel, received shares of {full}; export it as a "
            "binary segmentation."
        )
    return mask


def _add_segment(
    plane: np.ndarray, mask: np.ndarray, segment: _Segment, all_segments: Iterable[_Segment], path: Path
) -> None:
    if (taken := plane[mask]).any():
        other = next(held.name for held in all_segments if held.code == taken.max())
        raise InputError(
            f"{path} has overlapping segments, {other} and {segment.name}: expected at most one label per voxel, "
            f"received {np.count_nonzero(taken)} voxels with two in one slice; remove the overlap."
        )
    plane[mask] = segment.code


def _add_codes(plane: np.ndarray, frame: np.ndarray, segments: dict[int, _Segment], path: Path) -> None:
    for number in np.unique(frame).tolist():
        if number and number not in segments:
            raise InputError(f"{path} holds the segment {number}: expected those that it describes; export it again.")
        if number:
            plane[frame == number] = segments[number].code


def _grid(series: Series, like: Volume | None) -> _Grid:
    frames = range(series.frames)
    positions = [numbers(series, frame, "PlanePositionSequence", "ImagePositionPatient", 3) for frame in frames]
    turns = [numbers(series, frame, "PlaneOrientationSequence", "ImageOrientationPatient", 6) for frame in frames]
    if not all(value is not None for value in (*positions, *turns)):
        raise InputError(
            f"{series.path} does not say where its frames lie: expected a position and an orientation of each; save "
            "the labels as .seg.nrrd."
        )
    points, axes, pixel_mm = np.array(positions), directions(series, np.array(turns)), pixel_mm_of(series, 0)
    row_mm, column_mm = pixel_mm or (1.0, 1.0)
    lps = np.eye(4)
    lps[:3, 0], lps[:3, 1], lps[:3, 3] = axes[0] * column_mm, axes[1] * row_mm, points[0]
    own = like and _slices_of(like, LPS_TO_RAS @ lps, points, series.frame_shape)
    if own:
        return own
    places, step, said = _placed(series, points, np.cross(*axes))
    lps[:3, 2], lps[:3, 3] = step, points[int(places.argmin())]
    return _Grid(places, int(places.max()) + 1, LPS_TO_RAS @ lps, pixel_mm is not None, said)


def _slices_of(like: Volume, affine: np.ndarray, points: np.ndarray, frame_shape: tuple[int, int]) -> _Grid | None:
    """The grid of an image whose slices along stored axis k the frames are; None where they are not."""
    columns, rows, count = like.to_stored(like.array).shape
    known = like.stored_affine
    if (rows, columns) != frame_shape:
        return None
    turned = np.abs(affine[:3, :2] - known[:3, :2]).max(axis=0) * (columns, rows)
    ras = LPS_TO_RAS @ np.column_stack([points, np.ones(len(points))]).T
    indices = np.linalg.solve(known, ras)[:3].T
    places = np.rint(indices[:, 2]).astype(np.int64)
    indices[:, 2] -= places
    size = np.linalg.norm(known[:3, :2], axis=0).min()
    inside = places.min() >= 0 and places.max() < count
    fits = inside and np.abs(indices).max() <= GRID_TOLERANCE_VOXELS and turned.max() <= GRID_TOLERANCE_VOXELS * size
    return _Grid(places, count, known) if fits else None


def _placed(series: Series, points: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """The slice of each frame, the step (xyz) from slice to slice, and whether it is said; slices may be left out."""
    along = (points - points[0]) @ normal
    along -= along.min()
    apart = np.diff(np.unique(np.round(along / _SAME_MM)) * _SAME_MM)
    said = numbers(series, 0, "PixelMeasuresSequence", "SpacingBetweenSlices", 1)
    steps_mm = [float(abs(said[0]))] if said is not None and said[0] != 0 else []
    steps_mm += [float(apart.min())] if apart.size else []
    for step_mm in steps_mm:
        places = np.rint(along / step_mm).astype(np.int64)
        first, last = points[int(places.argmin())], points[int(places.argmax())]
        step = (last - first) / places.max() if places.max() else normal * step_mm
        if np.linalg.norm(points - first - places[:, None] * step, axis=1).max() <= GRID_TOLERANCE_VOXELS * step_mm:
            return places, step, True
    if not steps_mm:
        return np.zeros(len(points), np.int64), normal, False
    raise InputError(
        f"{series.path} has frames that lie on no even steps: expected slices of one volume, received "
        f"{apart.min():.4g} to {apart.max():.4g} mm between them; save the segmentation on the image's own grid."
    )
