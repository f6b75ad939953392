"""Contours of a DICOM structure set (RTSTRUCT) as labels on the grid of an image.

A voxel is inside where a ray from its centre crosses an odd number of edges of all contours of a structure in its
slice, so that a contour within another is a hole. An edge's own line belongs to the side of larger rows and columns:
structures that share an edge share no voxel and leave none out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ifss_keras.core.colours import RGB
from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.core.memory import check_memory
from ifss_keras.volumes.formats.dicom.series import parsing, read_header
from ifss_keras.volumes.formats.stored import LPS_TO_RAS, Stored, one_line
from ifss_keras.volumes.volume import Volume

CONTOURS = "1.2.840.10008.5.1.4.1.1.481.3"
_TAGS = ("SOPClassUID", "StructureSetROISequence", "ROIContourSequence")
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_FLAT_SLICES = 0.1  # by how much of a slice the points of a contour may leave its plane
_FARTHEST_MM = 1e6
_DECIMALS = 6  # of an index: what lies on a voxel's centre is there again after millimetres


@dataclass(eq=False)
class _Structure:
    name: str
    colour: RGB | None = None
    contours: list[np.ndarray] = field(default_factory=list)  # (point, xyz) in LPS millimetres


def read_contours(path: Path, max_gb: float | None, like: Volume | None) -> Stored:
    """The label codes (i, j, k) of the structures on the grid of `like`, with their names and colours.

    Codes are the ROI numbers, or 1, 2, ... where one of these is below 1. Contours lie in the planes of the image's
    slices: each belongs to the nearest slice, within half a slice.

    Args:
        max_gb: see `check_memory`.
        like: the image that they were drawn on.

    Raises:
        InputError: no image is given, the file cannot be read, holds no closed contour, or structures overlap.
        GeometryError: contours lie outside of the image, or not in the planes of its slices.
    """
    if like is None:
        raise InputError(
            f"{path} holds contours, which have no voxels of their own: expected the image they were drawn on beside "
            "them; give it as the reference of an image, or as the truth beside a mask."
        )
    structures = _structures(path)
    if not any(structure.contours for structure in structures.values()):
        raise InputError(f"{path} holds no closed contour: expected structures drawn on slices; export them again.")
    if min(structures) < 1:
        structures = dict(enumerate(structures.values(), 1))
    dtype = np.min_scalar_type(max(structures))
    check_memory(like.array.size * dtype.itemsize, str(path), max_gb, settable=True)
    labels = np.zeros(like.array.shape, dtype)
    to_indices = np.linalg.inv(like.affine) @ LPS_TO_RAS
    for code, structure in structures.items():
        for place, mask in _masks(structure, to_indices, like.array.shape, path):
            _add(labels[place], mask, code, structures, path)
    names = {code: structure.name for code, structure in structures.items()}
    colours = {code: structure.colour for code, structure in structures.items() if structure.colour is not None}
    stored, oriented = like.to_stored(labels), like.source.oriented
    return Stored(stored, like.stored_affine, oriented=oriented, names=names, colours=colours)


def filled(contours: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """(row, column) whether each pixel's centre lies inside of an odd number of closed contours.

    Args:
        contours: (point, 2) row and column of the corners of each, in pixels; the centre of the first pixel is 0, 0.
        shape: rows and columns.
    """
    crossed = np.zeros((shape[0], shape[1] + 1), np.int64)  # edges between a column and the one before, in each row
    for contour in contours:
        for edge in zip(contour.tolist(), np.roll(contour, -1, axis=0).tolist(), strict=True):
            (row, column), (last_row, last_column) = sorted(edge)  # the same from either side, to the last bit
            at = np.arange(*np.clip(np.ceil([row, last_row]), 0, shape[0]), dtype=np.int64)
            if at.size:
                where = column + (at - row) * ((last_column - column) / (last_row - row))
                np.add.at(crossed, (at, np.clip(np.ceil(where), 0, shape[1]).astype(np.int64)), 1)
    return np.cumsum(crossed[:, :-1], axis=1) % 2 == 1


def _structures(path: Path) -> dict[int, _Structure]:
    """ROI number to its name, colour and closed contours."""
    header = read_header(path, _TAGS)
    found: dict[int, _Structure] = {}
    with parsing(path):
        for item in header.get("StructureSetROISequence") or ():
            number = int(item.ROINumber)
            if number in found:
                raise ValueError(f"two structures of the number {number}")
            found[number] = _Structure(one_line(str(item.get("ROIName") or "")) or f"ROI_{number}")
        for item in header.get("ROIContourSequence") or ():
            structure = found[int(item.ReferencedROINumber)]
            structure.colour = _colour(item)
            for contour in item.get("ContourSequence") or ():
                if contour.ContourGeometricType in _CLOSED:
                    structure.contours.append(np.array([float(mm) for mm in contour.ContourData]).reshape(-1, 3))
        if not all(
            len(line) and (np.abs(line) < _FARTHEST_MM).all() for held in found.values() for line in held.contours
        ):
            raise ValueError("contours that are nowhere")
    return found


def _colour(item: Any) -> RGB | None:
    """The colour of a structure; None where it has none that can be shown."""
    value = item.get("ROIDisplayColor")
    if value is None or np.size(value) != 3 or not all(0 <= int(part) <= 255 for part in value):
        return None
    red, green, blue = (int(part) for part in value)
    return red, green, blue


def _masks(
    structure: _Structure, to_indices: np.ndarray, shape: tuple[int, ...], path: Path
) -> Iterator[tuple[int, np.ndarray]]:
    """Each slice in which a structure was drawn, with its (row, column) mask there."""
    of_slice: dict[int, list[np.ndarray]] = {}
    for contour in structure.contours:
        indices = np.round(contour @ to_indices[:3, :3].T + to_indices[:3, 3], _DECIMALS)
        if np.ptp(indices[:, 0]) > _FLAT_SLICES:
            raise GeometryError(
                f"{path} has a contour of {structure.name} that leaves the plane of a slice by "
                f"{np.ptp(indices[:, 0]):.3g} slices: expected contours drawn on the "
                f"image's slices; export them for this image and slice axis."
            )
        place = int(np.rint(indices[:, 0].mean()))
        if not 0 <= place < shape[0]:
            raise GeometryError(
                f"{path} has a contour of {structure.name} in slice {place} of the image: expected 0 to "
                f"{shape[0] - 1}; give the image it was drawn on."
            )
        of_slice.setdefault(place, []).append(indices[:, 1:])
    for place, contours in of_slice.items():
        yield place, filled(contours, shape[1:])


def _add(plane: np.ndarray, mask: np.ndarray, code: int, structures: dict[int, _Structure], path: Path) -> None:
    if (taken := plane[mask]).any():
        raise InputError(
            f"{path} has overlapping structures, {structures[int(taken.max())].name} and {structures[code].name}: "
            f"expected at most one label per voxel, received {np.count_nonzero(taken)} voxels with two in one slice; "
            "leave one of them out."
        )
    plane[mask] = code
