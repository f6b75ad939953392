"""What users give beside the frames of a sweep: a matrix for each, or the calibration of the probe."""

from __future__ import annotations

import csv
import io
import math
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.tracked.plus import Frames, matrix_of, named_frames

_MOST_BYTES = 1 << 26
_MATRIX_NUMBERS, _MATRIX_AND_PIXEL = 17, 19  # frame and 16 numbers; and the size of a pixel
_LEAST_SHAPES = ((), (1,), (2,))
# What zipfile and NumPy raise on bytes that are not theirs.
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, ValueError, TypeError, EOFError, LookupError, RuntimeError)


def read_poses(path: Path, frames: int) -> np.ndarray:
    """(frame, 4, 4) that lead from pixels (column, row, 0, 1) to millimetres, NaN where there is none.

    A `.csv` has a row for each tracked frame: its number from 0 and the matrix row by row, 17 columns; the first line
    may name them. A `.npz` has an array `poses`, or one of the shape (frame, 4, 4) under any name.

    Matrices lead from pixels, the centre of the first at (0, 0). Where the size of a pixel is given, `row_mm` and
    `column_mm` behind each matrix in a `.csv` or `pixel_mm` (one number, or rows and columns) in a `.npz`, they lead
    from millimetres right of and below that centre.

    Raises:
        InputError: none of this, other frames than the image has, or matrices that seem to lead from millimetres
            without the size of a pixel.
    """
    readers = {".csv": _csv_poses, ".npz": _npz_poses}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path} holds no poses: expected a .csv or .npz file; convert it.", setting="poses")
    _check_file(path)
    poses, pixel_mm = readers[path.suffix.lower()](path, frames)
    known = poses[np.isfinite(poses).all(axis=(1, 2))]
    if not np.array_equal(known[:, 3], np.broadcast_to((0, 0, 0, 1), (len(known), 4))):
        raise InputError(
            f"{path} holds no poses: expected 0 0 0 1 as the last row of each; correct it.", setting="poses"
        )
    if pixel_mm is not None:
        return poses @ np.diag([pixel_mm[1], pixel_mm[0], 1, 1])
    if len(known) and np.allclose(np.linalg.norm(known[:, :3, :2], axis=1), 1, atol=1e-3):
        raise InputError(
            f"{path} holds matrices for pixels of 1 mm: expected the true size, or that they lead from millimetres; "
            f"give the size of a pixel in it.",
            setting="poses",
        )
    return poses


def read_calibration(path: Path) -> dict[Frames, np.ndarray]:
    """The transforms in a configuration file of PLUS (`.xml`), or the one matrix in a text file.

    A text file has 16 numbers, row by row. It leads from Image to Probe, unless the file's name says otherwise, as
    ImageToTransducer.txt does.

    Raises:
        InputError: there is none.
    """
    _check_file(path)
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix.lower() != ".xml":
        return {named_frames(path.stem) or ("Image", "Probe"): matrix_of(text, str(path))}
    refusal = InputError(
        f"{path} holds no calibration: expected a configuration of PLUS with <Transform From= To= Matrix=>; give "
        "another file.",
        setting="calibration",
    )
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # which could make it endless
        raise refusal
    try:
        found = list(ElementTree.fromstring(text).iter("Transform"))
    except (ElementTree.ParseError, ValueError):
        raise refusal from None
    transforms = {
        between: matrix_of(element.get("Matrix"), str(path))
        for element in found
        if (between := named_frames(f"{element.get('From')}To{element.get('To')}")) and element.get("Matrix")
    }
    if not transforms:
        raise refusal
    return transforms


def _csv_poses(path: Path, frames: int) -> tuple[np.ndarray, np.ndarray | None]:
    poses, sizes = np.full((frames, 4, 4), np.nan), []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = [(number, row) for number, row in enumerate(csv.reader(file), 1) if any(map(str.strip, row))]
    for place, (number, row) in enumerate(rows):
        values = _numbers(row)
        if place == 0 and values is None:
            continue  # names of columns
        if values is None or len(values) not in (_MATRIX_NUMBERS, _MATRIX_AND_PIXEL) or values[0] % 1:
            raise InputError(
                f"{path}, line {number}, holds no pose: expected the frame's number, 16 numbers and perhaps the size "
                f"of a pixel, received {len(row)} columns; correct it.",
                setting="poses",
            )
        frame = int(values[0])
        if not 0 <= frame < frames or not np.isnan(poses[frame]).all():
            raise InputError(
                f"{path}, line {number}, is of frame {frame}: expected each of 0 to {frames - 1} once; correct it.",
                setting="poses",
            )
        poses[frame] = np.reshape(values[1:_MATRIX_NUMBERS], (4, 4))
        sizes.append(tuple(values[_MATRIX_NUMBERS:]))
    if len(set(sizes)) > 1:
        raise InputError(f"{path} has pixels of several sizes: expected one; correct it.", setting="poses")
    return poses, _pixel_mm(np.array(sizes[0]), path) if sizes and sizes[0] else None


def _numbers(row: list[str]) -> list[float] | None:
    """The numbers of a row, NaN among them, or None where it holds anything else."""
    try:
        values = [float(text) for text in row]
    except ValueError:
        return None
    return values if not any(map(math.isinf, values)) and not math.isnan(values[0]) else None


def _npz_poses(path: Path, frames: int) -> tuple[np.ndarray, np.ndarray | None]:
    shape, content = (frames, 4, 4), io.BytesIO(path.read_bytes())
    try:
        with zipfile.ZipFile(content) as archive:
            shapes = {name.removesuffix(".npy"): _shape_in(archive, name) for name in archive.namelist()}
        fitting = [name for name, held in shapes.items() if held == shape]
        if "poses" not in fitting and len(fitting) != 1:
            raise InputError(
                f"{path} holds no poses: expected an array 'poses' or one alone of the shape {shape}, received "
                f"{', '.join(f'{name!a} {held}' for name, held in shapes.items()) or 'none'}; correct it.",
                setting="poses",
            )
        content.seek(0)
        with np.load(content, allow_pickle=False) as arrays:
            poses = np.array(arrays["poses" if "poses" in fitting else fitting[0]], np.float64)
            sized = shapes.get("pixel_mm") in _LEAST_SHAPES
            pixel_mm = np.array(arrays["pixel_mm"], np.float64) if sized else None
    except _BROKEN as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} cannot be read: expected a .npz file of NumPy; save it again.", setting="poses"
        ) from None
    if "pixel_mm" in shapes and pixel_mm is None:
        raise _no_size(path)
    return poses, None if pixel_mm is None else _pixel_mm(np.ravel(pixel_mm), path)


def _shape_in(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    """What the header of an array says, of which nothing else is read."""
    with archive.open(name) as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(member)
    return shape if dtype.kind in "iuf" else (-1,)


def _pixel_mm(values: np.ndarray, path: Path) -> np.ndarray:
    """Rows and columns."""
    if not np.isfinite(values).all() or not (values > 0).all():
        raise _no_size(path)
    return np.broadcast_to(values, 2)


def _no_size(path: Path) -> InputError:
    return InputError(
        f"{path} says no size of a pixel that can be used: expected one number above 0 in mm, or rows and columns; "
        "correct it.",
        setting="poses",
    )


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} does not exist: expected a file; check the path.")
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(f"{path} is too large: expected the numbers of a sweep; give another file.")
