"""NIfTI files as arrays in stored axis order with an affine in RAS millimetres, by nibabel."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.fileholders import FileHolder
from nibabel.spatialimages import HeaderDataError, ImageDataError

from ifss_keras.core.errors import InputError
from ifss_keras.volumes.formats.stored import Stored, drop_trailing_axes

_MM_PER_UNIT = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
_PIECE_BYTES = 1 << 22
_UNREADABLE = (OSError, EOFError, ValueError, zlib.error, HeaderDataError, ImageDataError, MemoryError)


def read_nifti(path: Path) -> Stored:
    """The voxels (i, j, k) of a NIfTI-1 or NIfTI-2 file, scaled only if the file says so.

    Values keep the stored type unless `scl_slope` and `scl_inter` change them; then they are float32. RGB and
    RGBA voxels come as a fourth axis. Whether the file is compressed is told from its content, not its name,
    and a compressed stream is read to its end, so that its checksum is verified.

    Raises:
        InputError: if the file is not NIfTI, is truncated or corrupted, or has more than three axes.
    """
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    with _Gzip(path, "rb") if compressed else path.open("rb") as stream:
        try:
            klass = _image_class(stream.read(540))
        except _UNREADABLE:
            raise InputError(_damaged(path)) from None
        if klass is None:
            raise InputError(
                f"{path} is not a NIfTI image: expected a NIfTI-1 or NIfTI-2 header, found none; give the "
                "image itself or correct the file's extension."
            )
        stream.seek(0)
        try:
            image = klass.from_file_map({"image": FileHolder(fileobj=stream)}, mmap=False)
            shape = drop_trailing_axes(image.shape, path)
            array = np.asarray(image.dataobj.get_unscaled())
            while compressed and stream.read(_PIECE_BYTES):
                pass
        except InputError:
            raise
        except _UNREADABLE:
            raise InputError(_damaged(path)) from None
    array = _scaled(_plain(array.reshape(shape, order="F")), image.dataobj.slope, image.dataobj.inter)
    header = image.header.copy()
    oriented = bool(header["sform_code"] or header["qform_code"])
    return Stored(array, _affine_mm(image), header=header, oriented=oriented)


def write_nifti(
    path: Path, stored: np.ndarray, affine: np.ndarray, header: Any = None, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes voxels (i, j, k) with an affine to RAS millimetres; compressed where the name ends in `.gz`.

    Args:
        header: the header of the NIfTI file whose grid this is; its form codes and units are kept, everything
            that described its own intensities is dropped.
        metadata: custom fields, for which NIfTI has no place; not looked at.
    """
    klass = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    if header is None:
        header = klass.header_class()
        header.set_xyzt_units("mm")
        header.set_data_shape(stored.shape)
        header.set_qform(affine, code=1)
        header.set_sform(affine, code=1)
    else:
        header = header.copy()
        header.extensions.clear()
        header.set_intent("none")
        for key, empty in (("cal_min", 0), ("cal_max", 0), ("descrip", b""), ("aux_file", b"")):
            header[key] = empty
        affine = _in_unit(affine, header)
    header.set_data_dtype(stored.dtype)
    header.set_slope_inter(1, 0)
    klass(stored, affine, header).to_filename(path)


class _Gzip(gzip.GzipFile):
    """A compressed stream that fills a buffer piecewise; the inherited way holds all of it twice."""

    def readinto(self, buffer: bytearray | memoryview) -> int:
        view = memoryview(buffer).cast("B")
        filled = 0
        while piece := self.read(min(_PIECE_BYTES, len(view) - filled)):
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled


def _image_class(start: bytes) -> type | None:
    for klass in (nibabel.Nifti1Image, nibabel.Nifti2Image):
        if klass.header_class.may_contain_header(start):
            return klass
    return None


def _plain(array: np.ndarray) -> np.ndarray:
    """The same voxels in the machine's byte order; the fields of RGB(A) voxels as a fourth axis."""
    if array.dtype.names:
        fields = len(array.dtype.names)
        reversed_axes = array.T
        channels = reversed_axes.view(np.uint8).reshape(*reversed_axes.shape, fields)
        return channels.transpose(2, 1, 0, 3)
    if not array.dtype.isnative:
        array = array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return array


def _scaled(array: np.ndarray, slope: float, inter: float) -> np.ndarray:
    if (slope == 1 and inter == 0) or array.ndim != 3 or array.dtype.kind == "c":
        return array
    scaled = array.astype(np.float32, order="K")
    scaled *= np.float32(slope)
    scaled += np.float32(inter)
    return scaled


def _unit_mm(header: Any) -> float:
    try:
        return _MM_PER_UNIT.get(header.get_xyzt_units()[0], 1.0)
    except KeyError:  # a code that the standard does not define
        return 1.0


def _affine_mm(image: Any) -> np.ndarray:
    affine = np.array(image.affine, np.float64)
    affine[:3] *= _unit_mm(image.header)
    return affine


def _in_unit(affine: np.ndarray, header: Any) -> np.ndarray:
    affine = affine.copy()
    affine[:3] /= _unit_mm(header)
    return affine


def _damaged(path: Path) -> str:
    return (
        f"{path} is truncated or corrupted: expected a complete NIfTI image, its data end early or fail "
        "their check; copy or export the file again."
    )
