"""Volumes and labels from and to files of every format; the same data in each gives the same array."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ifss_keras.core.colours import RGB
from ifss_keras.core.errors import GeometryError, InputError
from ifss_keras.core.files import replacing
from ifss_keras.core.paged import as_array
from ifss_keras.volumes.formats.format import Format, Written
from ifss_keras.volumes.formats.registry import file_of, files_made, format_of, writing_format
from ifss_keras.volumes.formats.slicer_segments import merged_labels
from ifss_keras.volumes.formats.stored import Stored, grey
from ifss_keras.volumes.label_codes import as_codes, refuse_an_image
from ifss_keras.volumes.spacing import GivenSpacing
from ifss_keras.volumes.tracking import UNTRACKED, Tracking, sweep_of
from ifss_keras.volumes.volume import Source, Volume, by_default, check_voxels


def read_volume(
    path: str | Path,
    *,
    axis: int = 2,
    spacing_mm: tuple[float, float, float] | None = None,
    frame_step_mm: float | None = None,
    max_gb: float | None = None,
    tracking: Tracking = UNTRACKED,
) -> Volume:
    """The image in a file as (slice, row, column), in its stored type and held once; colours become grey.

    Args:
        path: `.nii`, `.nii.gz`, `.mha`, `.mhd`, `.nrrd`, `.nhdr`, `.mat` (`a.mat:name` for one of its arrays), `.tif`,
            a folder of frames, or DICOM: the folder of a series, one of its files, or a file of several frames,
            whatever its name. Tracked sweeps of PLUS, 3D Slicer and Stradwin are among them.
        axis: the stored axis that is the slice axis: 0, 1 or 2 (i, j, k in NIfTI; columns, rows and frames in folders
            and TIFF; dimensions 2, 1 and 3 in MATLAB; x, y, z elsewhere).
        spacing_mm: slice, row, column, used in place of the file's for distances and millilitres.
        frame_step_mm: distance of neighbouring frames (the last stored axis), in place of the file's; an ultrasound
            cine says only how far rows and columns lie apart.
        max_gb: the most memory that its voxels may take, in 10^9 bytes; None for what is free.
        tracking: where the frames of a sweep lie, as far as the file does not say it.

    Raises:
        InputError: in one sentence, for anything that cannot be used as a volume; a file that says no spacing, or
            none of its frames, is refused unless that is given.
    """
    path = Path(path)
    given = GivenSpacing(axis, spacing_mm, frame_step_mm)
    held = _format_at(path)
    stored = _read(path, lambda: held.read(path, max_gb))
    sweep = sweep_of(stored, axis, tracking, path)
    if sweep is None:
        stored = given.placed(stored, path)
    spacing_mm = given.of(stored.affine) if sweep is None else given.of_frames(path)
    source = Source(path, held.name, axis, oriented=_oriented(stored) and not sweep, nifti_header=stored.header)
    volume = Volume.from_stored(grey(stored.array, path), stored.affine, source, spacing_mm, sweep)
    check_voxels(volume.array, str(path))
    return volume


def read_labels(
    path: str | Path,
    *,
    axis: int = 2,
    spacing_mm: tuple[float, float, float] | None = None,
    frame_step_mm: float | None = None,
    max_gb: float | None = None,
    like: Volume | None = None,
) -> Volume:
    """The label codes in a file as (slice, row, column) integers; 0 is no label.

    `source.names` and `source.colours` hold those of the file's segments, where it names any; layers are merged (see
    `merge_layers`). Arguments are as in `read_volume`, and

        like: the image that the labels belong to: contours have no grid of their own, and a DICOM segmentation may
            leave out the slices without labels.

    Raises:
        InputError: in one sentence, if the file cannot be read, holds anything but whole numbers from 0 up, or is
            plainly an image.
    """
    path = Path(path)
    given = GivenSpacing(axis, spacing_mm, frame_step_mm)
    held = _format_at(path)
    if held.labels:
        stored = _read(path, lambda: held.labels(path, max_gb, like))
    else:
        stored = merged_labels(_read(path, lambda: held.read(path, max_gb)), path)
    stored = given.placed(stored, path)
    array, names, colours = stored.array, dict(stored.names), dict(stored.colours)
    source = Source(path, held.name, axis, names, colours, _oriented(stored), stored.header)
    check_voxels(array, str(path), image=False)
    volume = Volume.from_stored(as_codes(array, f"{path}"), stored.affine, source, given.of(stored.affine))
    refuse_an_image(volume.array, path)
    return volume


def write_labels(
    path: str | Path,
    labels: np.ndarray,
    like: Volume,
    names: dict[int, str] | None = None,
    colours: dict[int, RGB] | None = None,
) -> None:
    """Writes label codes on the grid of the file that `like` was read from: same axes, same affine.

    Args:
        path: the extension chooses the format; a `.seg.nrrd` opens in 3D Slicer with names and colours.
        labels: (slice, row, column), whole numbers from 0 up.
        like: the image that the labels belong to.
        names: name of each code, kept in a `.seg.nrrd`; other formats cannot hold names.
        colours: red, green and blue of some codes, kept likewise; the others get the palette's.

    Raises:
        GeometryError: if the shape is not that of `like`.
        InputError: if the file cannot be written, or a label is not a whole number from 0 up.
    """
    path = Path(path)
    labels = as_array(labels)
    check_voxels(labels, "the label volume", image=False)
    labels = as_codes(labels, "the label volume")
    largest = max(int(plane.max()) for plane in labels)
    dtype = np.dtype(np.uint8 if largest < 2**8 else np.uint16 if largest < 2**16 else np.int32)
    _write(path, labels.astype(dtype, copy=False), like, names or {}, colours or {}, labels=True)


def write_volume(path: str | Path, array: np.ndarray, like: Volume) -> None:
    """Writes an image (slice, row, column) on the grid of the file that `like` was read from.

    Raises:
        GeometryError: if the shape is not that of `like`.
        InputError: if the file cannot be written.
    """
    array = as_array(array)
    check_voxels(array, "the image")
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    _write(Path(path), array, like)


def check_writable(path: str | Path, source: Source | None = None) -> None:
    """Refuses a target that could not be written, so that long work does not end in vain.

    Args:
        source: of the image that the labels to be written belong to, if it is known: some formats refer to it.

    Raises:
        InputError: for an unknown extension, a missing folder, a folder as target, no permission, or an image that
            cannot be referred to.
    """
    path = Path(path)
    if source is not None and (check_image := writing_format(path).check_image):
        check_image(path, source)
    if writing_format(path).data_endings and not _in_utf8(path.name):
        raise InputError(
            f"{path} cannot be written: expected a name in UTF-8, as its header names a second file; give another name."
        )
    if path.is_dir():
        raise InputError(f"{path} cannot be written: expected a file, it is a folder; give a file name.")
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: expected an existing folder, {path.parent} is none; create it first."
        )
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise InputError(_unwritable(path, error)) from None
    _refuse_foreign_data(path)
    if path.exists() and not os.access(path, os.W_OK):
        raise InputError(f"{path} cannot be written: it is write-protected; choose another name.")


def _in_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _refuse_foreign_data(path: Path) -> None:
    """Refuses a new header whose voxels, in a second file, would replace those of another header."""
    for data in files_made(path)[1:]:
        if data.exists() and not path.exists():
            raise InputError(
                f"{path} cannot be written: its voxels would replace {data}, which belongs to another file; choose "
                f"another name."
            )


def _format_at(path: Path) -> Format:
    """The format of something that is there and can be opened.

    Raises:
        InputError: it is not there, empty, of an unknown format, or may not be read.
    """
    try:
        file = file_of(path)
        if not file.exists():
            raise InputError(f"{path} does not exist: expected an image file; check the path.")
        held = format_of(path)
        if file.is_dir():
            return held
        if file.stat().st_size == 0:
            raise InputError(f"{path} is empty: expected an image, received 0 bytes; copy or export it again.")
        with file.open("rb"):
            return held
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check its permissions.") from None


def _read(path: Path, read: Callable[[], Stored]) -> Stored:
    try:
        return read()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}; copy or export it again.") from None
    except MemoryError:
        raise InputError(f"{path} needs more memory than there is: close other programs, or cut it smaller.") from None


def _oriented(stored: Stored) -> bool:
    return stored.oriented and not by_default(stored.affine)


def _write(
    path: Path,
    array: np.ndarray,
    like: Volume,
    names: Mapping[int, str] = MappingProxyType({}),
    colours: Mapping[int, RGB] = MappingProxyType({}),
    labels: bool = False,
) -> None:
    if array.shape != like.array.shape:
        raise GeometryError(
            f"{path} cannot be written: expected an array of the image's shape {like.array.shape}, received "
            f"{array.shape}; bring it to the image's grid first."
        )
    check_writable(path, like.source)
    written = Written(like.to_stored(array), like.stored_affine, like.source, names, colours, labels)
    try:
        with replacing(path) as target:
            _write_at(target, path, written)
    except OSError as error:
        raise InputError(_unwritable(path, error)) from None


def _write_at(target: Path, path: Path, written: Written) -> None:
    """Writes to a hidden place; errors name the one where it will be."""
    try:
        writing_format(path).write(target, written)
    except InputError as error:
        raise InputError(str(error).replace(str(target), str(path))) from None


def _unwritable(path: Path, error: OSError) -> str:
    return f"{path} cannot be written: {error.strerror or error}; choose a folder with permission and space."
