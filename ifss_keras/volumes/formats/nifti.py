"""NIfTI files as arrays in stored axis order with an affine in RAS millimetres; headers by nibabel."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
from isal.igzip import IGzipFile

from ifss_keras.core.errors import InputError
from ifss_keras.core.paged import large_zeros
from ifss_keras.volumes.formats.fields import spaced
from ifss_keras.volumes.formats.format import Format, Written
from ifss_keras.volumes.formats.stored import Stored, drop_trailing_axes
from ifss_keras.volumes.formats.voxels import LEVEL, Layout, decompressed_start, is_gzip, read_voxels

_MM_PER_UNIT = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}
_HEADER_BYTES = 540
_FAULT = 40  # of nibabel's levels, the first that it does not mend

# nibabel tells its own logger, and so the terminal, what it mends in a header; this one tells nobody.
_NOBODY = logging.Logger("nobody")
_NOBODY.addHandler(logging.NullHandler())


def read_nifti(path: Path, max_gb: float | None) -> Stored:
    """The voxels (i, j, k) of a NIfTI-1 or NIfTI-2 file, scaled only if the file says so.

    Values keep the stored type unless `scl_slope` and `scl_inter` change them; then they are float32. RGB and
    RGBA voxels come as a fourth axis. Whether the file is compressed is told from its content, not its name.

    Args:
        max_gb: see `check_memory`.

    Raises:
        InputError: if the file is not NIfTI, is truncated or corrupted, or has more than three axes; or more memory is
            needed than allowed.
    """
    compressed = is_gzip(path)
    header, has_spacing = _read_header(path, compressed)
    try:
        shape = drop_trailing_axes(header.get_data_shape(), path)
        dtype, begin = header.get_data_dtype(), header.get_data_offset()
        slope, inter = header.get_slope_inter()
        affine = np.array(header.get_best_affine(), np.float64)
    except InputError:
        raise
    except _unusable() as error:
        raise _refusal(path, str(error)) from None
    if min(shape) < 1 or begin < header.single_vox_offset:
        raise _refusal(path, f"sizes are {shape} and voxels begin at byte {begin}")
    placed = {"compressed": True, "skipped": begin} if compressed else {"begin": begin}
    layout = Layout(shape, dtype, (path,), **placed)
    scaled = slope is not None and (slope, inter) != (1, 0) and dtype.kind in "iuf"
    array = _plain(read_voxels(layout, path, max_gb, 4 * layout.bytes // dtype.itemsize if scaled else 0))
    affine[:3] *= _unit_mm(header)
    array = _scaled(array, slope, inter) if scaled else array
    oriented = bool(header["sform_code"] or header["qform_code"])
    return Stored(array, affine, has_spacing, header=header, oriented=oriented)


def nifti_voxels(path: Path) -> int:
    """How many voxels the header of a file says; none is read.

    Raises:
        InputError: it is not NIfTI, or has more than three axes.
    """
    try:
        return math.prod(drop_trailing_axes(_read_header(path, is_gzip(path))[0].get_data_shape(), path))
    except _unusable() as error:
        raise error if isinstance(error, InputError) else _refusal(path, str(error)) from None


def write_nifti(path: Path, written: Written) -> None:
    """Writes voxels, compressed where the name ends in `.gz`.

    Where the image is a NIfTI file, its form codes and units are kept, and everything that described its own
    intensities is dropped.
    """
    import nibabel

    stored, affine, header = written.array, written.affine, written.source.nifti_header
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
        for key, empty in (("vox_offset", 0), ("cal_min", 0), ("cal_max", 0), ("descrip", b""), ("aux_file", b"")):
            header[key] = empty
        affine = _in_unit(affine, header)
    header.set_data_dtype(stored.dtype)
    header.set_slope_inter(1, 0)
    image = klass(stored, affine, header)
    with path.open("wb") as file:
        if path.suffix == ".gz":
            with IGzipFile("", "wb", LEVEL, file, mtime=0) as compressed:
                image.to_stream(compressed)
        else:
            image.to_stream(file)


FORMATS = (Format("nifti", (".nii.gz", ".nii"), read_nifti, nifti_voxels, write=write_nifti),)


def _read_header(path: Path, compressed: bool) -> tuple[Any, bool]:
    """The header, mended as nibabel does, and whether it says a spacing."""
    import nibabel

    if compressed:
        start = decompressed_start(path, _HEADER_BYTES)
    else:
        with path.open("rb") as file:
            start = file.read(_HEADER_BYTES)
    for klass in (nibabel.Nifti1Header, nibabel.Nifti2Header):
        if klass.may_contain_header(start):
            break
    else:
        raise InputError(
            f"{path} is not a NIfTI image: expected a NIfTI-1 or NIfTI-2 header, found none; give the "
            "image itself or correct the file's extension."
        )
    header = klass(start[: klass.sizeof_hdr], check=False)
    if header["magic"].item().startswith(b"ni"):
        raise _refusal(path, "voxels are in another file")
    header["pixdim"][1:4], said = spaced(np.array(header["pixdim"][1:4], np.float64))
    try:
        header.check_fix(logger=_NOBODY, error_level=_FAULT)
    except _unusable() as error:
        raise _refusal(path, str(error)) from None
    if header["sform_code"] > 0:
        return header, not said or _agree(header)
    return header, said and not _is_unset(header)


def _unusable() -> tuple[type[Exception], ...]:
    """What nibabel raises for a header that cannot be used."""
    from nibabel.spatialimages import HeaderDataError

    return (ValueError, OverflowError, HeaderDataError)


def _agree(header: Any) -> bool:
    """Whether the sizes of a voxel are about those of the affine that comes first, the sform."""
    return np.allclose(np.linalg.norm(header.get_sform()[:3, :3], axis=0), header["pixdim"][1:4], rtol=0.1)


def _refusal(path: Path, fault: str) -> InputError:
    return InputError(
        f"{path} has a header that cannot be used: expected that of a NIfTI image, received one in which "
        f"{' '.join(fault.split()).rstrip('.')}; export it again."
    )


def _plain(array: np.ndarray) -> np.ndarray:
    """The same voxels in the machine's byte order; the fields of RGB(A) voxels as a fourth axis."""
    if array.dtype.names:
        fields = len(array.dtype.names)
        reversed_axes = array.T
        channels = reversed_axes.view(np.uint8).reshape(*reversed_axes.shape, fields)
        return channels.transpose(2, 1, 0, 3)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    return array


def _scaled(array: np.ndarray, slope: float, inter: float) -> np.ndarray:
    scaled = large_zeros(array.shape, np.float32, order="F")
    for out, plane in zip(scaled.T, array.T, strict=True):
        np.multiply(plane, np.float32(slope), out=out, dtype=np.float32, casting="unsafe")
        out += np.float32(inter)
    return scaled


def _unit(header: Any) -> str:
    try:
        return header.get_xyzt_units()[0]
    except KeyError:  # a code that the standard does not define
        return "unknown"


def _unit_mm(header: Any) -> float:
    return _MM_PER_UNIT[_unit(header)]


def _is_unset(header: Any) -> bool:
    """Whether it has what programs write that know no spacing: 1 in no unit, and no affine."""
    return bool(header["qform_code"] == 0 and (header["pixdim"][1:4] == 1).all() and _unit(header) == "unknown")


def _in_unit(affine: np.ndarray, header: Any) -> np.ndarray:
    affine = affine.copy()
    affine[:3] /= _unit_mm(header)
    return affine
